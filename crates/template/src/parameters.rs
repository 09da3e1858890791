//! Parameters: their declarations, and the values given for them.

use crate::document::{At, Entry, Kind, Node, parse};
use crate::limits;
use crate::problem::{Findings, Problems, use_one_of};
use std::collections::BTreeMap;
use std::path::Path;

const ATTRIBUTES: &[&str] = &[
    "Type",
    "Default",
    "AllowedValues",
    "AllowedPattern",
    "MinLength",
    "MaxLength",
    "MinValue",
    "MaxValue",
    "ConstraintDescription",
    "Description",
    "NoEcho",
];
/// Steps that matching a pattern may take: patterns with look-around can be made to run for ages.
const PATTERN_STEPS: usize = 1_000_000;
/// What stands for a value that nobody should see.
pub(crate) const HIDDEN: &str = "****";

/// Reads a file of parameters: `[{"ParameterKey": …, "ParameterValue": …}]` as the AWS command line takes it,
/// `["Key=Value"]`, `{"Key": "Value"}`, or that below `"Parameters"`.
///
/// # Errors
/// What is not written like that, with its place.
pub fn parse_parameters(file: &Path, text: &str) -> Result<BTreeMap<String, String>, Problems> {
    let findings = Findings::default();
    let number = findings.file(file);
    let document = match parse(number, text) {
        Ok(document) => document,
        Err(unreadable) => {
            findings.unreadable(unreadable);
            return Err(findings.finish(&Default::default()).0);
        }
    };
    let root = document.root.get("Parameters").unwrap_or(&document.root);
    let mut values = BTreeMap::new();
    for entry in root.entries() {
        match entry.value.to_text() {
            Some(value) => drop(values.insert(entry.key.clone(), value)),
            None => findings.problem(entry.at, format!("`{}` is {}", entry.key, entry.value.describe()), "write text"),
        }
    }
    for item in root.items() {
        let pair = match item.as_text() {
            Some(text) => text.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())),
            None => {
                let text = |key: &str| item.get(key).and_then(Node::to_text);
                text("ParameterKey").zip(text("ParameterValue"))
            }
        };
        match pair {
            Some((key, value)) => drop(values.insert(key, value)),
            None => {
                let remedy = r#"write {"ParameterKey": "Name", "ParameterValue": "value"} or "Name=value""#;
                findings.problem(item.at, "this is no parameter", remedy);
            }
        }
    }
    if !matches!(root.kind, Kind::Map(_) | Kind::List(_)) {
        findings.problem(root.at, "these are no parameters", r#"write {"Name": "value"}"#);
    }
    let (problems, _) = findings.finish(&[(number, &document.root)].into());
    if problems.problems.is_empty() { Ok(values) } else { Err(problems) }
}

/// The values of all parameters: given, else default.
pub(crate) fn values(
    declared: &[Entry],
    given: &BTreeMap<String, String>,
    findings: &Findings,
) -> BTreeMap<String, Node> {
    if declared.len() > limits::PARAMETERS {
        let message = format!("the template has {} parameters; at most {}", declared.len(), limits::PARAMETERS);
        findings.problem(declared[0].at, message, "remove some");
    }
    let mut values = BTreeMap::new();
    for entry in declared.iter().take(limits::PARAMETERS) {
        let value = value(entry, given.get(&entry.key), findings).unwrap_or_else(|| Node::broken(entry.at));
        values.insert(entry.key.clone(), value);
    }
    values
}

/// Values for parameters that the template does not have.
pub(crate) fn unknown(declared: &[Entry], given: &BTreeMap<String, String>, at: At, findings: &Findings) {
    for name in given.keys().filter(|name| !declared.iter().any(|entry| entry.key == **name)) {
        let known = declared.iter().map(|entry| entry.key.as_str());
        let remedy = use_one_of(name, known, "leave it out");
        findings.problem(at, format!("a value is given for `{name}`, which is no parameter"), remedy);
    }
}

/// What may be shown of them.
pub(crate) fn shown(declared: &[Entry], values: &BTreeMap<String, Node>) -> BTreeMap<String, String> {
    let hidden = |name: &str| {
        let entry = declared.iter().find(|entry| entry.key == name);
        entry.and_then(|entry| entry.value.get("NoEcho")).and_then(Node::to_text).is_some_and(|text| text == "true")
    };
    let text = |value: &Node| match &value.kind {
        Kind::List(items) => items.iter().filter_map(Node::to_text).collect::<Vec<_>>().join(","),
        _ => value.to_text().unwrap_or_default(),
    };
    let show =
        |(name, value): (&String, &Node)| (name.clone(), if hidden(name) { HIDDEN.to_owned() } else { text(value) });
    values.iter().map(show).collect()
}

fn value(entry: &Entry, given: Option<&String>, findings: &Findings) -> Option<Node> {
    let (name, body) = (&entry.key, &entry.value);
    if !matches!(body.kind, Kind::Map(_)) {
        findings.problem(entry.at, format!("the parameter is {}", body.describe()), "write a map with a Type");
        return None;
    }
    for attribute in body.entries() {
        if !ATTRIBUTES.contains(&attribute.key.as_str()) {
            let remedy = use_one_of(&attribute.key, ATTRIBUTES.iter().copied(), "remove it");
            findings.problem(attribute.at, format!("a parameter has no attribute `{}`", attribute.key), remedy);
        }
    }
    let Some(kind) = body.get("Type").and_then(Node::as_text) else {
        findings.problem(entry.at, "the parameter has no Type", "add one: String, Number or CommaDelimitedList");
        return None;
    };
    let default = body.entry("Default");
    let (at, text) = match (given, default) {
        (Some(text), _) => (entry.at, text.clone()),
        (None, Some(default)) => match default.value.to_text() {
            Some(text) => (default.value.at, text),
            None => {
                findings.problem(default.at, format!("Default is {}", default.value.describe()), "write text");
                return None;
            }
        },
        (None, None) => {
            let remedy = format!("give one with --parameter {name}=…, or add a Default");
            findings.problem(entry.at, format!("the parameter `{name}` has no value"), remedy);
            return None;
        }
    };
    let Some(shape) = shape(kind) else {
        let known = ["String", "Number", "List<Number>", "CommaDelimitedList", "AWS::SSM::Parameter::Value<String>"];
        let place = body.get("Type").map_or(entry.at, |node| node.at);
        findings.problem(place, format!("there is no parameter type `{kind}`"), use_one_of(kind, known, "use String"));
        return None;
    };
    if text.len() > limits::PARAMETER_BYTES {
        let message = format!("the value has {} bytes; at most {}, as on AWS", text.len(), limits::PARAMETER_BYTES);
        findings.problem(at, message, "shorten it");
        return None;
    }
    let items: Vec<&str> = match shape {
        Shape::One | Shape::Number => vec![&text],
        // An empty list has one empty member, as on AWS.
        Shape::List | Shape::Numbers => text.split(',').map(str::trim).collect(),
    };
    let mut fits = true;
    for item in &items {
        if let Some(complaint) = complaint(body, item, shape) {
            let said = body.get("ConstraintDescription").and_then(Node::as_text);
            let remedy = said.map_or(complaint.1, str::to_owned);
            findings.problem(at, format!("the value of `{name}` {}", complaint.0), remedy);
            fits = false;
        }
    }
    let kind = match shape {
        Shape::One => Kind::Text(text),
        Shape::Number => Kind::Number(text),
        Shape::List | Shape::Numbers => Kind::List(items.into_iter().map(|item| Node::text(at, item)).collect()),
    };
    fits.then_some(Node { at, kind })
}

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    One,
    Number,
    List,
    Numbers,
}

fn shape(kind: &str) -> Option<Shape> {
    Some(match kind {
        "String" => Shape::One,
        "Number" => Shape::Number,
        "CommaDelimitedList" => Shape::List,
        "List<Number>" => Shape::Numbers,
        _ if kind.starts_with("AWS::SSM::Parameter::Value<List<")
            || kind == "AWS::SSM::Parameter::Value<CommaDelimitedList>" =>
        {
            Shape::List
        }
        _ if kind.starts_with("List<AWS::") || kind == "List<String>" => Shape::List,
        _ if kind.starts_with("AWS::") => Shape::One,
        _ => return None,
    })
}

/// What is wrong with a value, and what to do.
fn complaint(body: &Node, value: &str, shape: Shape) -> Option<(String, String)> {
    let number = |name: &str| body.get(name).and_then(Node::to_text).and_then(|text| text.parse::<f64>().ok());
    if matches!(shape, Shape::Number | Shape::Numbers) && !value.parse::<f64>().is_ok_and(f64::is_finite) {
        return Some((format!("is no number: `{value}`"), "write digits".into()));
    }
    let allowed: Vec<String> =
        body.get("AllowedValues").map(Node::items).unwrap_or_default().iter().filter_map(Node::to_text).collect();
    if !allowed.is_empty() && !allowed.iter().any(|one| one == value) {
        return Some((format!("is `{value}`, which is not allowed"), format!("use one of: {}", allowed.join(", "))));
    }
    let length = value.chars().count() as f64;
    let measured = if matches!(shape, Shape::Number | Shape::Numbers) {
        [("MinValue", value.parse().unwrap_or_default()), ("MaxValue", value.parse().unwrap_or_default())]
    } else {
        [("MinLength", length), ("MaxLength", length)]
    };
    for (name, is) in measured {
        let Some(bound) = number(name) else { continue };
        if (name.starts_with("Min") && is < bound) || (name.starts_with("Max") && is > bound) {
            return Some((format!("breaks its {name} of {bound}"), format!("it is {is}")));
        }
    }
    let pattern = body.get("AllowedPattern").and_then(Node::to_text)?;
    let compiled = fancy_regex::RegexBuilder::new(&format!("^(?:{pattern})$")).backtrack_limit(PATTERN_STEPS).build();
    match compiled.map(|pattern| pattern.is_match(value)) {
        Ok(Ok(true)) => None,
        Ok(Ok(false)) => Some((format!("does not match its AllowedPattern {pattern}"), "give one that does".into())),
        Ok(Err(_)) | Err(_) => {
            Some((format!("cannot be matched with its AllowedPattern {pattern}"), "write a simpler pattern".into()))
        }
    }
}
