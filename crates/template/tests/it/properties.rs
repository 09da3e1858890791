//! The list of types: what is used is used, what is refused is refused, what nobody knows is told.

use crate::disk::Written;
use sluicegate_template::{Options, kinds, load};
use std::path::Path;

fn outcome(kind: &str, property: &str, value: &str) -> (String, String) {
    let text = format!(
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  It:\n    Type: {kind}\n    Properties: {{{property}: {value}}}\n"
    );
    match load(Path::new("template.yaml"), &Written::template(text), &Options::default()) {
        Ok(stacks) => {
            (String::new(), stacks[0].notes.iter().map(|note| note.message.as_str()).collect::<Vec<_>>().join("\n"))
        }
        Err(problems) => (problems.to_string(), String::new()),
    }
}

#[test]
fn no_property_is_listed_twice() {
    for kind in kinds::TYPES {
        let mut all: Vec<&str> = kind.used.iter().chain(kind.ignored).copied().collect();
        all.extend(kind.refused.iter().map(|refused| refused.property));
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count, "{}", kind.name);
    }
}

#[test]
fn used_properties_are_looked_at_and_ignored_ones_are_not() {
    for kind in kinds::TYPES {
        for property in kind.used {
            let (problems, _) = outcome(kind.name, property, "!Ref Nobody");
            assert!(
                problems.contains("there is no parameter or resource `Nobody`")
                    || problems.contains(&format!("{property} should be a map")),
                "{}.{property}: {problems}",
                kind.name
            );
        }
        for property in kind.ignored {
            let (problems, notes) = outcome(kind.name, property, "{a: [1]}");
            assert!(
                !problems.contains(property) && !notes.contains(property),
                "{}.{property}: {problems}{notes}",
                kind.name
            );
        }
        for refused in kind.refused {
            let (problems, _) = outcome(kind.name, refused.property, "x");
            assert!(problems.contains(refused.message), "{}.{}: {problems}", kind.name, refused.property);
        }
    }
}

#[test]
fn what_nobody_knows_is_a_problem_if_it_is_a_slip_and_a_note_otherwise() {
    let (problems, _) = outcome("AWS::SQS::Queue", "DelaySecond", "1");
    assert!(
        problems.contains("AWS::SQS::Queue has no property `DelaySecond`; did you mean `DelaySeconds`?"),
        "{problems}"
    );
    let (problems, notes) = outcome("AWS::SQS::Queue", "Zzz", "1");
    assert!(
        problems.is_empty() && notes.contains("AWS::SQS::Queue has no property `Zzz` here; it is left out"),
        "{problems}{notes}"
    );
}
