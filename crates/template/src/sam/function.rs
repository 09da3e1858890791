//! `AWS::Serverless::Function`: a function, its event source mappings, its alias.

use super::{Expanded, events, kept, reference};
use crate::document::{Entry, Kind, Node};
use crate::problem::Findings;
use crate::resource::Resource;

/// Properties that another resource is made of, or that are written differently below.
const ELSEWHERE: &[&str] =
    &["Events", "EventInvokeConfig", "AutoPublishAlias", "DeadLetterQueue", "InlineCode", "CodeUri"];

pub(super) fn expand(resource: &Resource, expanded: &mut Expanded, findings: &Findings) {
    let (id, at) = (&resource.logical_id, resource.at);
    super::check_maps(resource, &["DeadLetterQueue", "EventInvokeConfig", "Events"], findings);
    let kind = crate::kinds::resource_type("AWS::Lambda::Function");
    let sam = crate::kinds::resource_type("AWS::Serverless::Function");
    // What only SAM knows and means nothing here, such as Policies.
    let sam_only = |name: &str| {
        let plain = kind.is_some_and(|kind| kind.ignored.contains(&name) || kind.used.contains(&name));
        !plain && sam.is_some_and(|sam| sam.ignored.contains(&name))
    };
    let mut entries = kept(resource, |name| (!ELSEWHERE.contains(&name) && !sam_only(name)).then_some(name));
    entries.extend(code(resource));
    entries.extend(dead_letter(resource));
    let mut function = resource.expanded(id, "AWS::Lambda::Function", Node { at, kind: Kind::Map(entries) });
    function.metadata.clone_from(&resource.metadata);
    function.depends_on.clone_from(&resource.depends_on);
    expanded.resources.push(function);

    if let Some(alias) = resource.property("AutoPublishAlias") {
        publish(resource, alias, expanded);
    }
    if let Some(config) = resource.property("EventInvokeConfig") {
        let mut entries = vec![Entry { key: "FunctionName".into(), at: config.at, value: reference(config.at, id) }];
        entries.extend(config.entries().iter().map(without_types));
        let properties = Node { at: config.at, kind: Kind::Map(entries) };
        expanded.resources.push(resource.expanded(
            format!("{id}EventInvokeConfig"),
            "AWS::Lambda::EventInvokeConfig",
            properties,
        ));
    }
    events::expand(resource, expanded, findings);
}

/// `CodeUri` or `InlineCode`, as `Code`.
fn code(resource: &Resource) -> Option<Entry> {
    let entry = |key: &str| resource.properties.entry(key);
    if let Some(inline) = entry("InlineCode") {
        let value = Node::map(inline.at, [("ZipFile", inline.value.clone())]);
        return Some(Entry { key: "Code".into(), at: inline.at, value });
    }
    let Some(uri) = entry("CodeUri") else {
        // `sam build` takes the template's folder then.
        let in_image = entry("ImageUri").is_some() || entry("PackageType").is_some();
        let here = || Entry { key: "Code".into(), at: resource.at, value: Node::text(resource.at, ".") };
        return (!in_image).then(here);
    };
    Some(Entry { key: "Code".into(), at: uri.at, value: super::in_bucket(&uri.value) })
}

/// `{Type, TargetArn}`, of which the first is for policies.
fn dead_letter(resource: &Resource) -> Option<Entry> {
    let queue = resource.properties.entry("DeadLetterQueue")?;
    let target = queue.value.entries().iter().filter(|entry| entry.key != "Type").cloned().collect();
    Some(Entry {
        key: "DeadLetterConfig".into(),
        at: queue.at,
        value: Node { at: queue.value.at, kind: Kind::Map(target) },
    })
}

/// A version and an alias, which templates call `Function.Version` and `Function.Alias`.
fn publish(resource: &Resource, alias: &Node, expanded: &mut Expanded) {
    let id = &resource.logical_id;
    let name = alias.as_text().filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric())).unwrap_or_default();
    let (version_id, alias_id) = (format!("{id}Version"), format!("{id}Alias{name}"));
    let (at, function) = (alias.at, reference(alias.at, id));
    let version = Node::map(at, [("FunctionName", function.clone())]);
    expanded.resources.push(resource.expanded(&version_id, "AWS::Lambda::Version", version));
    let number = Node::map(
        at,
        [("Fn::GetAtt", Node::list(at, [&*version_id, "Version"].map(|part| Node::text(at, part)).into()))],
    );
    let properties = [("FunctionName", function), ("FunctionVersion", number), ("Name", alias.clone())];
    expanded.resources.push(resource.expanded(&alias_id, "AWS::Lambda::Alias", Node::map(at, properties)));
    expanded.generated.insert(format!("{id}.Version"), version_id);
    expanded.generated.insert(format!("{id}.Alias"), alias_id);
}

/// Destinations without SAM's `Type`, which is for policies.
pub(super) fn without_types(entry: &Entry) -> Entry {
    if entry.key != "DestinationConfig" {
        return entry.clone();
    }
    let outcomes = entry.value.entries().iter().map(|outcome| {
        let kept = outcome.value.entries().iter().filter(|one| one.key != "Type").cloned().collect();
        Entry { value: Node { at: outcome.value.at, kind: Kind::Map(kept) }, ..outcome.clone() }
    });
    Entry { value: Node { at: entry.value.at, kind: Kind::Map(outcomes.collect()) }, ..entry.clone() }
}
