//! Throttling over real sockets: what is refused, how, and what goes on regardless. Time stands still unless moved.

use crate::fixture::{CONNECT, Client, DEFAULT, ECHO, Functions, Reply, Server, api};
use serde_json::{Value, json};
use sluicegate_gateway::{AccountLimits, Clock, GatewayOptions, HubOptions, Rate};
use std::time::Duration;
use tokio_tungstenite::tungstenite::{self, ClientRequestBuilder};

/// Echo messages that are sent at once, each with an answer.
const ECHO_MESSAGE: &str = r#"{"action":"echo"}"#;

/// A server whose stage `prod` has these settings, and a stage `dev` without any.
async fn server(prod: Value) -> Server {
    with_account(prod, AccountLimits::default()).await
}

async fn with_account(prod: Value, account: AccountLimits) -> Server {
    let functions = Functions::default().on(ECHO, |_| Reply::Json(json!({"body": "echo"})));
    let mut definition = api();
    let mut stage = json!({"stageName": "prod"});
    for (key, value) in prod.as_object().unwrap() {
        stage[key] = value.clone();
    }
    definition.stages = [stage, json!({"stageName": "dev"})].map(|stage| serde_json::from_value(stage).unwrap()).into();
    let options = GatewayOptions { account, ..GatewayOptions::default() };
    let clock = Clock::manual(1_772_619_630_000);
    Server::with_options(functions, vec![definition], HubOptions::default(), clock, options).await
}

/// Sends a message `count` times; how many were served and how many refused as throttled.
async fn served_and_refused(client: &mut Client, message: &str, count: usize) -> (usize, usize) {
    for _ in 0..count {
        client.send(message).await;
    }
    let (mut served, mut refused) = (0, 0);
    for _ in 0..count {
        match client.receive().await.as_str() {
            "echo" => served += 1,
            frame if frame.starts_with(r#"{"message": "Too Many Requests", "connectionId":""#) => refused += 1,
            other => panic!("neither served nor throttled: {other}"),
        }
    }
    (served, refused)
}

/// The status of a handshake.
async fn handshake(server: &Server, path: &str) -> u16 {
    match server.connect_to(ClientRequestBuilder::new(server.url(path).parse().unwrap())).await {
        Ok(_) => 101,
        Err(tungstenite::Error::Http(response)) => response.status().as_u16(),
        Err(other) => panic!("no HTTP answer: {other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_beyond_a_routes_burst_get_the_frame_and_the_connection_stays_open() {
    let echo = json!({"throttlingRateLimit": 1, "throttlingBurstLimit": 1});
    let server = server(json!({"routeSettings": {"echo": echo}})).await;
    let mut client = server.connect().await;
    assert_eq!(served_and_refused(&mut client, ECHO_MESSAGE, 10).await, (1, 9));
    assert_eq!(server.seen(ECHO).len(), 1, "a throttled message reaches no function");

    // The bucket belongs to the stage's route, not to the client.
    let mut other = server.connect().await;
    assert_eq!(served_and_refused(&mut other, ECHO_MESSAGE, 2).await, (0, 2));
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(served_and_refused(&mut client, ECHO_MESSAGE, 3).await, (1, 2));

    let frame = {
        client.send(ECHO_MESSAGE).await;
        serde_json::from_str::<Value>(&client.receive().await).unwrap()
    };
    assert_eq!(frame["connectionId"], server.seen(CONNECT)[0]["requestContext"]["connectionId"]);
    assert_eq!(frame["requestId"].as_str().unwrap().len(), 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_beyond_the_burst_of_connect_get_429_and_reach_no_function() {
    let connect = json!({"throttlingRateLimit": 0.5, "throttlingBurstLimit": 2});
    let server = server(json!({"routeSettings": {"$connect": connect}})).await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(handshake(&server, "/prod").await);
    }
    assert_eq!(statuses, [101, 101, 429, 429, 429]);
    let (status, headers, body) = server.refusal("/prod").await;
    assert_eq!((status, body.as_str()), (429, r#"{"message":"Too Many Requests"}"#));
    assert_eq!(headers["x-amzn-errortype"], "TooManyRequestsException");
    assert_eq!(server.seen(CONNECT).len(), 2);
    server.clock.advance(Duration::from_secs(2));
    assert_eq!([handshake(&server, "/prod").await, handshake(&server, "/prod").await], [101, 429]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_routes_own_settings_count_for_it_alone() {
    let server = server(json!({
        "defaultRouteSettings": {"throttlingRateLimit": 1, "throttlingBurstLimit": 2},
        "routeSettings": {"echo": {"throttlingBurstLimit": 5}},
    }))
    .await;
    let mut client = server.connect().await;
    assert_eq!(served_and_refused(&mut client, ECHO_MESSAGE, 7).await, (5, 2));
    // `$default` does not answer, so only what is refused comes back.
    for _ in 0..4 {
        client.send("to the default route").await;
    }
    for _ in 0..2 {
        assert!(client.receive().await.contains("Too Many Requests"));
    }
    assert_eq!(server.events(DEFAULT, 2).await.len(), 2);
    // The default limits `$connect` too: one of its two tokens is left.
    assert_eq!([handshake(&server, "/prod").await, handshake(&server, "/prod").await], [101, 429]);
}

#[tokio::test(flavor = "multi_thread")]
async fn stages_are_throttled_apart() {
    let none = json!({"throttlingRateLimit": 0, "throttlingBurstLimit": 5});
    let server = server(json!({"defaultRouteSettings": none})).await;
    assert_eq!(handshake(&server, "/prod").await, 429);
    assert_eq!(handshake(&server, "/dev").await, 101);
}

#[tokio::test(flavor = "multi_thread")]
async fn callbacks_beyond_the_stages_default_get_limit_exceeded() {
    let server = server(json!({
        "defaultRouteSettings": {"throttlingRateLimit": 1, "throttlingBurstLimit": 2},
        "routeSettings": {"$connect": {"throttlingBurstLimit": 10}},
    }))
    .await;
    let mut client = server.connect().await;
    let id = server.seen(CONNECT)[0]["requestContext"]["connectionId"].as_str().unwrap().to_owned();
    let path = format!("/prod/@connections/{id}");
    assert_eq!(server.http("POST", &path, "one").await.0, 200);
    assert_eq!(server.http("GET", &path, "").await.0, 200);
    for (method, body) in [("POST", "two"), ("GET", ""), ("DELETE", "")] {
        let (status, headers, body) = server.http(method, &path, body).await;
        assert_eq!((status, body.as_str()), (429, ""), "{method}");
        assert_eq!(headers["x-amzn-errortype"], "LimitExceededException", "{method}");
    }
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(server.http("POST", &path, "three").await.0, 200);
    assert_eq!([client.receive().await, client.receive().await], ["one", "three"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_limits_all_stages_together() {
    let requests = Some(Rate { per_second: 1.0, burst: 4 });
    let server = with_account(json!({}), AccountLimits { requests, connects: None }).await;
    let mut client = server.connect().await;
    assert_eq!(handshake(&server, "/dev").await, 101);
    assert_eq!(served_and_refused(&mut client, ECHO_MESSAGE, 4).await, (2, 2));
    assert_eq!(handshake(&server, "/dev").await, 429);

    let connects = Some(Rate { per_second: 1.0, burst: 1 });
    let server = with_account(json!({}), AccountLimits { requests: None, connects }).await;
    let mut client = server.connect().await;
    assert_eq!(handshake(&server, "/dev").await, 429);
    assert_eq!(served_and_refused(&mut client, ECHO_MESSAGE, 20).await, (20, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_settings_nothing_is_throttled() {
    let server = server(json!({})).await;
    let mut client = server.connect().await;
    assert_eq!(served_and_refused(&mut client, ECHO_MESSAGE, 1000).await, (1000, 0));
}
