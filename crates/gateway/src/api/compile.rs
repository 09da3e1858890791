//! From words to a deployment: every expression parsed, every reference resolved, every problem reported.

use super::definition::{ApiDefinition, DomainNameDefinition, RouteDefinition};
use super::deployment::{ApiKeySource, Deployment, RequiredParameter, Route};
use super::problem::{Checker, Problems};
use super::stage_settings::StageSettings;
use super::wire;
use crate::authorizer::{Authorization, check_authorizers};
use crate::integration::{Integration, Wanted};
use crate::model::BodyValidation;
use crate::pace::Pace;
use crate::selection_expression::SelectionExpression;
use std::sync::Arc;

/// Checks a whole API and makes it ready to be served.
///
/// # Errors
/// All problems, each with its place and a way to mend it.
pub(crate) fn compile(definition: &ApiDefinition) -> Result<Deployment, Problems> {
    let mut checker = Checker::default();
    let deployment = checker.at(format!("API {}", definition.api_id), |checker| {
        check_id(&definition.api_id, checker);
        check_stages(definition, checker);
        check_authorizers(definition, checker);
        check_domain_names(definition, checker);
        deployment(definition, checker)
    });
    checker.finish(deployment)
}

fn deployment(definition: &ApiDefinition, checker: &mut Checker) -> Deployment {
    let mut deployment = Deployment {
        route_selection: route_selection(&definition.route_selection_expression, checker),
        api_key_source: api_key_source(definition.api_key_selection_expression.as_deref(), checker),
        execute_api_disabled: definition.disable_execute_api_endpoint,
        connect: None,
        disconnect: None,
        default: None,
        routes: Vec::new(),
    };
    crate::model::check_models(definition, checker);
    for (index, written) in definition.routes.iter().enumerate() {
        checker.at(format!("route {}", written.route_key), |checker| {
            if definition.routes[..index].iter().any(|earlier| earlier.route_key == written.route_key) {
                checker.problem("there is another route with this key", "remove one, or give it another key");
            }
            let route = route(definition, written, checker);
            match written.route_key.as_str() {
                "$connect" => deployment.connect = Some(route),
                "$disconnect" => deployment.disconnect = Some(route),
                "$default" => deployment.default = Some(Arc::new(route)),
                _ => deployment.routes.push(Arc::new(route)),
            }
        });
    }
    deployment
}

fn route(definition: &ApiDefinition, written: &RouteDefinition, checker: &mut Checker) -> Route {
    let key = written.route_key.as_str();
    if key.is_empty() || (key.starts_with('$') && !matches!(key, "$connect" | "$disconnect" | "$default")) {
        checker.problem("a key of your own must not be empty or start with `$`", "choose another route key");
    }
    let answers = answers(written, checker);
    let wanted = match key {
        "$connect" => Wanted::Status,
        _ if answers => Wanted::Body,
        _ => Wanted::Nothing,
    };
    Route {
        key: key.to_owned(),
        integration: integration(definition, written, wanted, checker),
        authorization: Authorization::compile(definition, written, checker),
        api_key_required: written.api_key_required,
        required_parameters: required_parameters(written, checker),
        validation: BodyValidation::compile(definition, written, checker),
        answers,
        pace: Pace::default(),
    }
}

fn integration(
    definition: &ApiDefinition,
    route: &RouteDefinition,
    wanted: Wanted,
    checker: &mut Checker,
) -> Option<Integration> {
    let Some(target) = &route.target else {
        if route.route_key != "$connect" {
            checker.problem("the route has no target", "set target to integrations/{integrationId}");
        }
        return None;
    };
    let id = target.strip_prefix("integrations/").unwrap_or(target);
    match definition.integrations.get(id) {
        Some(written) => {
            checker.at(format!("integration {id}"), |checker| Integration::compile(written, wanted, checker))
        }
        None => {
            let known: Vec<_> = definition.integrations.keys().map(String::as_str).collect();
            checker.problem(
                format!("target `{target}` names no integration"),
                format!("use integrations/{{id}} with one of: {}", known.join(", ")),
            );
            None
        }
    }
}

/// A route answers when it has a response selection expression and a response, both `$default`.
fn answers(route: &RouteDefinition, checker: &mut Checker) -> bool {
    for response in &route.route_responses {
        if response.route_response_key != "$default" {
            checker.problem(
                format!("route response key `{}` does not exist", response.route_response_key),
                "the only one is `$default`",
            );
        }
    }
    match route.route_response_selection_expression.as_deref() {
        None => false,
        Some("$default") => !route.route_responses.is_empty(),
        Some(other) => {
            checker.problem(format!("route response selection expression `{other}`"), "the only one is `$default`");
            false
        }
    }
}

fn required_parameters(route: &RouteDefinition, checker: &mut Checker) -> Vec<RequiredParameter> {
    let mut required = Vec::new();
    for (name, parameter) in &route.request_parameters {
        let parsed = if let Some(name) = name.strip_prefix("route.request.header.") {
            Some(RequiredParameter::Header(name.to_owned()))
        } else {
            name.strip_prefix("route.request.querystring.").map(|name| RequiredParameter::Query(name.to_owned()))
        };
        match parsed {
            Some(parsed) if parameter.required => required.push(parsed),
            Some(_) => {}
            None => checker.problem(
                format!("request parameter `{name}`"),
                "use route.request.header.NAME or route.request.querystring.NAME",
            ),
        }
    }
    required
}

fn route_selection(text: &str, checker: &mut Checker) -> SelectionExpression {
    SelectionExpression::parse(text).unwrap_or_else(|error| {
        checker.problem(format!("route selection expression: {error}"), "the usual one is `$request.body.action`");
        SelectionExpression::fixed("")
    })
}

fn api_key_source(expression: Option<&str>, checker: &mut Checker) -> ApiKeySource {
    match expression {
        None | Some("$request.header.x-api-key") => ApiKeySource::Header,
        Some("$context.authorizer.usageIdentifierKey") => ApiKeySource::Authorizer,
        Some(other) => {
            checker.problem(
                format!("API key selection expression `{other}`"),
                "use $request.header.x-api-key or $context.authorizer.usageIdentifierKey",
            );
            ApiKeySource::Header
        }
    }
}

fn check_domain_names(definition: &ApiDefinition, checker: &mut Checker) {
    for (index, written) in definition.domain_names.iter().enumerate() {
        let (name, key) = (written.domain_name.as_str(), written.api_mapping_key.as_str());
        checker.at(format!("domain name {name}/{key}"), |checker| {
            if name.is_empty() || name.contains(['/', ':', ' ']) {
                checker.problem("the domain name is no host", "write it like chat.example.org, without port and path");
            }
            // The characters of API mapping keys, and `/` between levels.
            let fits = |c: char| c.is_ascii_alphanumeric() || "$-_.+!*'()/".contains(c);
            if key.len() > 300 || !key.chars().all(fits) || key.starts_with('/') || key.ends_with('/') {
                checker
                    .problem("the mapping key is no path", "use letters, digits and $-_.+!*'(), with / between levels");
            }
            if !definition.stages.iter().any(|stage| stage.stage_name == written.stage) {
                checker.problem(format!("there is no stage `{}`", written.stage), "name a stage of this API");
            }
            let same = |earlier: &&DomainNameDefinition| {
                (&earlier.domain_name, &earlier.api_mapping_key) == (&written.domain_name, &written.api_mapping_key)
            };
            if definition.domain_names[..index].iter().any(|earlier| same(&earlier)) {
                checker.problem("this domain and key are mapped twice", "remove one of them");
            }
        });
    }
}

fn check_id(id: &str, checker: &mut Checker) {
    if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        checker.problem("the API id cannot stand in an address", "use letters, digits and hyphens");
    }
}

fn check_stages(definition: &ApiDefinition, checker: &mut Checker) {
    let stages = &definition.stages;
    for (index, stage) in stages.iter().enumerate() {
        let name = stage.stage_name.as_str();
        checker.at(format!("stage {name}"), |checker| {
            let fits = (1..=128).contains(&name.len());
            if !fits || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
                checker.problem("the name cannot stand in an address", "use up to 128 letters, digits, `_` and `-`");
            }
            if matches!(name, "ping" | "sping") {
                checker.problem("the name is reserved for health checks", "choose another");
            }
            wire::check(&stage.sluicegate, checker);
            if stages[..index].iter().any(|earlier| earlier.stage_name == name) {
                checker.problem("there is another stage of this name", "remove one, or rename it");
            }
            StageSettings::compile(definition, stage, checker);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn definition(changes: serde_json::Value) -> ApiDefinition {
        let keys = ["$connect", "$disconnect", "$default", "echo", "1", "true"];
        let routes = keys.map(|key| json!({"routeKey": key, "target": "integrations/f"}));
        let mut definition = json!({
            "apiId": "chat", "routeSelectionExpression": "$request.body.action",
            "integrations": {"f": {"integrationType": "AWS_PROXY", "integrationUri": "f"}},
            "routes": routes,
            "stages": [{"stageName": "prod"}],
        });
        for (key, value) in changes.as_object().unwrap() {
            definition[key] = value.clone();
        }
        serde_json::from_value(definition).unwrap()
    }

    #[test]
    fn a_message_goes_to_its_route_or_to_default() {
        let deployment = compile(&definition(json!({}))).unwrap();
        for (message, expected) in [
            (r#"{"action":"echo"}"#, "echo"),
            (r#"{"action":"Echo"}"#, "$default"),
            (r#"{"action":"$connect"}"#, "$default"),
            (r#"{"action":"$disconnect"}"#, "$default"),
            (r#"{"action":"$default"}"#, "$default"),
            (r#"{"action":1}"#, "1"),
            (r#"{"action":true}"#, "true"),
            (r#"{"action":null}"#, "$default"),
            (r#" {"action":"a","action":"echo"} "#, "echo"),
            (r#"{"x":1}"#, "$default"),
            (r#"["echo"]"#, "$default"),
            ("echo", "$default"),
            ("", "$default"),
        ] {
            assert_eq!(deployment.route_for(message).unwrap().key, expected, "{message}");
        }
        let routes = json!([{"routeKey": "echo", "target": "integrations/f"}]);
        assert!(compile(&definition(json!({"routes": routes}))).unwrap().route_for("hello").is_none());
    }

    #[test]
    fn every_problem_is_reported_with_its_place_and_remedy() {
        let route = |key: &str, target: &str| json!({"routeKey": key, "target": target});
        for (changes, expected) in [
            (
                json!({"apiId": "a/b"}),
                "API a/b: the API id cannot stand in an address; use letters, digits and hyphens",
            ),
            (json!({"stages": [{"stageName": "a b"}]}), "API chat, stage a b: the name cannot"),
            (
                json!({"stages": [{"stageName": "p", "sluicegate": {"frameBytes": 1000}}]}),
                "API chat, stage p: frameBytes 1000 is less than API Gateway takes",
            ),
            (
                json!({"stages": [{"stageName": "p", "sluicegate": {"frameBytes": 131_073}}]}),
                "; use 32768 to 131072, or leave it out",
            ),
            (json!({"stages": [{"stageName": "p"}, {"stageName": "p"}]}), "API chat, stage p: there is another stage"),
            (
                json!({"routes": [route("a", "integrations/x")]}),
                "API chat, route a: target `integrations/x` names no integration; use integrations/{id} with one of: f",
            ),
            (json!({"routes": [{"routeKey": "a"}]}), "API chat, route a: the route has no target"),
            (json!({"routes": [route("$mine", "integrations/f")]}), "API chat, route $mine: a key of your own"),
            (
                json!({"routes": [route("a", "integrations/f"), route("a", "integrations/f")]}),
                "another route with this key",
            ),
            (json!({"routeSelectionExpression": "${request.body"}), "API chat: route selection expression"),
            (
                json!({"authorizers": {"a": {"authorizerType": "JWT", "authorizerUri": "f"}}}),
                "API chat, authorizer a: authorizer type `JWT`; the only one for WebSocket APIs is REQUEST",
            ),
            (
                json!({"authorizers": {"a": {"authorizerType": "REQUEST"}}}),
                "API chat, authorizer a: the authorizer has no authorizerUri",
            ),
            (
                json!({"authorizers": {"a": {"authorizerType": "REQUEST", "authorizerUri": "f",
                                             "identitySource": ["$request.header.a"]}}}),
                "API chat, authorizer a: identity source `$request.header.a`; use route.request.header.NAME",
            ),
            (
                json!({"routes": [{"routeKey": "$connect", "authorizationType": "CUSTOM"}]}),
                "API chat, route $connect: authorization type CUSTOM without authorizerId",
            ),
            (
                json!({"routes": [{"routeKey": "$connect", "authorizationType": "CUSTOM", "authorizerId": "x"}]}),
                "API chat, route $connect: there is no authorizer `x`",
            ),
            (
                json!({"routes": [{"routeKey": "$connect", "authorizationType": "JWT"}]}),
                "API chat, route $connect: authorization type `JWT` does not exist for WebSocket APIs; use NONE and",
            ),
            (json!({"integrations": {"f": {"integrationType": "LAMBDA"}}}), "integration f: integration type `LAMBDA`"),
        ] {
            let problems = compile(&definition(changes)).err().expect("a problem").to_string();
            assert!(problems.contains(expected), "{problems}");
        }
    }
}
