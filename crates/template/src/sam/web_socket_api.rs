//! `AWS::Serverless::WebSocketApi`: an API with routes, integrations, an authorizer, a stage and, if asked for, a domain.

use super::{Expanded, domain, invocation_uri, kept, reference, routes};
use crate::document::{At, Entry, Kind, Node};
use crate::problem::Findings;
use crate::resource::Resource;

const OF_THE_API: &[&str] = &[
    "ApiKeySelectionExpression",
    "Description",
    "DisableExecuteApiEndpoint",
    "DisableSchemaValidation",
    "Name",
    "RouteSelectionExpression",
];
const OF_THE_STAGE: &[&str] = &["AccessLogSettings", "DefaultRouteSettings", "RouteSettings", "StageVariables"];
const AUTH: &[&str] = &["AuthType", "AuthArn", "IdentitySource", "InvokeRole", "Name"];
const DEFAULT_STAGE: &str = "default";

pub(super) fn expand(resource: &Resource, expanded: &mut Expanded, findings: &Findings) {
    let (id, at) = (&resource.logical_id, resource.at);
    check_properties(resource, findings);
    super::check_maps(resource, &["Auth", "Domain", "Routes"], findings);
    let mut entries = kept(resource, |name| OF_THE_API.contains(&name).then_some(name));
    entries.push(Entry { key: "ProtocolType".into(), at, value: Node::text(at, "WEBSOCKET") });
    let mut api = resource.expanded(id, "AWS::ApiGatewayV2::Api", Node { at, kind: Kind::Map(entries) });
    api.depends_on.clone_from(&resource.depends_on);
    expanded.resources.push(api);

    let authorizer = resource.property("Auth").and_then(|auth| authorizer(resource, auth, expanded, findings));
    routes::expand(resource, authorizer.as_ref(), expanded, findings);
    let stage = stage(resource, expanded, findings);
    if let Some(written) = resource.property("Domain") {
        domain::expand(resource, written, &stage, expanded, findings);
    }
}

/// Properties that are spread over several resources are checked here, against SAM's own list.
fn check_properties(resource: &Resource, findings: &Findings) {
    let Some(kind) = crate::kinds::resource_type("AWS::Serverless::WebSocketApi") else { return };
    for entry in resource.properties.entries() {
        let name = entry.key.as_str();
        if kind.used.contains(&name) || kind.ignored.contains(&name) {
            continue;
        }
        match kind.probably_meant(name) {
            Some(meant) => {
                let message = format!("{} has no property `{name}`", kind.name);
                findings.problem(entry.at, message, format!("did you mean `{meant}`?"));
            }
            None => findings.note(entry.at, format!("{} has no property `{name}` here; it is left out", kind.name)),
        }
    }
}

/// What `$connect` asks for.
pub(super) struct Authorizer {
    pub(super) kind: Node,
    /// The authorizer's logical id.
    pub(super) id: Option<String>,
}

fn authorizer(resource: &Resource, auth: &Node, expanded: &mut Expanded, findings: &Findings) -> Option<Authorizer> {
    for entry in auth.entries().iter().filter(|entry| !AUTH.contains(&entry.key.as_str())) {
        let remedy = crate::problem::use_one_of(&entry.key, AUTH.iter().copied(), "remove it");
        findings.problem(entry.at, format!("Auth has no `{}`", entry.key), remedy);
    }
    let kind = match auth.get("AuthType") {
        Some(kind) => kind.clone(),
        None => {
            findings.problem(auth.at, "Auth has no AuthType", "add NONE, AWS_IAM or CUSTOM");
            return None;
        }
    };
    let custom = match kind.as_text() {
        Some("CUSTOM") => true,
        Some("NONE" | "AWS_IAM") => false,
        _ => {
            findings.problem(kind.at, "this is no AuthType", "use NONE, AWS_IAM or CUSTOM");
            return None;
        }
    };
    let connect = resource.property("Routes").and_then(|routes| routes.get("$connect"));
    if kind.as_text() != Some("NONE") && connect.is_none() {
        findings.problem(auth.at, "Auth without a $connect route", "add $connect to Routes: only it is authorized");
    }
    if !custom {
        for entry in auth.entries().iter().filter(|entry| entry.key != "AuthType") {
            let message = format!("{} is for AuthType CUSTOM only", entry.key);
            findings.problem(entry.at, message, "remove it, or use CUSTOM");
        }
        return Some(Authorizer { kind, id: None });
    }
    let Some(function) = auth.get("AuthArn") else {
        findings.problem(auth.at, "Auth has no AuthArn", "name the function that authorizes: !GetAtt Function.Arn");
        return None;
    };
    let id = format!("{}ConnectAuthorizer", resource.logical_id);
    let name = auth.get("Name").cloned().unwrap_or_else(|| Node::text(auth.at, &*id));
    let mut properties = vec![
        ("ApiId", reference(auth.at, &resource.logical_id)),
        ("AuthorizerType", Node::text(auth.at, "REQUEST")),
        ("AuthorizerUri", invocation_uri(function)),
        ("Name", name),
    ];
    properties.extend(auth.get("IdentitySource").map(|source| ("IdentitySource", source.clone())));
    properties.extend(auth.get("InvokeRole").map(|role| ("AuthorizerCredentialsArn", role.clone())));
    expanded.resources.push(resource.expanded(&id, "AWS::ApiGatewayV2::Authorizer", Node::map(auth.at, properties)));
    Some(Authorizer { kind, id: Some(id) })
}

/// Gives the stage's logical id.
fn stage(resource: &Resource, expanded: &mut Expanded, findings: &Findings) -> String {
    let written = resource.property("StageName");
    let at: At = written.map_or(resource.at, |name| name.at);
    let id = match written {
        None => format!("{}DefaultStage", resource.logical_id),
        Some(name) => match name.as_text() {
            Some("$default") => {
                findings.problem(
                    at,
                    "WebSocket APIs have no stage `$default`",
                    "choose another name, or leave StageName out",
                );
                format!("{}Stage", resource.logical_id)
            }
            Some(name) => {
                let fitting: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
                format!("{}{fitting}Stage", resource.logical_id)
            }
            None => format!("{}Stage", resource.logical_id),
        },
    };
    let mut entries = kept(resource, |name| OF_THE_STAGE.contains(&name).then_some(name));
    for (key, value) in [
        ("ApiId", reference(at, &resource.logical_id)),
        ("StageName", written.cloned().unwrap_or_else(|| Node::text(at, DEFAULT_STAGE))),
        ("AutoDeploy", Node::bool(at, true)),
    ] {
        entries.push(Entry { key: key.into(), at, value });
    }
    let properties = Node { at, kind: Kind::Map(entries) };
    expanded.resources.push(resource.expanded(&id, "AWS::ApiGatewayV2::Stage", properties));
    expanded.generated.insert(format!("{}.Stage", resource.logical_id), id.clone());
    id
}
