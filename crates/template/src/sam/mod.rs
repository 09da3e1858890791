//! SAM: resources that stand for several others. They are expanded before anything is worked out, so what comes after this
//! module knows CloudFormation only.

mod domain;
mod events;
mod function;
mod globals;
mod implied;
mod routes;
mod web_socket_api;

use crate::document::{Entry, Kind, Node};
use crate::nested;
use crate::problem::Findings;
use crate::resource::Resource;
use crate::sections::Sections;
use globals::Globals;
use std::collections::{BTreeMap, BTreeSet};

/// What SAM resources came to.
#[derive(Debug, Default)]
pub(crate) struct Expanded {
    pub(crate) resources: Vec<Resource>,
    /// `Function.Alias`, `Api.Stage`: what to write for resources that have no name in the template.
    pub(crate) generated: BTreeMap<String, String>,
}

/// Expands SAM's types; without the transform they are a mistake.
pub(crate) fn expand(sections: &Sections<'_>, findings: &Findings) -> Expanded {
    let globals = Globals::read(sections.globals, findings);
    let mut expanded = Expanded::default();
    for resource in &sections.resources {
        let Some(kind) = resource.kind.strip_prefix("AWS::Serverless::") else {
            expanded.resources.push(resource.clone());
            continue;
        };
        if !sections.is_sam {
            let remedy = "add `Transform: AWS::Serverless-2016-10-31` at the top";
            findings.problem(resource.kind_at, format!("`{}` needs the SAM transform", resource.kind), remedy);
        }
        let resource = globals.apply(kind, resource, findings);
        match kind {
            "Function" => function::expand(&resource, &mut expanded, findings),
            "SimpleTable" => expanded.resources.push(simple_table(&resource, findings)),
            "LayerVersion" => expanded.resources.push(layer(&resource)),
            "Application" => expanded.resources.push(application(&resource, findings)),
            "WebSocketApi" => web_socket_api::expand(&resource, &mut expanded, findings),
            // APIs over HTTP, state machines, connectors: skipped like any other type.
            _ => expanded.resources.push(resource),
        }
    }
    implied::add(&sections.resources, &mut expanded);
    check_names(&expanded.resources, findings);
    expanded
}

/// What SAM generates must not be called like something that is there.
fn check_names(resources: &[Resource], findings: &Findings) {
    let mut seen = BTreeSet::new();
    for resource in resources {
        if !seen.insert(resource.logical_id.as_str()) {
            let message = format!("SAM generates a resource `{}`, and there is one already", resource.logical_id);
            findings.problem(resource.at, message, "rename one");
        }
    }
}

/// A table with a key and nothing else: `id`, text, unless it says otherwise.
fn simple_table(resource: &Resource, findings: &Findings) -> Resource {
    check_maps(resource, &["PrimaryKey"], findings);
    let at = resource.property("PrimaryKey").map_or(resource.at, |node| node.at);
    let key = resource.property("PrimaryKey");
    let name = key.and_then(|key| key.get("Name")).cloned().unwrap_or_else(|| Node::text(at, "id"));
    let kind = match key.and_then(|key| key.get("Type")).map(|kind| (kind, kind.as_text())) {
        None => "S",
        Some((_, Some("String"))) => "S",
        Some((_, Some("Number"))) => "N",
        Some((_, Some("Binary"))) => "B",
        Some((kind, _)) => {
            findings.problem(kind.at, "this is no type of a key", "use String, Number or Binary");
            "S"
        }
    };
    let attribute = Node::map(at, [("AttributeName", name.clone()), ("AttributeType", Node::text(at, kind))]);
    let element = Node::map(at, [("AttributeName", name), ("KeyType", Node::text(at, "HASH"))]);
    let mut entries = kept(resource, |name| (name != "PrimaryKey").then_some(name));
    for (key, node) in [("AttributeDefinitions", attribute), ("KeySchema", element)] {
        entries.push(Entry { key: key.into(), at, value: Node::list(at, vec![node]) });
    }
    resource.expanded(&resource.logical_id, "AWS::DynamoDB::Table", Node { at: resource.at, kind: Kind::Map(entries) })
}

fn layer(resource: &Resource) -> Resource {
    let mut entries = kept(resource, |name| match name {
        "ContentUri" => Some("Content"),
        "RetentionPolicy" | "PublishLambdaVersion" => None,
        other => Some(other),
    });
    for entry in entries.iter_mut().filter(|entry| entry.key == "Content") {
        entry.value = in_bucket(&entry.value);
    }
    let properties = Node { at: resource.at, kind: Kind::Map(entries) };
    let mut layer = resource.expanded(&resource.logical_id, "AWS::Lambda::LayerVersion", properties);
    layer.metadata.clone_from(&resource.metadata);
    layer
}

/// An application is a nested stack, if its template is a file.
fn application(resource: &Resource, findings: &Findings) -> Resource {
    let location = resource.property("Location");
    if let Some(location) = location.filter(|one| matches!(one.kind, Kind::Map(_)) && one.call().is_none()) {
        let message = "applications of the Serverless Application Repository are out of reach";
        findings.problem(location.at, message, "name a local template: Location: ./application/template.yaml");
    }
    let entries = kept(resource, |name| Some(if name == "Location" { "TemplateURL" } else { name }));
    let properties = Node { at: resource.at, kind: Kind::Map(entries) };
    let mut stack = resource.expanded(&resource.logical_id, nested::KIND, properties);
    stack.depends_on.clone_from(&resource.depends_on);
    stack
}

/// SAM's `{Bucket, Key, Version}` as Lambda's `{S3Bucket, S3Key, S3ObjectVersion}`; a path stays one.
fn in_bucket(code: &Node) -> Node {
    if code.entries().is_empty() || code.call().is_some() {
        return code.clone();
    }
    let renamed = code.entries().iter().map(|entry| {
        let key = match entry.key.as_str() {
            "Bucket" => "S3Bucket",
            "Key" => "S3Key",
            "Version" => "S3ObjectVersion",
            other => other,
        };
        Entry { key: key.to_owned(), ..entry.clone() }
    });
    Node { at: code.at, kind: Kind::Map(renamed.collect()) }
}

/// Properties that an expansion looks into: they must be written out, not worked out.
fn check_maps(resource: &Resource, names: &[&str], findings: &Findings) {
    for entry in resource.properties.entries().iter().filter(|entry| names.contains(&entry.key.as_str())) {
        let is = match &entry.value.kind {
            Kind::Map(_) if entry.value.call().is_some() => "a function",
            Kind::Map(_) | Kind::Null | Kind::Broken => continue,
            _ => entry.value.describe(),
        };
        findings.problem(entry.at, format!("{} should be a map, and is {is}", entry.key), "write it out");
    }
}

/// The properties that an expansion keeps, under the name it gives them.
fn kept<'n>(resource: &'n Resource, rename: impl Fn(&'n str) -> Option<&'n str>) -> Vec<Entry> {
    let entries = resource.properties.entries().iter();
    entries
        .filter_map(|entry| {
            Some(Entry { key: rename(&entry.key)?.to_owned(), at: entry.at, value: entry.value.clone() })
        })
        .collect()
}

/// The URI by which API Gateway calls a function.
pub(crate) fn invocation_uri(function: &Node) -> Node {
    const URI: &str =
        "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function}/invocations";
    let at = function.at;
    let variables = Node::map(at, [("Function", function.clone())]);
    Node::map(at, [("Fn::Sub", Node::list(at, vec![Node::text(at, URI), variables]))])
}

/// `{Ref: name}`
fn reference(at: crate::document::At, name: &str) -> Node {
    Node::map(at, [("Ref", Node::text(at, name))])
}
