//! `Routes` of a WebSocketApi: each a route and an integration.

use super::web_socket_api::Authorizer;
use super::{Expanded, invocation_uri, reference};
use crate::document::{Entry, Kind, Node};
use crate::problem::{Findings, use_one_of};
use crate::resource::Resource;

const CONNECT: &str = "$connect";
const KEYS: &[&str] = &[CONNECT, "$disconnect", "$default"];
const PROPERTIES: &[&str] = &[
    "FunctionArn",
    "ApiKeyRequired",
    "IntegrationTimeout",
    "ModelSelectionExpression",
    "OperationName",
    "RequestModels",
    "RequestParameters",
    "RouteResponseSelectionExpression",
];
const OF_THE_ROUTE: &[&str] = &[
    "ApiKeyRequired",
    "ModelSelectionExpression",
    "OperationName",
    "RequestModels",
    "RequestParameters",
    "RouteResponseSelectionExpression",
];

pub(super) fn expand(api: &Resource, authorizer: Option<&Authorizer>, expanded: &mut Expanded, findings: &Findings) {
    let routes = match api.properties.entry("Routes") {
        Some(routes) if !routes.value.entries().is_empty() => routes,
        Some(routes) => {
            return findings.problem(routes.at, "the API has no routes", "write a map: route key → FunctionArn");
        }
        None => return findings.problem(api.at, "Routes is missing", "add at least one route"),
    };
    for route in routes.value.entries() {
        check(route, findings);
        one(api, route, authorizer.filter(|_| route.key == CONNECT), expanded, findings);
    }
}

fn check(route: &Entry, findings: &Findings) {
    let key = route.key.as_str();
    if !KEYS.contains(&key) && (key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric())) {
        let remedy = use_one_of(
            key,
            KEYS.iter().copied(),
            "use letters and digits, as SAM asks, or write the API as plain resources",
        );
        findings.problem(route.at, format!("`{key}` is no route key for SAM"), remedy);
    }
    for entry in route.value.entries() {
        if !PROPERTIES.contains(&entry.key.as_str()) {
            let remedy = use_one_of(&entry.key, PROPERTIES.iter().copied(), "remove it");
            findings.problem(entry.at, format!("a route has no property `{}`", entry.key), remedy);
        } else if entry.key == "RequestParameters" && key != CONNECT {
            findings.problem(entry.at, "RequestParameters belong to $connect only", "remove them");
        }
    }
}

fn one(api: &Resource, route: &Entry, authorizer: Option<&Authorizer>, expanded: &mut Expanded, findings: &Findings) {
    let (api_id, at, body) = (&api.logical_id, route.at, &route.value);
    let noun = noun(&route.key);
    let integration = format!("{api_id}{noun}Integration");
    let Some(function) = body.get("FunctionArn") else {
        return findings.problem(at, "FunctionArn is missing", "name the function: !GetAtt Function.Arn");
    };
    let mut properties = vec![
        ("ApiId", reference(at, api_id)),
        ("IntegrationType", Node::text(at, "AWS_PROXY")),
        ("IntegrationUri", invocation_uri(function)),
    ];
    properties.extend(body.get("IntegrationTimeout").map(|timeout| ("TimeoutInMillis", timeout.clone())));
    let mut add = |id: String, kind: &str, properties: Node| {
        let mut made = api.expanded(id, kind, properties);
        made.at = at;
        made.path = format!("{}.Properties.Routes.{}", api.path, route.key);
        expanded.resources.push(made);
    };
    add(integration.clone(), "AWS::ApiGatewayV2::Integration", Node::map(at, properties));

    let target = Node::text(at, format!("integrations/${{{integration}}}"));
    let mut entries: Vec<Entry> =
        body.entries().iter().filter(|entry| OF_THE_ROUTE.contains(&entry.key.as_str())).cloned().collect();
    let mut push = |key: &str, value: Node| entries.push(Entry { key: key.to_owned(), at, value });
    push("ApiId", reference(at, api_id));
    push("RouteKey", Node::text(at, &*route.key));
    push("Target", Node::map(at, [("Fn::Sub", target)]));
    match authorizer {
        Some(authorizer) => {
            push("AuthorizationType", authorizer.kind.clone());
            if let Some(id) = &authorizer.id {
                push("AuthorizerId", reference(at, id));
            }
        }
        None => push("AuthorizationType", Node::text(at, "NONE")),
    }
    add(format!("{api_id}{noun}Route"), "AWS::ApiGatewayV2::Route", Node { at, kind: Kind::Map(entries) });
}

/// `$connect` is `Connect`, `sendMessage` is `SendMessage`.
fn noun(key: &str) -> String {
    let bare: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    let mut letters = bare.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}
