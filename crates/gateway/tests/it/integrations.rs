//! Integrations that need no HTTP backend: templates, functions behind them, MOCK, content handling, stage variables.

use crate::fixture::{CONNECT, Client, DEFAULT, ECHO, Functions, Reply, Server, api};
use serde_json::{Value, json};
use sluicegate_gateway::api::ApiDefinition;
use sluicegate_gateway::{Clock, HubOptions};
use tokio_tungstenite::tungstenite::{Bytes, ClientRequestBuilder, Message};

/// [`api`] with the route `x`, which answers, and the integration it runs.
pub fn api_with(integration: Value) -> ApiDefinition {
    let mut api = api();
    api.integrations.insert("x".to_owned(), serde_json::from_value(integration).unwrap());
    let route = json!({"routeKey": "x", "target": "integrations/x", "routeResponseSelectionExpression": "$default",
        "routeResponses": [{"routeResponseKey": "$default"}]});
    api.routes.push(serde_json::from_value(route).unwrap());
    api
}

/// [`api`] whose `$connect` runs another integration.
pub fn api_connecting_with(integration: Value) -> ApiDefinition {
    let mut api = api();
    api.integrations.insert(CONNECT.to_owned(), serde_json::from_value(integration).unwrap());
    api
}

/// The same, without the route response.
pub fn silent(mut api: ApiDefinition) -> ApiDefinition {
    let route = api.routes.last_mut().unwrap();
    route.route_response_selection_expression = None;
    route.route_responses.clear();
    api
}

pub async fn serve(functions: Functions, api: ApiDefinition) -> Server {
    Server::with(functions, vec![api], HubOptions::default(), Clock::System).await
}

pub fn is_error(frame: &str, message: &str) -> bool {
    frame.starts_with(&format!(r#"{{"message": "{message}", "connectionId":""#))
}

/// Nothing is sent to the client before the answer to what it sends next.
pub async fn hears_nothing(client: &mut Client) {
    client.send(r#"{"action":"echo"}"#).await;
    assert_eq!(client.receive().await, "echoed");
}

pub fn echoing() -> Functions {
    Functions::default().on(ECHO, |_| Reply::Json(json!({"body": "echoed"})))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mock_answers_with_its_response_template() {
    let responses = json!([
        {"integrationResponseKey": "/4\\d\\d/", "responseTemplates": {"$default": "refused by $context.routeKey"}},
        {"integrationResponseKey": "$default", "templateSelectionExpression": "${request.body.kind}",
            "responseTemplates": {
                "$default": r#"{"id":"$context.connectionId","stage":"$context.stage","colour":"$stageVariables.colour"}"#,
                "named": "a template of its own: $context.identity.sourceIp"
            }},
    ]);
    let mut api = api_with(json!({
        "integrationType": "MOCK", "integrationResponses": responses,
        "templateSelectionExpression": "${request.body.status}",
        "requestTemplates": {"$default": r#"{"statusCode":200}"#, "bad": r#"{"statusCode":"404"}"#, "none": "{}"},
    }));
    api.stages[0].stage_variables.insert("colour".to_owned(), "blue".to_owned());
    let server = serve(Functions::default(), api).await;
    let mut client = server.connect().await;
    let id = server.events(CONNECT, 1).await[0]["requestContext"]["connectionId"].as_str().unwrap().to_owned();
    for (message, expected) in [
        (r#"{"action":"x"}"#, format!(r#"{{"id":"{id}","stage":"prod","colour":"blue"}}"#)),
        (r#"{"action":"x","kind":"named"}"#, "a template of its own: 127.0.0.1".to_owned()),
        (r#"{"action":"x","status":"bad"}"#, "refused by x".to_owned()),
    ] {
        client.send(message).await;
        assert_eq!(client.receive().await, expected, "{message}");
    }
    client.send(r#"{"action":"x","status":"none"}"#).await;
    assert!(is_error(&client.receive().await, "Internal server error"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mock_may_decide_about_connect() {
    for (template, status) in [(r#"{"statusCode":200}"#, 101), (r#"{"statusCode":401}"#, 401), ("{}", 502)] {
        let api = api_connecting_with(json!({
            "integrationType": "MOCK", "requestTemplates": {"200": template}, "templateSelectionExpression": "200",
            "integrationResponses": [{"integrationResponseKey": "$default",
                "responseParameters": {"route.response.header.Sec-WebSocket-Protocol": "'chat'"}}],
        }));
        let server = serve(Functions::default(), api).await;
        match status {
            101 => {
                let request = ClientRequestBuilder::new(server.url("/prod").parse().unwrap()).with_sub_protocol("chat");
                let client = server.connect_to(request).await.unwrap();
                assert_eq!(client.headers["sec-websocket-protocol"], "chat");
            }
            status => assert_eq!(server.refusal("/prod").await.0, status, "{template}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_behind_templates_gets_and_gives_what_they_make() {
    let function = |template: &str| {
        json!({
            "integrationType": "AWS", "integrationUri": "shaped",
            "requestTemplates": {"$default": template},
            "integrationResponses": [
                {"integrationResponseKey": "/.*boom.*/",
                    "responseTemplates": {"$default": "failed: $input.path('$.errorMessage')"}},
                {"integrationResponseKey": "$default",
                    "responseTemplates": {"$default": r#"{"sum":$input.json('$.sum'),"to":"$context.routeKey"}"#}},
            ],
        })
    };
    let numbers = r#"{"numbers":$input.json('$.numbers'),"from":"$context.connectionId"}"#;
    let result = |reply: Value| echoing().on("shaped", move |_| Reply::Json(reply.clone()));
    // Given a result, then the default response is made of it, and the function saw what the template made.
    let server = serve(result(json!({"sum": 6})), api_with(function(numbers))).await;
    let mut client = server.connect().await;
    client.send(r#"{"action":"x","numbers":[1,2,3]}"#).await;
    assert_eq!(client.receive().await, r#"{"sum":6,"to":"x"}"#);
    let event = server.seen("shaped").remove(0);
    assert_eq!(event["numbers"], json!([1, 2, 3]));
    assert_eq!(event["from"], server.seen(CONNECT)[0]["requestContext"]["connectionId"]);

    // Given an error whose message a pattern takes, thrown or returned, then that response is made.
    for functions in [echoing().on("shaped", |_| Reply::Throws), result(json!({"errorMessage": "a boom"}))] {
        let server = serve(functions, api_with(function(numbers))).await;
        let mut client = server.connect().await;
        client.send(r#"{"action":"x"}"#).await;
        let frame = client.receive().await;
        assert!(frame.starts_with("failed: ") && frame.ends_with("boom"), "{frame}");
    }

    // Given a template that yields no JSON, then there is nothing to call.
    let server = serve(echoing(), api_with(function("no JSON"))).await;
    let mut client = server.connect().await;
    client.send(r#"{"action":"x"}"#).await;
    assert!(is_error(&client.receive().await, "Internal server error"));
    assert_eq!(server.seen("shaped"), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_integration_response_only_a_route_that_answers_fails() {
    for (reply, answering, silent_fails) in [
        (json!({"statusCode": 200}), true, false),
        // No response takes the error, so it is one.
        (json!(null), true, true),
    ] {
        let functions = || {
            let reply = reply.clone();
            echoing().on("shaped", move |_| if reply.is_null() { Reply::Throws } else { Reply::Json(reply.clone()) })
        };
        let integration = json!({"integrationType": "AWS", "integrationUri": "shaped"});
        for (api, fails) in
            [(api_with(integration.clone()), answering), (silent(api_with(integration.clone())), silent_fails)]
        {
            let server = serve(functions(), api).await;
            let mut client = server.connect().await;
            client.send(r#"{"action":"x"}"#).await;
            server.events("shaped", 1).await;
            if fails {
                assert!(is_error(&client.receive().await, "Internal server error"));
            }
            hears_nothing(&mut client).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asynchronous_function_is_not_waited_for() {
    let never = std::sync::Arc::new(tokio::sync::Notify::new());
    let functions = Functions::default().on("shaped", move |_| Reply::After(never.clone(), json!({})));
    let api = api_with(json!({
        "integrationType": "AWS", "integrationUri": "shaped",
        "requestParameters": {"integration.request.header.X-Amz-Invocation-Type": "'Event'"},
        "integrationResponses": [{"integrationResponseKey": "$default", "responseTemplates": {"$default": "taken"}}],
    }));
    let server = serve(functions, api).await;
    let mut client = server.connect().await;
    client.send(r#"{"action":"x"}"#).await;
    assert_eq!(client.receive().await, "taken");
    assert_eq!(server.events("shaped", 1).await, [json!({"action": "x"})]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_no_template_takes_passes_or_is_refused() {
    let templates = json!({"a": "{}"});
    for (behaviour, templates, passes) in [
        (json!(null), json!({}), true),
        (json!(null), templates.clone(), true),
        (json!("WHEN_NO_MATCH"), templates.clone(), true),
        (json!("WHEN_NO_TEMPLATES"), json!({}), true),
        (json!("WHEN_NO_TEMPLATES"), templates.clone(), false),
        (json!("NEVER"), json!({}), false),
        (json!("NEVER"), templates.clone(), false),
    ] {
        let api = silent(api_with(json!({
            "integrationType": "AWS", "integrationUri": "shaped", "passthroughBehavior": behaviour,
            "requestTemplates": templates, "templateSelectionExpression": "${request.body.kind}",
        })));
        let server = serve(echoing(), api).await;
        let mut client = server.connect().await;
        let message = json!({"action": "x", "kind": "b"});
        client.send(&message.to_string()).await;
        if passes {
            assert_eq!(server.events("shaped", 1).await, [message], "{behaviour} {templates}");
        } else {
            assert!(is_error(&client.receive().await, "Unsupported Media Type"), "{behaviour} {templates}");
            assert_eq!(server.seen("shaped"), Vec::<Value>::new());
        }
        hears_nothing(&mut client).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base64_result_is_sent_decoded() {
    for (body, expected) in [("aGk=", Message::text("hi")), ("AP8=", Message::Binary(Bytes::from_static(&[0, 255])))] {
        let result = json!({"statusCode": 200, "body": body, "isBase64Encoded": true});
        let server = Server::start(Functions::default().on(ECHO, move |_| Reply::Json(result.clone()))).await;
        let mut client = server.connect().await;
        client.send(r#"{"action":"echo"}"#).await;
        assert_eq!(client.next().await, Some(expected));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base64_message_is_marked_for_a_function() {
    let mut api = api();
    api.integrations.get_mut(DEFAULT).unwrap().content_handling_strategy = Some("CONVERT_TO_BINARY".to_owned());
    let server = serve(Functions::default(), api).await;
    let mut client = server.connect().await;
    client.send("AP8=").await;
    let event = server.events(DEFAULT, 1).await.remove(0);
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("AP8="), &json!(true)));
    client.send("no base64!").await;
    assert!(is_error(&client.receive().await, "Internal server error"));
    assert_eq!(server.seen(DEFAULT).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn stages_of_one_api_call_functions_of_their_own() {
    let arn = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:1:function:\
               f-${stageVariables.colour}:live/invocations";
    let mut api = api_with(json!({"integrationType": "AWS_PROXY", "integrationUri": arn}));
    for colour in ["blue", "green"] {
        let stage = json!({"stageName": colour, "stageVariables": {"colour": colour}});
        api.stages.push(serde_json::from_value(stage).unwrap());
    }
    let functions = Functions::default()
        .on("f-blue", |_| Reply::Json(json!({"body": "I am blue"})))
        .on("f-green", |_| Reply::Json(json!({"body": "I am green"})));
    let server = serve(functions, api).await;
    for (stage, expected) in [("blue", "I am blue"), ("green", "I am green"), ("prod", "Internal server error")] {
        let url = server.url(&format!("/{stage}"));
        let request = ClientRequestBuilder::new(url.parse().unwrap());
        let mut client = server.connect_to(request).await.unwrap();
        client.send(r#"{"action":"x"}"#).await;
        let frame = client.receive().await;
        assert!(frame == expected || is_error(&frame, expected), "{stage}: {frame}");
    }
}
