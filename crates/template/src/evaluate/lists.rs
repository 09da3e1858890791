//! Functions about lists and maps: Select, Split, FindInMap, Length, GetAZs.

use super::Scope;
use crate::document::{At, Kind, Node};
use crate::limits;
use crate::problem::use_one_of;

impl Scope<'_> {
    pub(super) fn select(&self, argument: &Node, at: At) -> Option<Node> {
        let usage = "[index, [value, …]]";
        let broken = || Some(Node::broken(at));
        let Some([index, list]) = self.arguments("Fn::Select", argument, |count| count == 2, usage) else {
            return broken();
        };
        let (Some(text), Some(mut items)) = (self.text("Fn::Select", index), self.list("Fn::Select", list)) else {
            return broken();
        };
        let Ok(wanted) = text.trim().parse::<usize>() else {
            return Some(self.broken(
                index.at,
                format!("`{text}` is no index"),
                format!("write {usage}, counted from 0"),
            ));
        };
        if wanted >= items.len() {
            let message = format!("Fn::Select wants item {wanted}, and there are {}", items.len());
            return Some(self.broken(at, message, "items are counted from 0"));
        }
        Some(items.swap_remove(wanted))
    }

    pub(super) fn split(&self, argument: &Node, at: At) -> Node {
        let usage = "[delimiter, text]";
        let Some([delimiter, text]) = self.arguments("Fn::Split", argument, |count| count == 2, usage) else {
            return Node::broken(at);
        };
        let (Some(delimiter), Some(text)) = (self.text("Fn::Split", delimiter), self.text("Fn::Split", text)) else {
            return Node::broken(at);
        };
        if delimiter.is_empty() {
            return self.broken(at, "Fn::Split has no delimiter", format!("write {usage}"));
        }
        // A node is a hundred times as large as the character it may hold.
        if text.len().saturating_mul(size_of::<Node>()) > limits::EVALUATED_BYTES {
            return self.broken(at, "the text is too long to be split", "split a shorter one");
        }
        Node::list(at, text.split(&delimiter).map(|part| Node::text(at, part)).collect())
    }

    pub(super) fn find_in_map(&self, argument: &Node, at: At) -> Option<Node> {
        let usage = "[map name, key, key] and, optionally, {DefaultValue: value}";
        let Some(items) = self.arguments("Fn::FindInMap", argument, |count| (3..=4).contains(&count), usage) else {
            return Some(Node::broken(at));
        };
        let mut keys = Vec::new();
        for item in &items[..3] {
            match self.text("Fn::FindInMap", item) {
                Some(key) => keys.push((key, item.at)),
                None => return Some(Node::broken(at)),
            }
        }
        let mut found = self.mappings;
        for (key, place) in &keys {
            let within = found;
            found = within.and_then(|map| map.get(key));
            if found.is_none() {
                if let Some(default) = items.get(3).and_then(|last| last.get("DefaultValue")) {
                    return self.evaluate(default);
                }
                let known = within.map(Node::entries).unwrap_or_default().iter().map(|entry| entry.key.as_str());
                let remedy = use_one_of(key, known, "add it to Mappings");
                return Some(self.broken(*place, format!("Mappings have no `{key}` here"), remedy));
            }
        }
        self.evaluate(found?)
    }

    pub(super) fn length(&self, argument: &Node, at: At) -> Node {
        match self.list("Fn::Length", argument) {
            Some(items) => Node { at, kind: Kind::Number(items.len().to_string()) },
            None => Node::broken(at),
        }
    }

    /// Three zones, whatever the region: nothing here has one.
    pub(super) fn availability_zones(&self, at: At) -> Node {
        let zone = |letter: &str| Node::text(at, format!("{}{letter}", self.environment.region));
        Node::list(at, ["a", "b", "c"].map(zone).into())
    }
}
