//! Blocks of Terraform's resources that CloudFormation writes as lists and maps of its own.

use crate::document::{At, Kind, Node};
use std::collections::BTreeMap;

/// A block that stands at most once: Terraform writes a list.
pub(super) fn block<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    node.get(name)?.items().first()
}

/// A table with its key, attributes, indexes, stream and expiry.
pub(super) fn table(values: &Node, at: At) -> Vec<(&'static str, Node)> {
    let renamed = |node: &Node, names: &[(&str, &str)]| {
        let pairs = names
            .iter()
            .filter_map(|(from, to)| Some((*to, node.get(from).filter(|one| one.kind != Kind::Null)?.clone())));
        Node::map(node.at, pairs)
    };
    let key = |node: &Node| {
        let element = |name: &str, kind: &str| {
            let attribute = node.get(name).filter(|name| name.kind != Kind::Null)?.clone();
            Some(Node::map(at, [("AttributeName", attribute), ("KeyType", Node::text(at, kind))]))
        };
        Node::list(at, [element("hash_key", "HASH"), element("range_key", "RANGE")].into_iter().flatten().collect())
    };
    let attributes = values.get("attribute").map(Node::items).unwrap_or_default().iter();
    let attributes =
        attributes.map(|one| renamed(one, &[("name", "AttributeName"), ("type", "AttributeType")])).collect();
    let mut properties = vec![("KeySchema", key(values)), ("AttributeDefinitions", Node::list(at, attributes))];
    for (block, property) in
        [("global_secondary_index", "GlobalSecondaryIndexes"), ("local_secondary_index", "LocalSecondaryIndexes")]
    {
        let indexes: Vec<Node> = values
            .get(block)
            .map(Node::items)
            .unwrap_or_default()
            .iter()
            .map(|index| {
                let projection = renamed(
                    index,
                    &[("projection_type", "ProjectionType"), ("non_key_attributes", "NonKeyAttributes")],
                );
                let name = index.get("name").cloned().unwrap_or_else(|| Node::text(at, ""));
                // A local index has the partition key of its table.
                let partition = index.get("hash_key").or_else(|| values.get("hash_key")).cloned();
                let mut own = vec![("hash_key", partition), ("range_key", index.get("range_key").cloned())];
                let own = Node::map(at, own.drain(..).filter_map(|(name, value)| Some((name, value?))));
                Node::map(at, [("IndexName", name), ("KeySchema", key(&own)), ("Projection", projection)])
            })
            .collect();
        if !indexes.is_empty() {
            properties.push((property, Node::list(at, indexes)));
        }
    }
    let enabled = |node: &Node, name: &str| node.get(name).is_some_and(|value| value.kind == Kind::Bool(true));
    if enabled(values, "stream_enabled") {
        properties.push(("StreamSpecification", renamed(values, &[("stream_view_type", "StreamViewType")])));
    }
    if let Some(ttl) = block(values, "ttl").filter(|ttl| enabled(ttl, "enabled")) {
        let names = [("attribute_name", "AttributeName"), ("enabled", "Enabled")];
        properties.push(("TimeToLiveSpecification", renamed(ttl, &names)));
    }
    properties
}

/// Settings of a stage's routes.
pub(super) fn stage(values: &Node, at: At) -> Vec<(&'static str, Node)> {
    const SETTINGS: &[(&str, &str)] = &[
        ("throttling_rate_limit", "ThrottlingRateLimit"),
        ("throttling_burst_limit", "ThrottlingBurstLimit"),
        ("data_trace_enabled", "DataTraceEnabled"),
        ("detailed_metrics_enabled", "DetailedMetricsEnabled"),
        ("logging_level", "LoggingLevel"),
    ];
    let settings = |node: &Node| {
        let known = |value: &&Node| !matches!(&value.kind, Kind::Null) && value.as_text() != Some("");
        let pairs: BTreeMap<&str, Node> =
            SETTINGS.iter().filter_map(|(from, to)| Some((*to, node.get(from).filter(known)?.clone()))).collect();
        Node::map(node.at, pairs)
    };
    let mut properties = Vec::new();
    if let Some(defaults) = block(values, "default_route_settings") {
        properties.push(("DefaultRouteSettings", settings(defaults)));
    }
    let routes = values.get("route_settings").map(Node::items).unwrap_or_default().iter();
    let routes: Vec<(String, Node)> =
        routes.filter_map(|one| Some((one.get("route_key")?.as_text()?.to_owned(), settings(one)))).collect();
    if !routes.is_empty() {
        properties.push(("RouteSettings", Node::map(at, routes)));
    }
    properties
}
