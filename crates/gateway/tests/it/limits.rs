//! Hostile and slow clients: bounded memory, no effect on others.

use crate::fixture::{CONNECT, DISCONNECT, Functions, Reply, Server, api};
use sluicegate_gateway::{Clock, HubOptions};
use sluicegate_protocol::{ConnectionId, Connections, PostError};

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_is_refused_posts_and_dropped_from_broadcasts() {
    let options = HubOptions { outbound_queue_bytes: 512 * 1024, ..HubOptions::default() };
    let server = Server::with(Functions::default(), vec![api()], options, Clock::System).await;
    let slow = server.connect().await;
    let id = server.seen(CONNECT)[0]["requestContext"]["connectionId"].as_str().unwrap().to_owned();
    let mut quick = server.connect().await;

    // Given a client that does not read, when it is posted to, then its queue fills and the posts are refused.
    let message = bytes::Bytes::from(vec![b'x'; 128 * 1024]);
    let parsed = ConnectionId::parse(&id).unwrap();
    let refused = loop {
        if let Err(refused) = server.hub.post(&server.stage, parsed, message.clone()).await {
            break refused;
        }
    };
    assert_eq!(refused, PostError::QueueFull);
    let (status, headers, _) = server.http("POST", &format!("/prod/@connections/{id}"), message).await;
    assert_eq!((status, headers["x-amzn-errortype"].to_str().unwrap()), (429, "LimitExceededException"));

    // When all are broadcast to, then it is dropped and the others do not notice.
    let broadcast = server.broadcast(&[&"y".repeat(128 * 1024)]).await;
    assert_eq!((broadcast.accepted, broadcast.too_slow), (1, 1));
    assert_eq!(quick.receive().await.len(), 128 * 1024);
    let event = server.events(DISCONNECT, 1).await.remove(0);
    assert_eq!(event["requestContext"]["disconnectStatusCode"], 1008);
    assert_eq!(event["requestContext"]["connectionId"], id);
    drop(slow);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_gets_everything_in_order_once_it_reads() {
    let options = HubOptions { outbound_queue_bytes: 64 * 1024 * 1024, ..HubOptions::default() };
    let server = Server::with(Functions::default(), vec![api()], options, Clock::System).await;
    let mut client = server.connect().await;
    let filler = "z".repeat(64 * 1024);
    for number in 0..400 {
        assert_eq!(server.broadcast(&[&format!("{number}:{filler}"), &format!("{number}!")]).await.accepted, 1);
    }
    for number in 0..400 {
        assert!(client.receive().await.starts_with(&format!("{number}:")));
        assert_eq!(client.receive().await, format!("{number}!"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broadcasts_reach_everyone_in_order_and_once() {
    let server = Server::start(Functions::default()).await;
    let mut clients = Vec::new();
    for _ in 0..50 {
        clients.push(server.connect().await);
    }
    for number in 0..200 {
        assert_eq!(server.broadcast(&[&number.to_string()]).await.accepted, 50);
    }
    for client in &mut clients {
        for number in 0..200 {
            assert_eq!(client.receive().await, number.to_string());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_of_messages_arrives_whole() {
    // More messages than one vectored write takes.
    let server = Server::start(Functions::default()).await;
    let mut client = server.connect().await;
    let messages: Vec<_> = (0..1000).map(|number| number.to_string()).collect();
    server.broadcast(&messages.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for message in &messages {
        assert_eq!(client.receive().await, *message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_messages_of_all_clients_together_are_bounded() {
    let options = HubOptions { assembly_bytes: 64 * 1024, reactors: 1, ..HubOptions::default() };
    let server = Server::with(Functions::default(), vec![api()], options, Clock::System).await;
    let mut hoarders = Vec::new();
    for _ in 0..4 {
        let mut client = server.connect().await;
        // A first fragment of 30,000 bytes whose message never ends.
        let mut fragment = vec![0x01, 0xFE, 0x75, 0x30, 0, 0, 0, 0];
        fragment.extend(vec![b'x'; 30_000]);
        client.send_raw(&fragment).await;
        hoarders.push(client);
    }
    let event = server.events(DISCONNECT, 1).await.remove(0);
    assert_eq!(event["requestContext"]["disconnectStatusCode"], 1013);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_small_messages_is_answered_in_full() {
    let functions =
        Functions::default().on("echo", |event| Reply::Json(serde_json::json!({"body": event["body"].clone()})));
    let server = Server::start(functions).await;
    let mut client = server.connect().await;
    for number in 0..2000 {
        client.send(&format!(r#"{{"action":"echo","n":{number}}}"#)).await;
    }
    let mut seen = vec![false; 2000];
    for _ in 0..2000 {
        let answer: serde_json::Value = serde_json::from_str(&client.receive().await).unwrap();
        let number = answer["n"].as_u64().unwrap() as usize;
        assert!(!std::mem::replace(&mut seen[number], true), "{number} came twice");
    }
}
