//! `Fn::ForEach` of AWS::LanguageExtensions: one entry written for many. It makes keys, so it is expanded before anything else.
//!
//! `"Fn::ForEach::Name": [Identifier, [value, …], {"Key${Identifier}": body}]`

use crate::document::{Entry, Kind, Node};
use crate::limits;
use crate::problem::Findings;
use std::collections::BTreeMap;

const PREFIX: &str = "Fn::ForEach::";
const USAGE: &str = "write [Identifier, [value, …], {\"Key${Identifier}\": …}]";

/// The document with every loop written out; `None` if there is none.
pub(crate) fn expand(root: &Node, given: &BTreeMap<String, String>, findings: &Findings) -> Option<Node> {
    if !has_loops(root) {
        return None;
    }
    let mut loops = Loops { root, given, findings, made: 0 };
    Some(loops.node(root, &mut Vec::new()))
}

fn has_loops(node: &Node) -> bool {
    node.entries().iter().any(|entry| entry.key.starts_with(PREFIX) || has_loops(&entry.value))
        || node.items().iter().any(has_loops)
}

struct Loops<'r> {
    root: &'r Node,
    given: &'r BTreeMap<String, String>,
    findings: &'r Findings,
    made: usize,
}

/// Identifiers and what they stand for, the innermost last.
type Names = Vec<(String, String)>;

impl Loops<'_> {
    fn node(&mut self, node: &Node, names: &mut Names) -> Node {
        self.made += 1;
        if self.made > limits::DOCUMENT_NODES {
            let message = format!("loops make more than {} values", limits::DOCUMENT_NODES);
            self.findings.problem(crate::document::At { id: 0, ..node.at }, message, "loop over fewer values");
            return Node::broken(node.at);
        }
        if let Some(("Ref", argument)) = node.call()
            && let Some(name) = argument.as_text()
            && let Some((_, value)) = names.iter().rev().find(|(known, _)| known == name)
        {
            return Node::text(node.at, value);
        }
        let kind = match &node.kind {
            Kind::Text(text) => Kind::Text(replaced(text, names)),
            Kind::List(items) => Kind::List(items.iter().map(|item| self.node(item, names)).collect()),
            Kind::Map(entries) => Kind::Map(self.entries(entries, names)),
            other => other.clone(),
        };
        Node { at: node.at, kind }
    }

    fn entries(&mut self, entries: &[Entry], names: &mut Names) -> Vec<Entry> {
        let mut made = Vec::new();
        for entry in entries {
            if entry.key.starts_with(PREFIX) {
                made.extend(self.round(entry, names));
            } else {
                let value = self.node(&entry.value, names);
                made.push(Entry { key: replaced(&entry.key, names), at: entry.at, value });
            }
        }
        made
    }

    /// One loop.
    fn round(&mut self, entry: &Entry, names: &mut Names) -> Vec<Entry> {
        let [identifier, collection, body] = entry.value.items() else {
            self.findings.problem(entry.at, "Fn::ForEach is not written like this", USAGE);
            return Vec::new();
        };
        let (Some(identifier), Some(values)) = (identifier.as_text(), self.values(collection, names)) else {
            self.findings.problem(
                collection.at,
                "Fn::ForEach cannot loop over this",
                "use a list of texts, or Ref with a list parameter",
            );
            return Vec::new();
        };
        let mut made = Vec::new();
        for value in values {
            if self.made > limits::DOCUMENT_NODES {
                break;
            }
            names.push((identifier.to_owned(), value));
            made.extend(self.entries(body.entries(), names));
            names.pop();
        }
        made
    }

    fn values(&mut self, collection: &Node, names: &mut Names) -> Option<Vec<String>> {
        if let Some(("Ref", argument)) = collection.call() {
            let name = argument.as_text()?;
            let default = self.root.get("Parameters")?.get(name)?.get("Default").and_then(Node::to_text);
            let text = self.given.get(name).cloned().or(default)?;
            return Some(text.split(',').map(|one| one.trim().to_owned()).collect());
        }
        let Kind::List(items) = &collection.kind else { return None };
        items.iter().map(|item| self.node(item, names).to_text()).collect()
    }
}

/// `${Identifier}` and `&{Identifier}`, which drops what is no letter or digit.
fn replaced(text: &str, names: &Names) -> String {
    if names.is_empty() || !text.contains('{') {
        return text.to_owned();
    }
    names.iter().rev().fold(text.to_owned(), |text, (name, value)| {
        let bare: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
        text.replace(&format!("${{{name}}}"), value).replace(&format!("&{{{name}}}"), &bare)
    })
}
