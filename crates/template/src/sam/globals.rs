//! `Globals`: properties for all resources of a type. Maps are merged key by key, lists follow each other, and anything else
//! gives way to what the resource says itself.

use crate::document::{Entry, Kind, Node};
use crate::problem::{Findings, use_one_of};
use crate::resource::Resource;

/// Sections that SAM has; those that do not concern us are left alone.
const SECTIONS: &[&str] =
    &["Function", "Api", "HttpApi", "SimpleTable", "StateMachine", "LayerVersion", "WebSocketApi", "CapacityProvider"];

pub(super) struct Globals<'d>(&'d [Entry]);

impl<'d> Globals<'d> {
    pub(super) fn read(node: Option<&'d Node>, findings: &Findings) -> Self {
        let Some(node) = node else { return Self(&[]) };
        for entry in node.entries() {
            if !SECTIONS.contains(&entry.key.as_str()) {
                let remedy = use_one_of(&entry.key, SECTIONS.iter().copied(), "remove it");
                findings.problem(entry.at, format!("Globals have no section `{}`", entry.key), remedy);
            }
        }
        Self(node.entries())
    }

    /// The resource with what is global for its type, as far as its `IgnoreGlobals` leaves it: `"*"`, or a list of properties.
    pub(super) fn apply(&self, kind: &str, resource: &Resource, findings: &Findings) -> Resource {
        let mut resource = resource.clone();
        let Some(global) = self.0.iter().find(|entry| entry.key == kind) else { return resource };
        let kept = match &resource.ignore_globals {
            None => global.value.clone(),
            Some(all) if all.as_text() == Some("*") => return resource,
            Some(some) if matches!(some.kind, Kind::List(_)) => {
                let ignored = |name: &str| some.items().iter().any(|one| one.as_text() == Some(name));
                let entries = global.value.entries().iter().filter(|entry| !ignored(&entry.key)).cloned().collect();
                Node { at: global.value.at, kind: Kind::Map(entries) }
            }
            Some(other) => {
                let remedy = "write \"*\", or a list of properties";
                findings.problem(other.at, format!("IgnoreGlobals is {}", other.describe()), remedy);
                return resource;
            }
        };
        resource.properties = merged(&kept, &resource.properties);
        resource
    }
}

fn merged(global: &Node, own: &Node) -> Node {
    let kind = match (&global.kind, &own.kind) {
        // A function call is one value, whatever it looks like.
        _ if global.call().is_some() || own.call().is_some() => return own.clone(),
        (Kind::Map(inherited), Kind::Map(entries)) => {
            let mut all = entries.clone();
            for entry in inherited {
                match all.iter_mut().find(|own| own.key == entry.key) {
                    Some(own) => own.value = merged(&entry.value, &own.value),
                    None => all.push(entry.clone()),
                }
            }
            Kind::Map(all)
        }
        (Kind::List(inherited), Kind::List(items)) => Kind::List(inherited.iter().chain(items).cloned().collect()),
        _ => return own.clone(),
    };
    Node { at: own.at, kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globals_give_way_to_what_a_resource_says() {
        for (global, own, expected) in [
            (r#"{"Timeout": 3}"#, r#"{"Timeout": 5}"#, r#"{"Timeout":5}"#),
            (r#"{"Timeout": 3}"#, r#"{}"#, r#"{"Timeout":3}"#),
            (
                r#"{"E": {"V": {"A": "1", "B": "2"}}}"#,
                r#"{"E": {"V": {"B": "3"}}}"#,
                r#"{"E":{"V":{"A":"1","B":"3"}}}"#,
            ),
            (r#"{"Layers": ["a"]}"#, r#"{"Layers": ["b"]}"#, r#"{"Layers":["a","b"]}"#),
            (r#"{"Layers": ["a"]}"#, r#"{"Layers": {"Ref": "X"}}"#, r#"{"Layers":{"Ref":"X"}}"#),
        ] {
            let read = |text| crate::document::parse(0, text).unwrap().root;
            assert_eq!(merged(&read(global), &read(own)).to_json().to_string(), expected);
        }
    }
}
