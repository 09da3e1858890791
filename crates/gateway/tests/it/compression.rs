//! permessage-deflate over real sockets: who gets it, what it carries, and what it must not be used for.

use crate::fixture::{CONNECT, DEFAULT, DISCONNECT, Functions, Server, api_with_stage};
use crate::raw::{Raw, Received, frame};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use serde_json::json;
use sluicegate_gateway::{Clock, HubOptions};
use sluicegate_protocol::{Connections, StageId};

const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";

async fn server() -> Server {
    let stage = json!({"stageName": "small", "sluicegate": {"permessageDeflate": true, "binaryFrames": true}});
    Server::with(Functions::default(), vec![api_with_stage(stage)], HubOptions::default(), Clock::System).await
}

fn squeezed(content: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(content.len() + 1000);
    Compress::new(Compression::default(), false).compress_vec(content, &mut wire, FlushCompress::Sync).unwrap();
    wire.truncate(wire.len() - 4);
    wire
}

fn restored(frame: &Received) -> String {
    let wire = [&frame.payload[..], &[0, 0, 0xFF, 0xFF]].concat();
    let mut content = Vec::with_capacity(1 << 20);
    Decompress::new(false).decompress_vec(&wire, &mut content, FlushDecompress::Sync).unwrap();
    String::from_utf8(content).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_agreed_on_only_where_the_stage_and_the_client_want_it() {
    let server = server().await;
    for (stage, offer, answer) in [
        ("small", OFFER, Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover")),
        ("small", "", None),
        ("small", "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n", None),
        ("prod", OFFER, None),
    ] {
        let client = Raw::connect(&server, stage, offer).await;
        let line = client.head.lines().find_map(|line| line.strip_prefix("sec-websocket-extensions: "));
        assert_eq!(line, answer, "{stage}, {offer}");
    }
    // The function sees what was offered, as with every header.
    let event = server.events(CONNECT, 1).await.remove(0);
    assert_eq!(event["headers"]["Sec-WebSocket-Extensions"], "permessage-deflate; client_max_window_bits");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_client_gets_what_it_agreed_on() {
    let server = server().await;
    let stage = StageId::new("chat", "small");
    let mut deflating = Raw::connect(&server, "small", OFFER).await;
    let mut plain = Raw::connect(&server, "small", "").await;
    let mut another = Raw::connect(&server, "small", OFFER).await;
    let (long, short) = ("the same again, ".repeat(5000), "short".to_owned());
    let messages = [&long, &short].map(|text| bytes::Bytes::from(text.clone())).to_vec();
    assert_eq!(server.hub.broadcast(&stage, messages).await.unwrap().accepted, 3);
    for client in [&mut deflating, &mut another] {
        let frame = client.frame().await.unwrap();
        assert_eq!(frame.first, 0xC1);
        assert!(frame.payload.len() < long.len() / 20, "{}", frame.payload.len());
        assert_eq!(restored(&frame), long);
        assert_eq!(client.frame().await.unwrap(), Received { first: 0x81, payload: short.clone().into_bytes() });
    }
    let mut received = Vec::new();
    while received.len() < long.len() {
        let frame = plain.frame().await.unwrap();
        assert_eq!(frame.first & 0x40, 0);
        received.extend(frame.payload);
    }
    assert_eq!(received, long.as_bytes());

    // Posts are no different, and the place of one who leaves is taken in the right list.
    drop(deflating);
    server.events(DISCONNECT, 1).await;
    assert_eq!(server.hub.broadcast(&stage, vec![long.clone().into()]).await.unwrap().accepted, 2);
    assert_eq!(restored(&another.frame().await.unwrap()), long);
    let id = server.seen(CONNECT)[2]["requestContext"]["connectionId"].as_str().unwrap().to_owned();
    assert_eq!(server.http("POST", &format!("/small/@connections/{id}"), long.clone()).await.0, 200);
    assert_eq!(restored(&another.frame().await.unwrap()), long);
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_messages_reach_functions_as_they_were() {
    let server = server().await;
    let mut client = Raw::connect(&server, "small", OFFER).await;
    let wire = squeezed("compressed".as_bytes());
    client.write(&[frame(0x41, &wire[..4]), frame(0x89, b"p"), frame(0x80, &wire[4..])].concat()).await.unwrap();
    assert_eq!(client.frame().await.unwrap(), Received { first: 0x8A, payload: b"p".to_vec() });
    assert_eq!(server.events(DEFAULT, 1).await[0]["body"], "compressed");
    client.write(&frame(0xC2, &squeezed(&[0xFF, 0, 1]))).await.unwrap();
    assert_eq!(server.events(DEFAULT, 2).await[1]["body"], "/wAB");
    client.write(&frame(0x81, b"plain")).await.unwrap();
    assert_eq!(server.events(DEFAULT, 3).await[2]["body"], "plain");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_has_its_code() {
    let server = server().await;
    let hello = squeezed(b"hello");
    let largest = squeezed(&vec![b'x'; 131_072]);
    for (name, offer, sends, code) in [
        ("a bomb", OFFER, frame(0xC1, &squeezed(&vec![0; 20_000_000])), 1009),
        ("a byte too much", OFFER, frame(0xC1, &squeezed(&vec![b'x'; 131_073])), 1009),
        ("no deflate data", OFFER, frame(0xC1, b"hello"), 1007),
        ("half of it", OFFER, frame(0xC1, &hello[..3]), 1007),
        ("no text", OFFER, frame(0xC1, &squeezed(b"\xFF")), 1007),
        ("on a ping", OFFER, frame(0xC9, b""), 1002),
        ("on a close", OFFER, frame(0xC8, b""), 1002),
        ("on a continuation", OFFER, [frame(0x41, &hello[..3]), frame(0xC0, &hello[3..])].concat(), 1002),
        ("not agreed on", "", frame(0xC1, &hello), 1002),
        ("as long as can be", OFFER, [frame(0xC1, &largest), frame(0x88, &[3, 0xE8])].concat(), 1000),
    ] {
        let mut client = Raw::connect(&server, "small", offer).await;
        client.write(&sends).await.unwrap();
        assert_eq!(client.rest().await.last().unwrap().close_code(), code, "{name}");
    }
    assert_eq!(server.events(DEFAULT, 1).await[0]["body"].as_str().unwrap().len(), 131_072);
}
