//! Execution logs: which lines are written for what, read from the files after a drain.

use crate::backend::Backend;
use crate::fixture::{Access, CONNECT, DISCONNECT, ECHO, Functions, Reply, Server, api};
use bytes::Bytes;
use serde_json::{Value, json};
use sluicegate_gateway::api::ApiDefinition;
use sluicegate_gateway::{Clock, GatewayOptions, HubOptions};
use std::path::Path;
use tokio_tungstenite::tungstenite::ClientRequestBuilder;

const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.secret.end-of-token";

fn info() -> Value {
    json!({"loggingLevel": "INFO"})
}

/// Settings of the default, and of the route `echo`.
fn logged(mut definition: ApiDefinition, default: Value, echo: Value) -> ApiDefinition {
    let stage = json!({"stageName": "prod", "defaultRouteSettings": default, "routeSettings": {"echo": echo}});
    definition.stages = vec![serde_json::from_value(stage).unwrap()];
    definition
}

async fn server(functions: Functions, definition: ApiDefinition, folder: &Path) -> Server {
    let options = GatewayOptions { execution_logs_dir: Some(folder.to_owned()), ..GatewayOptions::default() };
    let clock = Clock::manual(1_772_619_630_117);
    Server::with_options(functions, vec![definition], HubOptions::default(), clock, options).await
}

/// Drains, and reads what was logged: without what is new each time, a line each. Every line must name its request.
async fn log(server: &Server, folder: &Path) -> Vec<String> {
    server.gateway.drain().await;
    let file = folder.join("aws/apigateway/chat/prod.log");
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(|line| line.split_at(19)).map(|(prefix, line)| masked(prefix, line)).collect()
}

fn masked(prefix: &str, line: &str) -> String {
    let id =
        prefix.strip_prefix('(').and_then(|prefix| prefix.strip_suffix(") ")).unwrap_or_else(|| panic!("{prefix}"));
    assert_eq!(id.len(), 16, "{prefix}{line}");
    let mut line = line.replace(id, "ID");
    for (start, end) in [("Connection Id: ", "]"), ("latency: ", " ms")] {
        if let Some(place) = line.find(start).map(|place| place + start.len()) {
            let length = line[place..].find(end).unwrap();
            line.replace_range(place..place + length, "…");
        }
    }
    line
}

/// A whole life: connect, one message, close.
async fn talk(server: &Server, message: &str) {
    let mut client = server.connect().await;
    client.send(message).await;
    client.receive().await;
    client.socket.close(None).await.unwrap();
    server.events(DISCONNECT, 1).await;
}

fn lambda(function: &str) -> String {
    let arn = format!("arn:aws:lambda:eu-west-1:111122223333:function:{function}");
    format!("https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions/{arn}/invocations")
}

#[tokio::test(flavor = "multi_thread")]
async fn info_tells_the_whole_run_of_every_event_and_no_body() {
    let folder = tempfile::tempdir().unwrap();
    let functions =
        Functions::default().on(ECHO, |_| Reply::Json(json!({"statusCode": 201, "body": "a-secret-answer"})));
    let server = server(functions, logged(api(), info(), json!({})), folder.path()).await;
    talk(&server, r#"{"action":"echo","text":"a-secret-message"}"#).await;
    let called = |function: &str| {
        let uri = lambda(function);
        [
            format!("Endpoint request URI: {uri}"),
            format!("Sending request to {uri}"),
            "Received response. Status: 200, Integration latency: … ms".to_owned(),
        ]
    };
    let mut expected = [
        "Extended Request Id: ID",
        "Verifying Usage Plan for request: ID. API Key:  API Stage: chat/prod",
        "API Key  authorized because route '$connect' does not require API Key. Request will not contribute to throttle \
         or quota limits",
        "Usage Plan check succeeded for API Key  and API Stage chat/prod",
        "Starting execution for request: ID",
        "WebSocket Request Route: [$connect]",
        "Client [UserAgent: , SourceIp: 127.0.0.1] is connecting to WebSocket API [chat].",
    ]
    .map(str::to_owned)
    .to_vec();
    expected.extend(called(CONNECT));
    let text = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    expected.extend(text(&[
        "Client [Connection Id: …] connected to API [chat] successfully.",
        "Method completed with status: 200",
        "Extended Request Id: ID",
        "Starting execution for request: ID",
        "WebSocket Request Route: [echo]",
        "WebSocket API [chat] received message from client [Connection Id: …].",
    ]));
    expected.extend(called(ECHO));
    expected.extend(text(&[
        "Message from client [Connection Id: …] sent to API [chat] with response status code [201].",
        "Method completed with status: 201",
        "Extended Request Id: ID",
        "Starting execution for request: ID",
        "WebSocket Request Route: [$disconnect]",
    ]));
    expected.extend(called(DISCONNECT));
    expected.extend(text(&[
        "Client [Connection Id: …] disconnected from API [chat] with integration response status code [200]. Close \
         reason: [1005: Client-side close frame status not set]",
        "Method completed with status: 200",
    ]));
    assert_eq!(log(&server, folder.path()).await, expected);
}

/// What `echo` does, and what ERROR says of it.
#[tokio::test(flavor = "multi_thread")]
async fn error_tells_only_what_failed() {
    let with_model = |mut definition: ApiDefinition| {
        let schema = r#"{"type":"object","required":["must"]}"#;
        definition.models = serde_json::from_value(json!({"M": {"schema": schema}})).unwrap();
        let echo = definition.routes.iter_mut().find(|route| route.route_key == "echo").unwrap();
        echo.model_selection_expression = Some(r"\$default".to_owned());
        echo.request_models = serde_json::from_value(json!({"$default": "M"})).unwrap();
        definition
    };
    let throttled = json!({"throttlingRateLimit": 1, "throttlingBurstLimit": 0});
    let arn = "arn:aws:lambda:eu-west-1:111122223333:function:echo";
    type Make = fn(ApiDefinition) -> ApiDefinition;
    type Row = (&'static str, fn() -> Reply, Value, Make, String);
    let rows: [Row; 8] = [
        ("an answer", || Reply::Json(json!({"statusCode": 200, "body": "x"})), json!({}), |api| api, String::new()),
        (
            "an error of its own",
            || Reply::Json(json!({"statusCode": 500, "body": "x"})),
            json!({}),
            |api| api,
            String::new(),
        ),
        (
            "it throws",
            || Reply::Fails("boom\n(forged) line"),
            json!({}),
            |api| api,
            r"Lambda execution failed with status 200 due to customer function error: boom\n(forged) line".to_owned(),
        ),
        (
            "no proxy result",
            || Reply::Json(json!("hello")),
            json!({}),
            |api| api,
            "Execution failed due to configuration error: Malformed Lambda proxy response".to_owned(),
        ),
        (
            "no such function",
            || Reply::Missing,
            json!({}),
            |api| api,
            format!("Execution failed due to configuration error: Function not found: {arn}"),
        ),
        (
            "no concurrency",
            || Reply::Throttled,
            json!({}),
            |api| api,
            "Lambda invocation failed with status: 429".to_owned(),
        ),
        (
            "too fast",
            || Reply::Missing,
            throttled,
            |api| api,
            "Execution failed: Too Many Requests (THROTTLED)".to_owned(),
        ),
        (
            "no model",
            || Reply::Missing,
            json!({}),
            with_model,
            r#"Request body does not match model schema: "must" is a required property"#.to_owned(),
        ),
    ];
    for (what, reply, mut echo, change, expected) in rows {
        let folder = tempfile::tempdir().unwrap();
        // Data traces add nothing to errors.
        echo["dataTraceEnabled"] = json!(true);
        let definition = change(logged(api(), json!({"loggingLevel": "ERROR"}), echo));
        let server = server(Functions::default().on(ECHO, move |_| reply()), definition, folder.path()).await;
        talk(&server, r#"{"action":"echo"}"#).await;
        let expected: Vec<String> = Some(expected).filter(|line| !line.is_empty()).into_iter().collect();
        assert_eq!(log(&server, folder.path()).await, expected, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_routes_own_level_counts() {
    for (default, echo, expected) in [
        (json!({}), json!({}), &[][..]),
        (json!({}), info(), &["echo"]),
        (info(), json!({"loggingLevel": "OFF"}), &["$connect", "$disconnect"]),
        (json!({"loggingLevel": "ERROR"}), info(), &["echo"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let functions = Functions::default().on(ECHO, |_| Reply::Json(json!({"statusCode": 200, "body": "x"})));
        let server = server(functions, logged(api(), default.clone(), echo.clone()), folder.path()).await;
        talk(&server, r#"{"action":"echo"}"#).await;
        let lines = log(&server, folder.path()).await;
        let routes = lines.iter().filter_map(|line| line.strip_prefix("WebSocket Request Route: [")?.strip_suffix(']'));
        assert_eq!(routes.collect::<Vec<_>>(), expected, "{default} {echo}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_show_bodies_cut_on_one_line_and_without_credentials() {
    let folder = tempfile::tempdir().unwrap();
    // Given a function that gives the client's token away, and one with much to say.
    let functions = Functions::default()
        .on(CONNECT, |event| {
            let token = event["headers"]["authorization"].as_str().unwrap().to_owned();
            Reply::Json(json!({"statusCode": 200, "headers": {"x-echo": token}}))
        })
        .on(ECHO, |event| Reply::Json(json!({"statusCode": 200, "body": event["body"].as_str().unwrap().repeat(50)})));
    let traced = json!({"loggingLevel": "INFO", "dataTraceEnabled": true});
    let server = server(functions, logged(api(), traced, json!({})), folder.path()).await;
    let request = ClientRequestBuilder::new(server.url("/prod?token=short&room=lobby").parse().unwrap())
        .with_header("Authorization", format!("Bearer {TOKEN}"))
        .with_header("Cookie", "theme=dark-blue; sid=0123456789abcdef0123456789");
    let mut client = server.connect_to(request).await.unwrap();
    client.send("{\"action\":\"echo\",\n\"text\":\"some-words\"}").await;
    client.receive().await;
    drop(client);
    let lines = log(&server, folder.path()).await;
    let all = lines.join("\n");
    for secret in [TOKEN, "short", "dark-blue", "0123456789abcdef"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
    let body = |what: &str, route: usize| {
        let label = format!("Endpoint {what}: ");
        lines
            .iter()
            .filter_map(|line| line.strip_prefix(&label))
            .nth(route)
            .unwrap_or_else(|| panic!("{what} in {all}"))
    };
    let event = body("request body after transformations", 0);
    assert!(event.starts_with("{\"headers\":{\"authorization\":\"**********") && event.contains("-token"), "{event}");
    let answer = body("response body before transformations", 0);
    assert!(answer.contains("***-token"), "{answer}");
    let message = body("request body after transformations", 1);
    assert!(message.contains("some-words"), "{message}");
    let long = body("response body before transformations", 1);
    assert!(long.ends_with(" [TRUNCATED]") && long.contains("some-words"), "{long}");
    let file = std::fs::read_to_string(folder.path().join("aws/apigateway/chat/prod.log")).unwrap();
    assert!(file.lines().all(|line| line.len() <= 1024), "{file}");
    assert!(file.lines().any(|line| line.len() == 1024), "{file}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_handshakes_say_by_whom() {
    let authorizer = |policy: &'static str| {
        move |event: &Value| match policy {
            "Unauthorized" => Reply::Fails("Unauthorized"),
            "nothing" => Reply::Json(json!({})),
            effect => Reply::Json(json!({
                "principalId": "u", "policyDocument": {"Version": "2012-10-17", "Statement": [
                    {"Effect": effect, "Action": "execute-api:Invoke", "Resource": event["methodArn"]}]},
            })),
        }
    };
    for (policy, query, status, expected) in [
        ("Deny", "?pass=let-me-in-please", 403, "The client is not authorized to perform this operation."),
        ("Unauthorized", "?pass=let-me-in-please", 401, "Unauthorized request: ID"),
        ("Allow", "", 401, "Unauthorized request: ID"),
        ("nothing", "?pass=let-me-in-please", 500, "Execution failed due to configuration error: authorizer guard: "),
    ] {
        for level in ["ERROR", "INFO"] {
            let folder = tempfile::tempdir().unwrap();
            let mut definition = logged(api(), json!({"loggingLevel": level, "dataTraceEnabled": true}), json!({}));
            definition.authorizers = serde_json::from_value(json!({"guard": {
                "authorizerType": "REQUEST", "authorizerUri": "guard",
                "identitySource": ["route.request.querystring.pass"],
            }}))
            .unwrap();
            let connect = definition.routes.iter_mut().find(|route| route.route_key == "$connect").unwrap();
            (connect.authorization_type, connect.authorizer_id) = (Some("CUSTOM".to_owned()), Some("guard".to_owned()));
            let server = server(Functions::default().on("guard", authorizer(policy)), definition, folder.path()).await;
            assert_eq!(server.refusal(&format!("/prod{query}")).await.0, status, "{policy}");
            let lines = log(&server, folder.path()).await;
            let failed = lines.iter().filter(|line| line.starts_with(expected)).count();
            assert_eq!(failed, 1, "{policy} {level}: {lines:?}");
            let (first, last) = ("Extended Request Id: ID", format!("Method completed with status: {status}"));
            match level {
                "ERROR" => assert_eq!(lines.len(), 1, "{lines:?}"),
                _ => assert_eq!((lines[0].as_str(), lines.last()), (first, Some(&last))),
            }
            assert!(!lines.iter().any(|line| line.starts_with("Starting execution")), "{lines:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn backends_are_shown_with_headers_only_in_traces_and_never_with_credentials() {
    let backend = Backend::start(|_| {
        let response = http::Response::builder().header("set-cookie", "sid=0123456789abcdef").header("x-shown", "yes");
        response.body(Bytes::from_static(b"the-answer")).unwrap()
    })
    .await;
    for (settings, traced) in [(info(), false), (json!({"loggingLevel": "INFO", "dataTraceEnabled": true}), true)] {
        let folder = tempfile::tempdir().unwrap();
        let mut definition = logged(api(), settings.clone(), json!({}));
        definition.integrations.insert(
            CONNECT.to_owned(),
            serde_json::from_value(json!({
                "integrationType": "HTTP_PROXY", "integrationMethod": "POST",
                "integrationUri": backend.url("/in").replace("http://", "http://user:pass@"),
                "requestParameters": {"integration.request.querystring.access_token": "route.request.querystring.t"},
            }))
            .unwrap(),
        );
        let server = server(Functions::default(), definition, folder.path()).await;
        let request = ClientRequestBuilder::new(server.url("/prod?t=a-mapped-token").parse().unwrap())
            .with_header("X-Api-Key", "abcdefghijklmnopqrstuvwxyz")
            .with_header("X-Plain", "plain");
        drop(server.connect_to(request).await.unwrap());
        let lines = log(&server, folder.path()).await;
        let all = lines.join("\n");
        for secret in ["a-mapped-token", "abcdefghijkl", "0123456789abcdef", "user:pass"] {
            assert!(!all.contains(secret), "{secret} in {all}");
        }
        let query = if traced { "?access_token=********" } else { "" };
        assert!(lines.contains(&format!("Sending request to {}{query}", backend.url("/in"))), "{all}");
        for shown in ["x-plain=plain", "x-api-key=********************uvwxyz", "x-shown=yes", "the-answer"] {
            assert_eq!(all.contains(shown), traced, "{shown} in {all}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn api_keys_are_told_apart_by_their_end_alone() {
    const KEY: &str = "0123456789abcdefghijkey";
    let checked = "Verifying Usage Plan for request: ID. API Key:";
    let refused = "not authorized because route '$connect' requires API Key and API Key is not associated with a Usage Plan for \
                   API Stage chat/prod:";
    for (sent, expected) in [
        (
            Some(KEY),
            [
                format!("{checked} *****************hijkey API Stage: chat/prod"),
                "API Key *****************hijkey authorized because route '$connect' requires API Key".to_owned(),
            ],
        ),
        (
            Some("another-key-let-me-enter-me"),
            [
                format!("{checked} *********************ter-me API Stage: chat/prod"),
                format!("API Key *********************ter-me {refused} No Usage Plan found for key and API Stage"),
            ],
        ),
        (
            None,
            [
                format!("{checked}  API Stage: chat/prod"),
                format!("API Key  {refused} API Key was required but not present"),
            ],
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let traced = json!({"loggingLevel": "INFO", "dataTraceEnabled": true});
        let mut definition = logged(api(), traced, json!({}));
        definition.routes.iter_mut().find(|route| route.route_key == "$connect").unwrap().api_key_required = true;
        let usage = serde_json::from_value(json!({
            "apiKeys": [{"id": "k", "value": KEY}],
            "usagePlans": [{"id": "p", "keys": ["k"], "apiStages": [{"apiId": "chat", "stage": "prod"}]}],
        }));
        let access = Access { usage: usage.unwrap(), ..Access::default() };
        let options =
            GatewayOptions { execution_logs_dir: Some(folder.path().to_owned()), ..GatewayOptions::default() };
        let functions = Functions::default().on(ECHO, |event| {
            let key = &event["requestContext"]["identity"]["apiKey"];
            Reply::Json(json!({"statusCode": 200, "body": format!("your key is {}", key.as_str().unwrap())}))
        });
        let apis = vec![definition];
        let server = Server::with_all(functions, apis, access, HubOptions::default(), Clock::System, options).await;
        let mut request = ClientRequestBuilder::new(server.url("/prod").parse().unwrap());
        if let Some(sent) = sent {
            request = request.with_header("x-api-key", sent);
        }
        if let Ok(mut client) = server.connect_to(request).await {
            // Every event of the connection shows the key; its log does not.
            client.send(r#"{"action":"echo"}"#).await;
            assert_eq!(client.receive().await, format!("your key is {KEY}"));
        }
        let lines = log(&server, folder.path()).await;
        assert_eq!(lines[1..3], expected, "{sent:?}");
        let all = lines.join("\n");
        assert!(!all.contains("0123456789abc") && !all.contains("another-key"), "{all}");
        assert_eq!(all.contains("your key is *****************hijkey"), sent == Some(KEY), "{all}");
    }
}
