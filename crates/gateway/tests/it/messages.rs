//! Messages to routes, and what comes back.

use crate::fixture::{CONNECT, Client, DEFAULT, DISCONNECT, ECHO, Functions, Reply, Server, api};
use futures_util::SinkExt;
use serde_json::{Value, json};
use sluicegate_gateway::{Clock, HubOptions};
use std::sync::Arc;
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::{Bytes, Message};

fn frame_of(server: &Server, message: &str, event: Option<&Value>) -> impl Fn(&str) -> bool + use<> {
    let message = message.to_owned();
    let connection = server.seen(CONNECT)[0]["requestContext"]["connectionId"].as_str().unwrap().to_owned();
    let request = event.map(|event| event["requestContext"]["requestId"].as_str().unwrap().to_owned());
    move |frame| {
        let start = format!(r#"{{"message": "{message}", "connectionId":"{connection}", "requestId":""#);
        frame.starts_with(&start)
            && frame.ends_with(r#""}"#)
            && request.as_ref().is_none_or(|request| frame[start.len()..] == format!("{request}\"}}"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_event_is_the_one_aws_sends() {
    let server = Server::start(Functions::default()).await;
    let mut client = server.connect().await;
    let body = r#"{ "action" : "other" , "n":1.0 }"#;
    client.send(body).await;
    client.send("hello").await;
    let events = server.events(DEFAULT, 2).await;
    let event = events.iter().find(|event| event["body"] == body).expect("the body is unchanged");
    let names: Vec<_> = event.as_object().unwrap().keys().collect();
    assert_eq!(names, ["body", "isBase64Encoded", "requestContext"]);
    let context = &event["requestContext"];
    assert_eq!((&context["routeKey"], &context["eventType"]), (&json!("$default"), &json!("MESSAGE")));
    assert_ne!(context["messageId"], context["requestId"]);
    let connect = &server.seen(CONNECT)[0]["requestContext"];
    assert_eq!(
        (&context["connectionId"], &context["connectedAt"]),
        (&connect["connectionId"], &connect["connectedAt"])
    );
    assert_ne!(events[0]["requestContext"]["messageId"], events[1]["requestContext"]["messageId"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_route_response_sends_the_body_back() {
    for (result, expected) in [
        (json!({"statusCode": 200, "body": "hi"}), "hi"),
        (json!({"statusCode": 500, "body": "bad"}), "bad"),
        (json!({"statusCode": 200}), ""),
    ] {
        let functions = Functions::default()
            .on(ECHO, move |_| Reply::Json(result.clone()))
            .on(DEFAULT, |_| Reply::Json(json!({"statusCode": 500, "body": "never sent"})));
        let server = Server::start(functions).await;
        let mut client = server.connect().await;
        client.send("to default").await;
        server.events(DEFAULT, 1).await;
        client.send(r#"{"action":"echo"}"#).await;
        assert_eq!(client.receive().await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_told_to_the_client_who_stays_connected() {
    for (reply, message) in [
        (Reply::Throws, "Internal server error"),
        (Reply::Json(json!(null)), "Internal server error"),
        (Reply::Missing, "Internal server error"),
        (Reply::Throttled, "Too Many Requests"),
    ] {
        let reply = std::sync::Mutex::new(Some(reply));
        let functions = Functions::default()
            .on(DEFAULT, move |_| reply.lock().unwrap().take().unwrap())
            .on(ECHO, |_| Reply::Json(json!({"body": "still here"})));
        let server = Server::start(functions).await;
        let mut client = server.connect().await;
        client.send("x").await;
        let frame = client.receive().await;
        let event = server.seen(DEFAULT).remove(0);
        assert!(frame_of(&server, message, Some(&event))(&frame), "{frame}");
        client.send(r#"{"action":"echo"}"#).await;
        assert_eq!(client.receive().await, "still here");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_route_there_is_a_forbidden_frame() {
    let mut bare = api();
    bare.routes.retain(|route| route.route_key != "$default");
    let server = Server::with(Functions::default(), vec![bare], HubOptions::default(), Clock::System).await;
    let mut client = server.connect().await;
    for message in ["hello", r#"{"action":"unknown"}"#, r#"{"action":"$disconnect"}"#, "[]", ""] {
        client.send(message).await;
        let frame = client.receive().await;
        assert!(frame_of(&server, "Forbidden", None)(&frame), "{message}: {frame}");
    }
    assert_eq!(server.seen(DISCONNECT), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_integration_that_takes_too_long_is_reported() {
    let mut hasty = api();
    hasty.integrations.get_mut(DEFAULT).unwrap().timeout_in_millis = Some(50);
    let never = Arc::new(Notify::new());
    let functions = Functions::default().on(DEFAULT, move |_| Reply::After(never.clone(), json!({})));
    let server = Server::with(functions, vec![hasty], HubOptions::default(), Clock::System).await;
    let mut client = server.connect().await;
    client.send("x").await;
    let frame = client.receive().await;
    assert!(frame_of(&server, "Endpoint request timed out", None)(&frame), "{frame}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_message_does_not_hold_back_a_fast_one() {
    let gate = Arc::new(Notify::new());
    let handler_gate = gate.clone();
    let functions = Functions::default().on(ECHO, move |event| {
        let body: Value = serde_json::from_str(event["body"].as_str().unwrap()).unwrap();
        match body["slow"].as_bool() {
            Some(true) => Reply::After(handler_gate.clone(), json!({"body": "slow"})),
            _ => Reply::Json(json!({"body": "fast"})),
        }
    });
    let server = Server::start(functions).await;
    let mut client = server.connect().await;
    client.send(r#"{"action":"echo","slow":true}"#).await;
    server.events(ECHO, 1).await;
    client.send(r#"{"action":"echo"}"#).await;
    assert_eq!(client.receive().await, "fast");
    gate.notify_one();
    assert_eq!(client.receive().await, "slow");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_unanswered_messages_stop_the_reading_and_none_is_lost() {
    let gate = Arc::new(Notify::new());
    let handler_gate = gate.clone();
    let functions = Functions::default().on(DEFAULT, move |_| Reply::After(handler_gate.clone(), json!({})));
    let options = HubOptions { messages_in_flight: 2, ..HubOptions::default() };
    let server = Server::with(functions, vec![api()], options, Clock::System).await;
    let mut client = server.connect().await;
    // Each message fills a read, so that the limit is looked at between them.
    let long = "x".repeat(32 * 1024);
    let sender = tokio::spawn(async move {
        for _ in 0..50 {
            client.send(&long).await;
        }
        client
    });
    server.events(DEFAULT, 2).await;
    for answered in 3..=50 {
        gate.notify_one();
        server.events(DEFAULT, answered.min(50)).await;
        assert!(server.seen(DEFAULT).len() <= answered + 6, "the reading goes on with {answered} answered");
    }
    gate.notify_waiters();
    let _client: Client = sender.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_are_answered_and_reach_no_function() {
    let server = Server::start(Functions::default()).await;
    let mut client = server.connect().await;
    client.socket.send(Message::Ping(Bytes::from_static(b"are you there"))).await.unwrap();
    assert_eq!(client.next().await, Some(Message::Pong(Bytes::from_static(b"are you there"))));
    assert_eq!(server.seen(DEFAULT), Vec::<Value>::new());
}
