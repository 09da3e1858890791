//! Short tags: `!GetAtt A.B` is `{"Fn::GetAtt": ["A", "B"]}`.

use super::{At, Kind, Node};

/// What a short tag stands for; `None` for a tag that CloudFormation does not have.
pub(super) fn function(suffix: &str) -> Option<String> {
    const AS_THEY_ARE: &[&str] = &["Ref", "Condition"];
    const FUNCTIONS: &[&str] = &[
        "And",
        "Base64",
        "Cidr",
        "Contains",
        "EachMemberEquals",
        "EachMemberIn",
        "Equals",
        "FindInMap",
        "GetAtt",
        "GetAZs",
        "If",
        "ImportValue",
        "Join",
        "Length",
        "Not",
        "Or",
        "RefAll",
        "Select",
        "Split",
        "Sub",
        "ToJsonString",
        "Transform",
        "ValueOf",
        "ValueOfAll",
        "GetStackOutput",
    ];
    if AS_THEY_ARE.contains(&suffix) {
        return Some(suffix.to_owned());
    }
    FUNCTIONS.contains(&suffix).then(|| format!("Fn::{suffix}"))
}

/// What a tag stands for that does not exist.
pub(super) const UNKNOWN: &str = "";

pub(super) const REMEDY: &str = "use a function of CloudFormation, such as !Ref, !GetAtt, !Sub or !Join";

/// The call a tagged value is.
pub(super) fn call(function: String, at: At, argument: Node) -> Node {
    if function == UNKNOWN {
        return Node::broken(at);
    }
    let argument = match (&function[..], &argument.kind) {
        // Attributes may have dots of their own: `Outputs.Name`.
        ("Fn::GetAtt", Kind::Text(text)) => match text.split_once('.') {
            Some((resource, attribute)) => {
                let parts = [resource, attribute].map(|part| Node::text(argument.at, part));
                Node::list(argument.at, parts.into())
            }
            None => argument,
        },
        _ => argument,
    };
    Node::map(at, [(function, argument)])
}
