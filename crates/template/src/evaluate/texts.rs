//! Functions that make text: Join, Base64, ToJsonString, ImportValue.

use super::Scope;
use crate::document::{At, Node};
use crate::limits;
use crate::problem::use_one_of;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

impl Scope<'_> {
    pub(super) fn join(&self, argument: &Node, at: At) -> Node {
        let usage = "[delimiter, [value, …]]";
        let Some([delimiter, list]) = self.arguments("Fn::Join", argument, |count| count == 2, usage) else {
            return Node::broken(at);
        };
        let (Some(delimiter), Some(items)) = (self.text("Fn::Join", delimiter), self.list("Fn::Join", list)) else {
            return Node::broken(at);
        };
        let mut parts = Vec::with_capacity(items.len());
        for item in &items {
            match item.to_text() {
                Some(text) => parts.push(text),
                None if item.is_broken() => return Node::broken(at),
                None => {
                    let message = format!("Fn::Join wants texts, and this is {}", item.describe());
                    return self.broken(item.at, message, format!("write {usage}"));
                }
            }
        }
        if delimiter.len().saturating_mul(parts.len()) > limits::EVALUATED_BYTES {
            return self.broken(at, "the joined text is too long", "use a shorter delimiter");
        }
        Node::text(at, parts.join(&delimiter))
    }

    pub(super) fn base64(&self, argument: &Node, at: At) -> Node {
        match self.text("Fn::Base64", argument) {
            Some(text) => Node::text(at, STANDARD.encode(text)),
            None => Node::broken(at),
        }
    }

    pub(super) fn to_json_string(&self, argument: &Node, at: At) -> Node {
        match self.evaluate(argument) {
            Some(value) => Node::text(at, value.to_json().to_string()),
            None => self.broken(at, "Fn::ToJsonString of AWS::NoValue", "give it a map or a list"),
        }
    }

    pub(super) fn import_value(&self, argument: &Node, at: At) -> Node {
        let Some(name) = self.text("Fn::ImportValue", argument) else { return Node::broken(at) };
        match self.imports.get(&name) {
            Some(value) => Node::text(at, value),
            None => {
                let otherwise = "load the stack that exports it together with this one";
                let remedy = use_one_of(&name, self.imports.keys().map(String::as_str), otherwise);
                self.broken(at, format!("no stack exports `{name}`"), remedy)
            }
        }
    }
}
