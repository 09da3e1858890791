//! The sections of a template: what CloudFormation knows at the top, and resources with their attributes.

use crate::document::{At, Entry, Kind, Node};
use crate::limits;
use crate::problem::{Findings, use_one_of};
use crate::resource::Resource;
use std::collections::HashSet;

const SECTIONS: &[&str] = &[
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Transform",
    "Globals",
    "Resources",
    "Outputs",
    "Hooks",
];

const RESOURCE_ATTRIBUTES: &[&str] = &[
    "Type",
    "Properties",
    "DependsOn",
    "Condition",
    "Metadata",
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "UpdatePolicy",
    "CreationPolicy",
    "Connectors",
    "IgnoreGlobals",
];

const SAM: &str = "AWS::Serverless-2016-10-31";
/// Transforms that need nothing done, or whose functions are worked out here.
const HARMLESS: &[&str] = &[
    "AWS::LanguageExtensions",
    "AWS::CodeDeployBlueGreen",
    "AWS::SecretsManager-2020-07-23",
    "AWS::SecretsManager-2024-09-16",
];

/// A template, by section.
pub(crate) struct Sections<'d> {
    pub(crate) is_sam: bool,
    pub(crate) description: Option<&'d str>,
    pub(crate) parameters: &'d [Entry],
    pub(crate) mappings: Option<&'d Node>,
    pub(crate) conditions: &'d [Entry],
    pub(crate) globals: Option<&'d Node>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) outputs: &'d [Entry],
}

impl<'d> Sections<'d> {
    pub(crate) fn read(root: &'d Node, findings: &Findings) -> Self {
        for entry in root.entries() {
            if !SECTIONS.contains(&entry.key.as_str()) {
                let remedy = use_one_of(&entry.key, SECTIONS.iter().copied(), "remove it, or put it into Metadata");
                findings.problem(entry.at, format!("a template has no section `{}`", entry.key), remedy);
            }
        }
        let section = |name: &str| section(root, name, findings);
        Self {
            is_sam: is_sam(root, findings),
            description: root.get("Description").and_then(Node::as_text),
            parameters: section("Parameters"),
            mappings: root.get("Mappings"),
            conditions: section("Conditions"),
            globals: root.get("Globals"),
            resources: resources(root, section("Resources"), findings),
            outputs: section("Outputs"),
        }
    }
}

fn section<'d>(root: &'d Node, name: &str, findings: &Findings) -> &'d [Entry] {
    let Some(entry) = root.entry(name) else { return &[] };
    if !matches!(entry.value.kind, Kind::Map(_) | Kind::Null) {
        findings.problem(entry.at, format!("{name} is {}", entry.value.describe()), "write a map of names");
    }
    entry.value.entries()
}

fn is_sam(root: &Node, findings: &Findings) -> bool {
    let Some(transform) = root.get("Transform") else { return false };
    let all = if transform.items().is_empty() { std::slice::from_ref(transform) } else { transform.items() };
    let mut sam = false;
    for one in all {
        match one.as_text() {
            Some(SAM) => sam = true,
            Some(name) if HARMLESS.contains(&name) => {}
            Some(name) => {
                let remedy =
                    use_one_of(name, [SAM], "process the template where the macro exists, and use what comes out");
                findings.problem(one.at, format!("the macro `{name}` runs on AWS only"), remedy);
            }
            None => findings.problem(one.at, "this is no name of a macro", format!("write {SAM}")),
        }
    }
    sam
}

fn resources(root: &Node, entries: &[Entry], findings: &Findings) -> Vec<Resource> {
    if root.get("Resources").is_none() {
        findings.problem(At { line: 0, ..root.at }, "the template has no Resources", "add the section");
    }
    if entries.len() > limits::RESOURCES {
        let message = format!("the template has {} resources; at most {}, as on AWS", entries.len(), limits::RESOURCES);
        findings.problem(root.entry("Resources").map_or(root.at, |entry| entry.at), message, "split it");
    }
    entries.iter().take(limits::RESOURCES).filter_map(|entry| resource(entry, findings)).collect()
}

fn resource(entry: &Entry, findings: &Findings) -> Option<Resource> {
    let (name, body) = (&entry.key, &entry.value);
    if !matches!(body.kind, Kind::Map(_)) {
        // A tag that does not exist has been told.
        if !body.is_broken() {
            findings.problem(
                entry.at,
                format!("`{name}` is {}", body.describe()),
                "write a map with Type and Properties",
            );
        }
        return None;
    }
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        findings.problem(entry.at, format!("`{name}` is no logical id"), "use letters and digits only");
    }
    for attribute in body.entries() {
        if !RESOURCE_ATTRIBUTES.contains(&attribute.key.as_str()) {
            let otherwise = "indent it below Properties if it is one, or remove it";
            let remedy = use_one_of(&attribute.key, RESOURCE_ATTRIBUTES.iter().copied(), otherwise);
            findings.problem(attribute.at, format!("a resource has no attribute `{}`", attribute.key), remedy);
        }
    }
    let Some(kind) = body.get("Type") else {
        findings.problem(entry.at, format!("`{name}` has no Type"), "add one, such as AWS::Lambda::Function");
        return None;
    };
    let Some(kind_text) = kind.as_text() else {
        findings.problem(kind.at, format!("a type is text, and this is {}", kind.describe()), "write it in full");
        return None;
    };
    let properties = match body.get("Properties") {
        Some(properties) if matches!(properties.kind, Kind::Map(_)) => properties.clone(),
        None => Node { at: entry.at, kind: Kind::Map(Vec::new()) },
        Some(other) => {
            if other.kind != Kind::Null {
                findings.problem(other.at, format!("Properties are {}", other.describe()), "write a map");
            }
            Node { at: entry.at, kind: Kind::Map(Vec::new()) }
        }
    };
    Some(Resource {
        logical_id: name.clone(),
        at: entry.at,
        path: format!("Resources.{name}"),
        kind: kind_text.to_owned(),
        kind_at: kind.at,
        properties,
        condition: condition(body, findings),
        depends_on: depends_on(body, findings),
        metadata: body.get("Metadata").cloned(),
        ignore_globals: body.get("IgnoreGlobals").cloned(),
    })
}

fn condition(body: &Node, findings: &Findings) -> Option<(String, At)> {
    let condition = body.get("Condition")?;
    match condition.as_text() {
        Some(name) => Some((name.to_owned(), condition.at)),
        None => {
            findings.problem(condition.at, "Condition names none", "write the name of a condition");
            None
        }
    }
}

fn depends_on(body: &Node, findings: &Findings) -> Vec<(String, At)> {
    let Some(written) = body.get("DependsOn") else { return Vec::new() };
    let all = if let Kind::List(items) = &written.kind { items } else { std::slice::from_ref(written) };
    let mut seen = HashSet::new();
    let names = all.iter().filter_map(|one| match one.as_text() {
        Some(name) => seen.insert(name).then(|| (name.to_owned(), one.at)),
        None => {
            findings.problem(one.at, "DependsOn names no resource", "write logical ids");
            None
        }
    });
    names.collect()
}
