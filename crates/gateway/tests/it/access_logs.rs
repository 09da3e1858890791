//! Access logs: what is written for each event, read from the files after a drain.

use crate::fixture::{CONNECT, DISCONNECT, ECHO, Functions, Reply, Server, api};
use serde_json::{Value, json};
use sluicegate_gateway::{Clock, Gateway, GatewayOptions, Hub, HubOptions, Parts};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_tungstenite::tungstenite::ClientRequestBuilder;

const ARN: &str = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/chat:*";

/// A server whose stage logs in this format, below a folder that does not exist yet.
async fn server(functions: Functions, format: &str, folder: &Path) -> Server {
    let mut definition = api();
    definition.routes.retain(|route| route.route_key != "$default");
    let log = json!({"destinationArn": ARN, "format": format});
    definition.stages = vec![
        serde_json::from_value(json!({
            "stageName": "prod",
            "accessLogSettings": log,
            "routeSettings": {"echo": {"throttlingRateLimit": 1, "throttlingBurstLimit": 3}},
        }))
        .unwrap(),
    ];
    let options = GatewayOptions { access_logs_dir: Some(folder.join("logs")), ..GatewayOptions::default() };
    let clock = Clock::manual(1_772_619_630_117);
    Server::with_options(functions, vec![definition], HubOptions::default(), clock, options).await
}

/// Drains, and reads what was logged. Clients must have gone: the clock that would end waiting for them stands still.
async fn lines(server: &Server, folder: &Path) -> Vec<String> {
    server.gateway.drain().await;
    let text = std::fs::read_to_string(folder.join("logs/aws-chat.log")).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_a_line_and_unknown_variables_are_dashes() {
    let folder = tempfile::tempdir().unwrap();
    let format = "$context.requestId $context.eventType $context.routeKey $context.foo";
    let server = server(Functions::default(), format, folder.path()).await;
    let mut client = server.connect().await;
    client.send(r#"{"action":"echo"}"#).await;
    server.events(ECHO, 1).await;
    client.socket.close(None).await.unwrap();
    server.events(DISCONNECT, 1).await;
    drop(client);
    let request_id =
        |function: &str| server.seen(function)[0]["requestContext"]["requestId"].as_str().unwrap().to_owned();
    assert_eq!(
        lines(&server, folder.path()).await,
        [
            format!("{} CONNECT $connect -", request_id(CONNECT)),
            format!("{} MESSAGE echo -", request_id(ECHO)),
            format!("{} DISCONNECT $disconnect -", request_id(DISCONNECT)),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_says_who_when_and_how_it_went() {
    let folder = tempfile::tempdir().unwrap();
    let format = concat!(
        r#"{"id":"$context.requestId","extended":"$context.extendedRequestId","connection":"$context.connectionId","#,
        r#""message":"$context.messageId","event":"$context.eventType","route":"$context.routeKey","#,
        r#""api":"$context.apiId","stage":"$context.stage","domain":"$context.domainName","#,
        r#""time":"$context.requestTime","epoch":"$context.requestTimeEpoch","connectedAt":"$context.connectedAt","#,
        r#""ip":"$context.identity.sourceIp","agent":"$context.identity.userAgent","user":"$context.identity.user","#,
        r#""status":"$context.status","latency":"$context.integrationLatency","#,
        r#""integration":"$context.integration.status","invoked":"$context.integration.integrationStatus","#,
        r#""failure":"$context.integration.error","error":"$context.error.message","#,
        r#""quoted":[$context.error.messageString],"type":"$context.error.responseType","#,
        r#""authorizer":"$context.authorizer.status","waf":"$context.waf.status"}"#,
    );
    let functions = Functions::default().on(ECHO, |event| match event["body"].as_str() {
        Some(body) if body.contains("throw") => Reply::Throws,
        _ => Reply::Json(json!({"statusCode": 201, "body": "answer"})),
    });
    let server = server(functions, format, folder.path()).await;
    let agent = r#"quoted "agent" \ {"#;
    let request = ClientRequestBuilder::new(server.url("/prod").parse().unwrap()).with_header("User-Agent", agent);
    let mut client = server.connect_to(request).await.unwrap();
    for (message, answer) in [
        (r#"{"action":"echo"}"#, "answer"),
        (r#"{"action":"echo","do":"throw"}"#, "Internal server error"),
        (r#"{"action":"nowhere"}"#, "Forbidden"),
        (r#"{"action":"echo"}"#, "answer"),
        (r#"{"action":"echo"}"#, "Too Many Requests"),
    ] {
        client.send(message).await;
        assert!(client.receive().await.contains(answer), "{message}");
    }
    drop(client);
    let connect = server.seen(CONNECT).remove(0);
    let read = |line: &String| match serde_json::from_str::<Value>(&line.replace("[-]", "[]")) {
        Ok(line) => line,
        Err(error) => panic!("{error}: {line}"),
    };
    let lines: Vec<Value> = lines(&server, folder.path()).await.iter().map(read).collect();

    let first = &lines[0];
    for (key, expected) in [
        ("id", connect["requestContext"]["requestId"].as_str().unwrap()),
        ("extended", connect["requestContext"]["requestId"].as_str().unwrap()),
        ("connection", connect["requestContext"]["connectionId"].as_str().unwrap()),
        ("message", "-"),
        ("api", "chat"),
        ("stage", "prod"),
        ("domain", "chat.execute-api.us-east-1.amazonaws.com"),
        ("time", "04/Mar/2026:10:20:30 +0000"),
        ("epoch", "1772619630117"),
        ("connectedAt", "1772619630117"),
        ("ip", "127.0.0.1"),
        ("agent", agent),
        ("user", "-"),
        ("authorizer", "-"),
        ("waf", "-"),
    ] {
        assert_eq!(first[key], expected, "{key} of {first}");
    }
    assert_eq!(lines[1]["message"].as_str().unwrap().len(), 16);
    assert!(lines[1]["latency"].as_str().unwrap().parse::<u64>().is_ok(), "{}", lines[1]);

    let outcome = |line: &Value| {
        let keys = ["event", "route", "status", "integration", "invoked", "error", "type"];
        keys.map(|key| line[key].as_str().unwrap().to_owned())
    };
    let outcomes: Vec<_> = lines.iter().map(outcome).collect();
    assert_eq!(
        outcomes,
        [
            ["CONNECT", "$connect", "200", "200", "200", "-", "-"],
            ["MESSAGE", "echo", "201", "201", "200", "-", "-"],
            ["MESSAGE", "echo", "500", "-", "200", "Internal server error", "INTEGRATION_FAILURE"],
            ["MESSAGE", "-", "403", "-", "-", "Forbidden", "RESOURCE_NOT_FOUND"],
            ["MESSAGE", "echo", "201", "201", "200", "-", "-"],
            ["MESSAGE", "echo", "429", "-", "-", "Too Many Requests", "THROTTLED"],
            ["DISCONNECT", "$disconnect", "200", "200", "200", "-", "-"],
        ]
    );
    assert_eq!((&lines[3]["quoted"], &lines[1]["quoted"]), (&json!(["Forbidden"]), &json!([])));
    assert_eq!(lines[2]["failure"], "The integration failed, or its answer is malformed");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_handshakes_are_logged_with_their_status() {
    let folder = tempfile::tempdir().unwrap();
    for (reply, status, expected) in [
        (Reply::Json(json!({"statusCode": 401})), 401, "401 401 -"),
        (Reply::Throws, 502, "502 - Internal server error"),
        (Reply::Missing, 500, "500 - Internal server error"),
    ] {
        let reply = std::sync::Mutex::new(Some(reply));
        let functions = Functions::default().on(CONNECT, move |_| reply.lock().unwrap().take().unwrap());
        let format = "$context.status $context.integration.status $context.error.message ($context.requestId)";
        let server = server(functions, format, folder.path()).await;
        assert_eq!(server.refusal("/prod").await.0, status);
        // Servers one after the other append to the same file.
        let line = lines(&server, folder.path()).await.pop().unwrap();
        assert!(line.starts_with(&format!("{expected} (")), "{line}");
    }
}

/// What keeps a gateway with this access log from starting.
async fn refusal_to_start(format: &str, access_logs_dir: Option<PathBuf>) -> String {
    let mut definition = api();
    let settings = json!({"destinationArn": ARN, "format": format});
    definition.stages[0].access_log_settings = Some(serde_json::from_value(settings).unwrap());
    let hub = Hub::new(HubOptions::default(), Clock::System).unwrap();
    let parts = Parts::new(vec![definition], Arc::new(Functions::default()), hub);
    let started =
        Gateway::start(Parts { options: GatewayOptions { access_logs_dir, ..GatewayOptions::default() }, ..parts });
    started.err().expect("a reason").to_string()
}

#[tokio::test]
async fn a_log_that_cannot_be_kept_is_reported_at_start() {
    let refusal = refusal_to_start("$context.routeKey", None).await;
    assert!(refusal.contains("API chat, stage prod, accessLogSettings: the format names no request id"), "{refusal}");
    let file = tempfile::NamedTempFile::new().unwrap();
    let refusal = refusal_to_start("$context.requestId", Some(file.path().join("logs"))).await;
    assert!(refusal.contains("cannot write the access log") && refusal.contains("aws-chat.log"), "{refusal}");
}
