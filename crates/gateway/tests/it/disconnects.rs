//! Every way a connection can end, and what `$disconnect` is told of it.

use crate::fixture::{CONNECT, Client, DISCONNECT, Functions, Reply, Server, api};
use futures_util::SinkExt;
use serde_json::{Value, json};
use sluicegate_gateway::{Clock, HubOptions};
use sluicegate_protocol::{ConnectionId, Connections};
use std::time::Duration;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// Code and reason of the one `$disconnect` event.
async fn disconnected(server: &Server) -> (u64, String) {
    let event = server.events(DISCONNECT, 1).await.remove(0);
    let context = &event["requestContext"];
    (context["disconnectStatusCode"].as_u64().unwrap(), context["disconnectReason"].as_str().unwrap().to_owned())
}

async fn close(client: &mut Client, code: u16, reason: &str) {
    let frame = CloseFrame { code: code.into(), reason: reason.to_owned().into() };
    client.socket.send(Message::Close(Some(frame))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_say_why_it_leaves() {
    for (code, reason) in [(1000, "bye"), (1001, ""), (4001, "x")] {
        let server = Server::start(Functions::default()).await;
        let mut client = server.connect().await;
        close(&mut client, code, reason).await;
        assert_eq!(client.closed().await.unwrap().0, code);
        assert_eq!(disconnected(&server).await, (u64::from(code), reason.to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_without_a_code_has_its_own_words() {
    let server = Server::start(Functions::default()).await;
    let mut client = server.connect().await;
    client.socket.send(Message::Close(None)).await.unwrap();
    assert_eq!(client.closed().await, Some((1005, String::new())));
    assert_eq!(disconnected(&server).await, (1005, "Client-side close frame status not set".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_1006() {
    for reset in [false, true] {
        let server = Server::start(Functions::default()).await;
        let client = server.connect().await;
        let MaybeTlsStream::Plain(socket) = client.socket.get_ref() else { unreachable!() };
        if reset {
            socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO)).unwrap();
        }
        drop(client);
        assert_eq!(disconnected(&server).await, (1006, String::new()), "reset: {reset}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_event_is_the_one_aws_sends() {
    let server = Server::start(Functions::default()).await;
    let mut client = server.connect().await;
    close(&mut client, 1000, "").await;
    let event = server.events(DISCONNECT, 1).await.remove(0);
    let host = "chat.execute-api.us-east-1.amazonaws.com";
    assert_eq!(event["headers"], json!({"Host": host, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}));
    assert_eq!(
        event["multiValueHeaders"],
        json!({"Host": [host], "x-api-key": [""], "X-Forwarded-For": [""], "x-restapi": [""]})
    );
    let names: Vec<_> = event.as_object().unwrap().keys().collect();
    assert_eq!(names, ["headers", "isBase64Encoded", "multiValueHeaders", "requestContext"]);
    let (connect, context) = (&server.seen(CONNECT)[0]["requestContext"], &event["requestContext"]);
    for same in ["connectionId", "connectedAt", "identity", "apiId", "stage", "domainName"] {
        assert_eq!(connect[same], context[same], "{same}");
    }
    assert_eq!((&context["routeKey"], &context["eventType"]), (&json!("$disconnect"), &json!("DISCONNECT")));
    assert!(context["disconnectStatusCode"].is_u64());
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_rules_close_with_their_code() {
    let binary = [0x82, 0x81, 0, 0, 0, 0, b'x'];
    let unmasked = [0x81, 0x01, b'x'];
    let invalid_utf8 = [0x81, 0x81, 0, 0, 0, 0, 0xFF];
    let frame_too_big = [0x81, 0xFE, 0x80, 0x01, 0, 0, 0, 0];
    for (bytes, code) in [(&binary[..], 1003), (&unmasked, 1002), (&invalid_utf8, 1007), (&frame_too_big, 1009)] {
        let server = Server::start(Functions::default()).await;
        let mut client = server.connect().await;
        client.send_raw(bytes).await;
        assert_eq!(client.closed().await.unwrap().0, code);
        assert_eq!(disconnected(&server).await.0, u64::from(code));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_and_old_connections_go_away() {
    let (idle, age) = (Duration::from_secs(600), Duration::from_secs(7200));
    // Given a client that is silent, when ten minutes pass, then it is closed.
    let clock = Clock::manual(1_772_619_630_000);
    let server = Server::with(Functions::default(), vec![api()], HubOptions::default(), clock).await;
    let mut client = server.connect().await;
    server.clock.advance(idle);
    assert_eq!(client.closed().await, Some((1001, "Going away".to_owned())));
    assert_eq!(disconnected(&server).await, (1001, "Going away".to_owned()));

    // Given one that is posted to again and again, when two hours pass, then it is closed nonetheless.
    let clock = Clock::manual(1_772_619_630_000);
    let server = Server::with(Functions::default(), vec![api()], HubOptions::default(), clock).await;
    let mut client = server.connect().await;
    let steps = age.as_secs() / (idle.as_secs() / 2);
    for step in 1..steps {
        server.clock.advance(idle / 2);
        server.broadcast(&["tick"]).await;
        assert_eq!(client.receive().await, "tick", "step {step}");
    }
    server.clock.advance(idle / 2);
    assert_eq!(client.closed().await, Some((1001, "Going away".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_keep_a_connection_open() {
    let server = Server::with(Functions::default(), vec![api()], HubOptions::default(), Clock::manual(0)).await;
    let mut client = server.connect().await;
    for _ in 0..4 {
        server.clock.advance(Duration::from_secs(400));
        client.socket.send(Message::Ping(Vec::new().into())).await.unwrap();
        assert!(matches!(client.next().await, Some(Message::Pong(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_closes_with_1001_and_waits_for_disconnect() {
    let server = Server::start(Functions::default()).await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(server.connect().await);
    }
    let draining = tokio::spawn({
        let gateway = server.gateway.clone();
        async move { gateway.drain().await }
    });
    for client in &mut clients {
        assert_eq!(client.closed().await, Some((1001, "Going away".to_owned())));
    }
    drop(clients);
    draining.await.unwrap();
    assert_eq!(server.seen(DISCONNECT).len(), 5);
    assert_eq!(server.refusal("/prod").await.0, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnect_that_fails_is_not_repeated_but_one_that_was_throttled_is() {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let functions =
        Functions::default().on(DISCONNECT, move |_| match calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Reply::Throttled,
            _ => Reply::Throws,
        });
    let server = Server::start(functions).await;
    drop(server.connect().await);
    server.events(DISCONNECT, 2).await;
    server.gateway.drain().await;
    assert_eq!(server.seen(DISCONNECT).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_is_gone_inside_its_own_connect_and_disconnect() {
    let server = Server::start(Functions::default()).await;
    let mut client = server.connect().await;
    let id = server.seen(CONNECT)[0]["requestContext"]["connectionId"].as_str().unwrap().to_owned();
    let id = ConnectionId::parse(&id).unwrap();
    assert!(server.hub.get(&server.stage, id).await.is_some());
    client.socket.close(None).await.unwrap();
    let event: Value = server.events(DISCONNECT, 1).await.remove(0);
    assert_eq!(event["requestContext"]["connectionId"], id.to_string());
    assert!(server.hub.get(&server.stage, id).await.is_none());
}
