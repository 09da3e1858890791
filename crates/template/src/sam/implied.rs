//! What SAM makes besides, and nobody needs here: roles, APIs over HTTP, rules. Templates refer to them, most of all in Outputs,
//! so they exist as resources that are skipped.

use super::Expanded;
use crate::document::Node;
use crate::resource::Resource;
use std::collections::BTreeSet;

const ROLE: &str = "AWS::IAM::Role";
const STAGE: &str = "AWS::ApiGateway::Stage";
const DEPLOYMENT: &str = "AWS::ApiGateway::Deployment";

pub(super) fn add(written: &[Resource], expanded: &mut Expanded) {
    let mut known: BTreeSet<String> = expanded.resources.iter().map(|one| one.logical_id.clone()).collect();
    for resource in written {
        for (id, kind) in of(resource) {
            if known.insert(id.clone()) {
                let http = kind == "AWS::ApiGatewayV2::Api";
                let protocol = http.then(|| ("ProtocolType", Node::text(resource.at, "HTTP")));
                expanded.resources.push(resource.expanded(id, kind, Node::map(resource.at, protocol)));
            }
        }
    }
}

/// Logical ids and types.
fn of(resource: &Resource) -> Vec<(String, &'static str)> {
    let id = &resource.logical_id;
    let has = |name: &str| resource.property(name).is_some();
    let role = (!has("Role")).then(|| (format!("{id}Role"), ROLE));
    let stage = resource.property("StageName").and_then(Node::as_text).unwrap_or_default();
    match resource.kind.strip_prefix("AWS::Serverless::") {
        Some("Function") => {
            let mut made: Vec<_> = role.into_iter().collect();
            if has("FunctionUrlConfig") {
                made.push((format!("{id}Url"), "AWS::Lambda::Url"));
            }
            for event in resource.property("Events").map(Node::entries).unwrap_or_default() {
                made.extend(of_event(id, &event.key, &event.value));
            }
            made
        }
        Some("StateMachine") => role.into_iter().collect(),
        Some("Api") => vec![(format!("{id}{stage}Stage"), STAGE), (format!("{id}Deployment"), DEPLOYMENT)],
        Some("HttpApi") if stage.is_empty() => vec![(format!("{id}ApiGatewayDefaultStage"), STAGE)],
        Some("HttpApi") => vec![(format!("{id}{stage}Stage"), STAGE)],
        _ => Vec::new(),
    }
}

fn of_event(function: &str, name: &str, event: &Node) -> Vec<(String, &'static str)> {
    let names = |property: &str| event.get("Properties").is_some_and(|properties| properties.get(property).is_some());
    match event.get("Type").and_then(Node::as_text) {
        Some("Api") if !names("RestApiId") => vec![
            ("ServerlessRestApi".to_owned(), "AWS::ApiGateway::RestApi"),
            ("ServerlessRestApiProdStage".to_owned(), STAGE),
            ("ServerlessRestApiDeployment".to_owned(), DEPLOYMENT),
        ],
        Some("HttpApi") if !names("ApiId") => vec![
            ("ServerlessHttpApi".to_owned(), "AWS::ApiGatewayV2::Api"),
            ("ServerlessHttpApiApiGatewayDefaultStage".to_owned(), STAGE),
        ],
        Some("Schedule" | "CloudWatchEvent" | "EventBridgeRule") => {
            vec![(format!("{function}{name}"), "AWS::Events::Rule")]
        }
        Some("ScheduleV2") => vec![(format!("{function}{name}"), "AWS::Scheduler::Schedule")],
        _ => Vec::new(),
    }
}
