//! Definitions of integrations that cannot be served, and what is said about them.

use crate::api::compile::compile;
use serde_json::{Value, json};

/// The problems of an API whose only route runs this integration.
fn problems(integration: &Value) -> Vec<String> {
    let definition = json!({
        "apiId": "chat", "routeSelectionExpression": "$request.body.action",
        "integrations": {"i": integration}, "stages": [{"stageName": "prod"}],
        "routes": [{"routeKey": "x", "target": "integrations/i"}],
    });
    let compiled = compile(&serde_json::from_value(definition).unwrap());
    compiled.err().map(|problems| problems.0.iter().map(ToString::to_string).collect()).unwrap_or_default()
}

#[test]
fn every_problem_is_reported_with_its_place_and_remedy() {
    let http = |changes: Value| {
        let mut integration =
            json!({"integrationType": "HTTP", "integrationMethod": "POST", "integrationUri": "http://a/"});
        integration.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        integration
    };
    for (integration, expected) in [
        (json!({"integrationType": "SOAP"}), "integration type `SOAP`; use AWS_PROXY, AWS, HTTP_PROXY, HTTP or MOCK"),
        (
            json!({"integrationType": "AWS", "integrationUri": "arn:aws:apigateway:eu-west-1:states:action/StartExecution"}),
            "integrationUri names the service `states`, which cannot be called; use arn:aws:apigateway:",
        ),
        (
            json!({"integrationType": "AWS", "integrationUri": "arn:aws:apigateway:eu-west-1:dynamodb:PutItem"}),
            "integrationUri names neither an action nor a path: `PutItem`; use arn:aws:apigateway:",
        ),
        (
            json!({"integrationType": "AWS", "integrationUri": "arn:aws:apigateway:eu-west-1:sqs:path/1/{queue}"}),
            "`{queue}` in integrationUri has no value; map integration.request.path.queue",
        ),
        (
            json!({"integrationType": "AWS", "integrationMethod": "PUT",
                   "integrationUri": "arn:aws:apigateway:eu-west-1:sns:action/Publish"}),
            "integrationMethod `PUT` of a service; use POST or GET",
        ),
        (
            json!({"integrationType": "AWS_PROXY",
                   "integrationUri": "arn:aws:apigateway:eu-west-1:sqs:action/SendMessage"}),
            "integrationUri names the service `sqs`, which has no proxy integration; use the integration type AWS",
        ),
        (http(json!({"timeoutInMillis": 49})), "timeoutInMillis 49; use 50 to 29000"),
        (http(json!({"connectionType": "TUNNEL"})), "connectionType `TUNNEL`; use INTERNET or VPC_LINK"),
        (http(json!({"passthroughBehavior": "ALWAYS"})), "passthroughBehavior `ALWAYS`; use WHEN_NO_MATCH"),
        (http(json!({"contentHandlingStrategy": "X"})), "contentHandlingStrategy `X`; use CONVERT_TO_BINARY"),
        (
            http(json!({"templateSelectionExpression": "${integration.response.statuscode}"})),
            "templateSelectionExpression: `integration.response.statuscode` is no variable of a WebSocket message",
        ),
        (http(json!({"requestTemplates": {"$default": "{\n#if(true)\n"}})), "requestTemplates.$default, line "),
        (
            http(json!({"requestParameters": {"integration.request.header.a": "context"}})),
            "requestParameters.integration.request.header.a: `context` is no source",
        ),
        (
            json!({"integrationType": "MOCK", "requestParameters": {"a": "'b'"}}),
            "requestParameters.a: this is no target of a parameter",
        ),
        (
            http(json!({"integrationResponses": [{"integrationResponseKey": "200"}]})),
            "integration response 200: integration response key `200`; use $default",
        ),
        (
            http(json!({"integrationResponses": [{"integrationResponseKey": "$default",
                "responseTemplates": {"a": "#set($x = )"}}]})),
            "integration response $default, responseTemplates.a, line 1, column ",
        ),
        (
            http(json!({"integrationResponses": [{"integrationResponseKey": "$default",
                "responseParameters": {"route.response.header.a": "context.stage"}}]})),
            "integration response $default, responseParameters.route.response.header.a: `context.stage` is no source",
        ),
        (
            http(json!({"integrationResponses": [{"integrationResponseKey": "$default",
                "templateSelectionExpression": "${integration.response.latency}"}]})),
            "integration response $default: templateSelectionExpression: `integration.response.latency` is no variable",
        ),
    ] {
        let problems = problems(&integration);
        assert_eq!(problems.len(), 1, "{problems:?}");
        let start = format!("API chat, route x, integration i: {expected}");
        let within = format!("API chat, route x, integration i, {expected}");
        assert!(problems[0].starts_with(&start) || problems[0].starts_with(&within), "{problems:?}\n{expected}");
    }
}

#[test]
fn an_integration_is_checked_to_its_end() {
    let problems = problems(&json!({"integrationType": "HTTP", "passthroughBehavior": "ALWAYS",
        "requestParameters": {"a": "b"}, "requestTemplates": {"$default": "#if("}, "timeoutInMillis": 1}));
    // The template, the behaviour, both halves of the parameter, the method, the address and the timeout.
    assert_eq!(problems.len(), 7, "{problems:#?}");
}

#[test]
fn links_into_private_networks_are_served_as_direct_connections() {
    assert_eq!(
        problems(&json!({"integrationType": "HTTP_PROXY", "integrationMethod": "POST",
            "integrationUri": "http://internal.example/", "connectionType": "VPC_LINK", "connectionId": "abc123"})),
        Vec::<String>::new()
    );
}
