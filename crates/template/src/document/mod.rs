//! A document as it was written: values with the place each stands at.
//!
//! JSON and YAML give the same tree. A short tag (`!Ref x`) is read as the map it stands for (`{"Ref": "x"}`), so nothing
//! after this module knows of two notations. Numbers keep their digits: an account id is text to whoever reads it.

mod json;
mod scalar;
mod tag;
mod yaml;

use crate::limits;
use std::collections::{HashMap, HashSet};

/// Where something is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct At {
    /// Which of the files that were read.
    pub(crate) file: u16,
    /// From 1; 0 for what is in no file.
    pub(crate) line: u32,
    /// From 1, in characters.
    pub(crate) column: u32,
    /// Counts values and keys of a document, so that a place tells its path.
    pub(crate) id: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    /// Of a map or a list that is the value of a key: where the key is.
    pub(crate) at: At,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    /// As it was written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// What could not be worked out; why has been reported. No document says this.
    Broken,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: At,
    pub(crate) value: Node,
}

/// Why a document could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) at: At,
    pub(crate) message: String,
    pub(crate) remedy: String,
}

/// What was read, and what is wrong with it though it could be: keys that stand twice, tags that do not exist.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) root: Node,
    pub(crate) complaints: Vec<Unreadable>,
}

/// Reads JSON if the text begins like it, YAML otherwise.
pub(crate) fn parse(file: u16, text: &str) -> Result<Document, Unreadable> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder::new(file);
    if text.len() > limits::DOCUMENT_BYTES {
        return Err(builder.unreadable(
            (0, 0),
            format!("the file has {} bytes; a template has at most {}", text.len(), limits::DOCUMENT_BYTES),
            "split it: AWS takes templates up to 1 MB",
        ));
    }
    let json = text.trim_start().starts_with(['{', '[']);
    let root = if json { json::parse(text, &mut builder) } else { yaml::parse(text, &mut builder) }?;
    Ok(Document { root, complaints: builder.complaints })
}

impl Node {
    pub(crate) fn text(at: At, text: impl Into<String>) -> Self {
        Self { at, kind: Kind::Text(text.into()) }
    }

    pub(crate) fn broken(at: At) -> Self {
        Self { at, kind: Kind::Broken }
    }

    pub(crate) fn bool(at: At, value: bool) -> Self {
        Self { at, kind: Kind::Bool(value) }
    }

    pub(crate) fn list(at: At, items: Vec<Self>) -> Self {
        Self { at, kind: Kind::List(items) }
    }

    /// A map whose keys stand where it does.
    pub(crate) fn map<K: Into<String>>(at: At, entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        let entries = entries.into_iter().map(|(key, value)| Entry { key: key.into(), at, value });
        Self { at, kind: Kind::Map(entries.collect()) }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(crate) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Text, and what CloudFormation takes for text: numbers and booleans.
    pub(crate) fn to_text(&self) -> Option<String> {
        match &self.kind {
            Kind::Text(text) | Kind::Number(text) => Some(text.clone()),
            Kind::Bool(value) => Some(value.to_string()),
            Kind::Null | Kind::List(_) | Kind::Map(_) | Kind::Broken => None,
        }
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.kind == Kind::Broken
    }

    /// What to call it in a message.
    pub(crate) fn describe(&self) -> &'static str {
        match self.kind {
            Kind::Null | Kind::Broken => "nothing",
            Kind::Bool(_) => "a boolean",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    /// The one key of a map that is a function call, and its argument.
    pub(crate) fn call(&self) -> Option<(&str, &Self)> {
        match self.entries() {
            [only] if only.key == "Ref" || only.key.starts_with("Fn::") => Some((&only.key, &only.value)),
            _ => None,
        }
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.kind {
            Kind::Null | Kind::Broken => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(digits) => serde_json::from_str(digits).unwrap_or_else(|_| Value::String(digits.clone())),
            Kind::Text(text) => Value::String(text.clone()),
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.value.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

/// The paths of some places, such as `Resources.Chat.Properties.Handler`.
pub(crate) fn paths(root: &Node, wanted: &HashSet<u32>) -> HashMap<u32, String> {
    let mut found = HashMap::new();
    let mut path = Vec::new();
    walk(root, wanted, &mut path, &mut found);
    found
}

fn walk(node: &Node, wanted: &HashSet<u32>, path: &mut Vec<String>, found: &mut HashMap<u32, String>) {
    let mut note = |at: At, path: &[String]| {
        if wanted.contains(&at.id) {
            found.entry(at.id).or_insert_with(|| path.join("."));
        }
    };
    note(node.at, path);
    match &node.kind {
        Kind::List(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(index.to_string());
                walk(item, wanted, path, found);
                path.pop();
            }
        }
        Kind::Map(entries) => {
            for entry in entries {
                path.push(entry.key.clone());
                if wanted.contains(&entry.at.id) {
                    found.entry(entry.at.id).or_insert_with(|| path.join("."));
                }
                walk(&entry.value, wanted, path, found);
                path.pop();
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Broken => {}
    }
}

/// Makes nodes, and counts them.
struct Builder {
    file: u16,
    made: usize,
    complaints: Vec<Unreadable>,
}

impl Builder {
    fn new(file: u16) -> Self {
        Self { file, made: 0, complaints: Vec::new() }
    }

    fn at(&mut self, place: (usize, usize)) -> Result<At, Unreadable> {
        self.count(1, place)?;
        Ok(self.place(place))
    }

    /// Takes note of nodes that are about to be made.
    fn count(&mut self, nodes: usize, place: (usize, usize)) -> Result<(), Unreadable> {
        self.made = self.made.saturating_add(nodes);
        if self.made <= limits::DOCUMENT_NODES {
            return Ok(());
        }
        Err(self.unreadable(
            place,
            format!("the document has more than {} values, aliases expanded", limits::DOCUMENT_NODES),
            "write it without aliases that multiply, or split it",
        ))
    }

    fn check_depth(&self, depth: usize, place: (usize, usize)) -> Result<(), Unreadable> {
        if depth <= limits::DOCUMENT_DEPTH {
            return Ok(());
        }
        Err(self.unreadable(
            place,
            format!("maps and lists lie more than {} deep in each other", limits::DOCUMENT_DEPTH),
            "write it flatter",
        ))
    }

    /// Adds an entry, unless its key is there already.
    fn add(&mut self, entries: &mut Vec<Entry>, keys: &mut HashSet<String>, entry: Entry) {
        if keys.insert(entry.key.clone()) {
            entries.push(entry);
        } else {
            let message = format!("the key `{}` stands twice in this map; the first counts", entry.key);
            self.complaints.push(Unreadable { at: entry.at, message, remedy: "remove one".to_owned() });
        }
    }

    fn place(&self, (line, column): (usize, usize)) -> At {
        At { file: self.file, line: line as u32, column: column as u32, id: self.made as u32 }
    }

    fn unreadable(&self, place: (usize, usize), message: impl Into<String>, remedy: &str) -> Unreadable {
        let mut at = self.place(place);
        at.id = 0;
        Unreadable { at, message: message.into(), remedy: remedy.to_owned() }
    }
}
