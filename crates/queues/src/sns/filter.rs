//! Which messages of a topic a subscriber gets.

use crate::attributes::{Content, MessageAttributes};
use crate::refusal::Refusal;
use serde_json::{Map, Value};
use sluicegate_pattern::Filter;

/// What attributes and bodies are looked at with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterPolicy {
    filter: Filter,
    /// As it was written.
    text: String,
    scope: Scope,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Attributes,
    Body,
}

const ATTRIBUTES: &str = "MessageAttributes";
const BODY: &str = "MessageBody";

impl FilterPolicy {
    pub(crate) fn parse(text: &str, scope: Option<&str>) -> Result<Self, Refusal> {
        let scope = match scope {
            None | Some(ATTRIBUTES) => Scope::Attributes,
            Some(BODY) => Scope::Body,
            Some(other) => {
                let message = format!(
                    "FilterPolicyScope: Invalid value [{other}]. Please use either MessageBody or MessageAttributes"
                );
                return Err(Refusal::sns(message));
            }
        };
        let filter = Filter::compile(&[text]).map_err(|error| Refusal::sns(format!("FilterPolicy: {error}")))?;
        Ok(Self { filter, text: text.to_owned(), scope })
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn scope(&self) -> &'static str {
        match self.scope {
            Scope::Attributes => ATTRIBUTES,
            Scope::Body => BODY,
        }
    }

    /// A body that is no JSON object passes no filter of bodies.
    pub(crate) fn lets_pass(&self, attributes: &MessageAttributes, body: &str) -> bool {
        match self.scope {
            Scope::Attributes => self.filter.matches(&event(attributes)).unwrap_or(false),
            Scope::Body => self.filter.matches(body).unwrap_or(false),
        }
    }
}

/// Attributes as an object: numbers and lists as such, nothing of what is binary.
fn event(attributes: &MessageAttributes) -> String {
    let each = attributes.iter().filter_map(|(name, attribute)| {
        let Content::Text(text) = &attribute.content else { return None };
        let parsed = || serde_json::from_str(text).ok();
        let value = match attribute.data_type.as_str() {
            "Number" => parsed().filter(Value::is_number),
            "String.Array" => parsed().filter(Value::is_array),
            _ => None,
        };
        Some((name.clone(), value.unwrap_or_else(|| text.as_str().into())))
    });
    Value::Object(Map::from_iter(each)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn subscribers_get_what_their_policy_lets_pass() {
        let attributes = json!({
            "store": {"DataType": "String", "StringValue": "example"},
            "price": {"DataType": "Number", "StringValue": "120.5"},
            "tags": {"DataType": "String.Array", "StringValue": "[\"red\", \"new\"]"},
        });
        let attributes = MessageAttributes::parse(attributes.as_object().unwrap()).unwrap();
        let body = r#"{"order": {"kind": "gift"}}"#;
        for (policy, scope, expected) in [
            (r#"{"store": ["example"]}"#, None, true),
            (r#"{"store": ["other"]}"#, None, false),
            (r#"{"store": [{"anything-but": ["other"]}], "price": [{"numeric": [">", 100]}]}"#, Some(ATTRIBUTES), true),
            (r#"{"price": [{"numeric": ["<", 100]}]}"#, None, false),
            (r#"{"tags": ["new"]}"#, None, true),
            (r#"{"absent": [{"exists": false}]}"#, None, true),
            (r#"{"order": {"kind": ["gift"]}}"#, Some(BODY), true),
            (r#"{"order": {"kind": ["gift"]}}"#, None, false),
            (r#"{"order": {"kind": ["plain"]}}"#, Some(BODY), false),
        ] {
            let filter = FilterPolicy::parse(policy, scope).unwrap();
            assert_eq!(filter.lets_pass(&attributes, body), expected, "{policy} {scope:?}");
        }
        assert!(!FilterPolicy::parse(r#"{"a": ["b"]}"#, Some(BODY)).unwrap().lets_pass(&attributes, "text"));
        assert!(FilterPolicy::parse("{", None).is_err());
        assert!(FilterPolicy::parse(r#"{"a": ["b"]}"#, Some("Elsewhere")).is_err());
    }
}
