//! Reading worked-out values: text where text is wanted, numbers within their range, every mistake with its place.

use crate::document::{At, Entry, Kind, Node};
use crate::evaluate::Scope;
use crate::kinds::ResourceType;
use crate::problem::{Findings, use_one_of};
use crate::resource::Resource;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// A map whose members are asked for by name.
#[derive(Clone)]
pub(crate) struct Values<'f> {
    node: Node,
    findings: &'f Findings,
}

impl<'f> Values<'f> {
    /// The properties of a resource that mean something, worked out; the others are dealt with as its type says.
    pub(crate) fn of(resource: &Resource, kind: &ResourceType, scope: &Scope<'f>) -> Self {
        let findings = scope.findings;
        let mut entries = Vec::new();
        for entry in resource.properties.entries() {
            let name = entry.key.as_str();
            if kind.used.contains(&name) {
                if let Some(value) = scope.evaluate(&entry.value) {
                    entries.push(Entry { key: entry.key.clone(), at: entry.at, value });
                }
            } else if let Some(refused) = kind.refused.iter().find(|refused| refused.property == name) {
                findings.problem(entry.at, refused.message, refused.remedy);
            } else if !kind.ignored.contains(&name) {
                match kind.probably_meant(name) {
                    Some(meant) => findings.problem(
                        entry.at,
                        format!("{} has no property `{name}`", kind.name),
                        format!("did you mean `{meant}`?"),
                    ),
                    None => {
                        findings.note(entry.at, format!("{} has no property `{name}` here; it is left out", kind.name))
                    }
                }
            }
        }
        Self { node: Node { at: resource.at, kind: Kind::Map(entries) }, findings }
    }

    pub(crate) fn new(node: Node, findings: &'f Findings) -> Self {
        Self { node, findings }
    }

    pub(crate) fn at(&self) -> At {
        self.node.at
    }

    /// Where a property is, or what should have it.
    pub(crate) fn at_of(&self, name: &str) -> At {
        self.node.entry(name).map_or(self.node.at, |entry| entry.value.at)
    }

    pub(crate) fn problem(&self, at: At, message: impl Into<String>, remedy: impl Into<String>) {
        self.findings.problem(at, message, remedy);
    }

    /// What is there, unless it is null or could not be worked out.
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        self.node.get(name).filter(|value| !matches!(value.kind, Kind::Null | Kind::Broken))
    }

    /// Whether it was written and could not be worked out: the mistake is known already.
    fn is_broken(&self, name: &str) -> bool {
        self.node.is_broken() || self.node.get(name).is_some_and(Node::is_broken)
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let value = self.get(name)?;
        let text = value.to_text();
        if text.is_none() {
            self.wanted(name, value, "text");
        }
        text
    }

    /// Text that must be there. Empty if it is not, which is a problem then.
    pub(crate) fn required_text(&self, name: &str) -> String {
        match self.text(name) {
            Some(text) if !text.is_empty() => text,
            _ => {
                self.missing(name);
                String::new()
            }
        }
    }

    /// A problem if the property is not there.
    pub(crate) fn missing(&self, name: &str) {
        let absent = match self.get(name) {
            None => !self.is_broken(name),
            Some(value) => value.as_text().is_some_and(str::is_empty),
        };
        if absent {
            self.problem(self.node.at, format!("{name} is missing"), "add it");
        }
    }

    /// One of several words.
    pub(crate) fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let remedy = use_one_of(&text, known.iter().copied(), "use another");
            self.problem(self.at_of(name), format!("{name} is `{text}`"), remedy);
        }
        found
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        let value = self.get(name)?;
        match (&value.kind, value.to_text().map(|text| text.to_lowercase()).as_deref()) {
            (Kind::Bool(flag), _) => Some(*flag),
            (_, Some("true")) => Some(true),
            (_, Some("false")) => Some(false),
            _ => {
                self.wanted(name, value, "true or false");
                None
            }
        }
    }

    pub(crate) fn integer(&self, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let value = self.get(name)?;
        let number = value.to_text().and_then(|text| text.trim().parse::<f64>().ok());
        match number {
            // Numbers are written as `30` and as `30.0`.
            Some(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
                let whole = number as i64;
                if range.contains(&whole) {
                    return Some(whole);
                }
                let remedy = format!("use {} to {}", range.start(), range.end());
                self.problem(value.at, format!("{name} is {whole}"), remedy);
            }
            _ => self.wanted(name, value, "a whole number"),
        }
        None
    }

    /// A number of things.
    pub(crate) fn count(&self, name: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let whole = self.integer(name, i64::from(*range.start())..=i64::from(*range.end()))?;
        u32::try_from(whole).ok()
    }

    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        let value = self.get(name)?;
        let number =
            value.to_text().and_then(|text| text.trim().parse::<f64>().ok()).filter(|number| number.is_finite());
        if number.is_none() {
            self.wanted(name, value, "a number");
        }
        number
    }

    pub(crate) fn items(&self, name: &str) -> &[Node] {
        let Some(value) = self.get(name) else { return &[] };
        if !matches!(value.kind, Kind::List(_)) {
            self.wanted(name, value, "a list");
        }
        value.items()
    }

    /// A list of texts.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let text = |item: &Node| {
            let text = item.to_text();
            if text.is_none() && !item.is_broken() {
                self.wanted(name, item, "text");
            }
            text
        };
        self.items(name).iter().filter_map(text).collect()
    }

    /// A list of maps.
    pub(crate) fn children(&self, name: &str) -> Vec<Self> {
        let child = |item: &Node| match item.kind {
            Kind::Map(_) => Some(Self { node: item.clone(), findings: self.findings }),
            Kind::Broken => None,
            _ => {
                self.wanted(name, item, "a map");
                None
            }
        };
        self.items(name).iter().filter_map(child).collect()
    }

    pub(crate) fn child(&self, name: &str) -> Option<Self> {
        let value = self.get(name)?;
        if !matches!(value.kind, Kind::Map(_)) {
            self.wanted(name, value, "a map");
            return None;
        }
        Some(Self { node: value.clone(), findings: self.findings })
    }

    pub(crate) fn entries(&self, name: &str) -> &[Entry] {
        let Some(value) = self.get(name) else { return &[] };
        if !matches!(value.kind, Kind::Map(_)) {
            self.wanted(name, value, "a map");
        }
        value.entries()
    }

    /// A map of texts.
    pub(crate) fn text_map(&self, name: &str) -> BTreeMap<String, String> {
        let pair = |entry: &Entry| {
            let text = entry.value.to_text();
            if text.is_none() && !entry.value.is_broken() {
                self.wanted(&entry.key, &entry.value, "text");
            }
            Some((entry.key.clone(), text?))
        };
        self.entries(name).iter().filter_map(pair).collect()
    }

    /// Keys that nobody would look at.
    pub(crate) fn only(&self, known: &[&str]) {
        for entry in self.node.entries().iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let remedy = use_one_of(&entry.key, known.iter().copied(), "remove it");
            self.problem(entry.at, format!("`{}` does not belong here", entry.key), remedy);
        }
    }

    fn wanted(&self, name: &str, value: &Node, wanted: &str) {
        let remedy = format!("write {wanted}");
        self.problem(value.at, format!("{name} should be {wanted}, and is {}", value.describe()), remedy);
    }
}
