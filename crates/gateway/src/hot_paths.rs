//! What the gateway does for every message, ready to be run: each function here sets a scene up and returns what to repeat.
//!
//! For counting instructions (`bench/counts`), which thereby needs to know nothing of the inside. A run returns what it
//! produced, in bytes or connections; zero would mean that it did not do its work.

use crate::api::ApiDefinition;
use crate::clock::Clock;
use crate::event::{self, Arrival, Moment};
use crate::exchange::{Exchange, Occasion};
use crate::execution_log::Steps;
use crate::hub::in_memory::Audience;
use crate::hub::{Hub, HubOptions};
use crate::peer::Peer;
use crate::selection_expression::SelectionExpression;
use crate::stage::{Stage, Stages};
use crate::tap::Tap;
use crate::traffic::Logs;
use crate::websocket::{Compression, Decoder, Event, Frame, Inflater, Rules};
use http::Request;
use serde_json::json;
use sluicegate_protocol::{ConnectionId, RequestId};
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// 2026-03-04T10:20:30Z.
const NOW_MS: u64 = 1_772_619_630_000;
const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// A handshake as a browser sends it.
const HANDSHAKE: &str = "GET /prod?room=42&token=abc%20def HTTP/1.1\r\n\
    Host: chat.execute-api.us-east-1.amazonaws.com\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\n\
    Upgrade: websocket\r\n\
    Origin: https://chat.example.org\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

/// A message to a client becomes a frame, or several above 32 KB.
pub fn encode_text(bytes: usize) -> impl FnMut() -> usize {
    let message = message(bytes);
    move || Frame::message(black_box(message.as_bytes()), Compression::None).plain().len()
}

/// A masked frame that lies whole in the read buffer becomes a message. The copy stands for the read that put it there.
pub fn decode_text(bytes: usize) -> impl FnMut() -> usize {
    let frame = masked(message(bytes).as_bytes());
    let (mut decoder, mut inflater) = (Decoder::default(), Inflater::default());
    let mut buffer = frame.clone();
    move || {
        buffer.copy_from_slice(black_box(&frame));
        let mut decoded = 0;
        let result = decoder.decode(&mut buffer, Rules::default(), &mut inflater, |event| {
            if let Event::Text(text) = event {
                decoded = text.len();
            }
            true
        });
        result.map_or(0, |()| decoded)
    }
}

/// A message finds its route among ten.
pub fn select_route() -> impl FnMut() -> usize {
    let (deployment, message) = (served().deployment(), message(256));
    move || deployment.route_for(black_box(&message)).map_or(0, |route| route.key.len())
}

/// An expression with two variables is evaluated.
pub fn evaluate_selection_expression() -> impl FnMut() -> usize {
    let expression = SelectionExpression::parse("${request.body.service}/${request.body.action}").ok();
    let message = message(256);
    move || expression.as_ref().and_then(|one| one.evaluate(black_box(&message))).map_or(0, |key| key.len())
}

/// The event of a message is written.
pub fn build_message_event() -> impl FnMut() -> usize {
    let (stage, body) = (served(), message(256));
    let peer = peer(&stage);
    move || {
        let moment = Moment::new(black_box(NOW_MS));
        let id = RequestId::new(fastrand::u128(..));
        let occasion = Occasion::Message { id, body: black_box(&body), is_base64: false };
        event::build(&Exchange {
            stage: &stage,
            peer: &peer,
            moment,
            route_key: "send",
            occasion,
            log: Steps::default(),
        })
        .len()
    }
}

/// The head of a handshake is read again, completed and written as the event of `$connect`.
pub fn build_connect_event() -> impl FnMut() -> usize {
    let stage = served();
    let peer = peer(&stage);
    let tap = Tap::default();
    tap.note(HANDSHAKE.as_bytes(), true);
    let uri: http::Uri = "/prod?room=42&token=abc%20def".parse().unwrap_or_default();
    let arrival = Arrival { remote: SocketAddr::from((CLIENT, 50_000)), local_port: 443 };
    move || {
        let Some(headers) = black_box(&tap).headers() else { return 0 };
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.uri = uri.clone();
        let request = event::client_request(parts, headers, NOW_MS, arrival);
        let (moment, occasion) = (Moment::new(NOW_MS), Occasion::Connect(&request));
        event::build(&Exchange {
            stage: &stage,
            peer: &peer,
            moment,
            route_key: "$connect",
            occasion,
            log: Steps::default(),
        })
        .len()
    }
}

/// One message goes to every connection of a stage, whose sockets are in memory.
pub fn broadcast(connections: u32) -> impl FnMut() -> usize {
    let (mut audience, message) = (Audience::new(connections), message(256));
    let limit = HubOptions::default().outbound_queue_bytes;
    move || audience.broadcast(black_box(message.as_bytes()), limit) as usize
}

/// A JSON message of exactly so many bytes, with a key for routes.
fn message(bytes: usize) -> String {
    let frame = r#"{"action":"send","service":"chat","data":{"room":"room1234","text":""}}"#;
    let (head, tail) = frame.split_at(frame.len() - r#""}}"#.len());
    format!("{head}{}{tail}", "x".repeat(bytes.saturating_sub(frame.len())))
}

/// A text frame as clients send it.
fn masked(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u16::try_from(payload.len()) {
        Ok(length @ 0..126) => frame.push(0x80 | length as u8),
        Ok(length) => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&length.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// A stage whose API has ten routes of its own; `send` is the last.
fn served() -> Arc<Stage> {
    let keys = ["join", "leave", "list", "history", "typing", "read", "react", "edit", "delete", "send"];
    let lifecycle = ["$connect", "$disconnect", "$default"];
    let routes: Vec<_> =
        lifecycle.iter().chain(&keys).map(|key| json!({"routeKey": key, "target": "integrations/chat"})).collect();
    let definition = json!({
        "apiId": "chat",
        "routeSelectionExpression": "$request.body.action",
        "integrations": {"chat": {"integrationType": "AWS_PROXY", "integrationUri": "chat"}},
        "routes": routes,
        "stages": [{"stageName": "prod", "autoDeploy": true, "stageVariables": {"table": "Rooms"}}],
    });
    let definition: ApiDefinition = serde_json::from_value(definition).expect("it is written as definitions are");
    // Its reactor is never started.
    let (hub, _) = Hub::new(HubOptions { reactors: 1, ..HubOptions::default() }, Clock::manual(NOW_MS))
        .expect("the system has an epoll instance left");
    let logs = Arc::new(Logs::new(None, None));
    let domain_name = Box::new(|api: &str| format!("{api}.execute-api.us-east-1.amazonaws.com"));
    let stages =
        Stages::new(vec![definition], domain_name, &hub, logs).expect("the API names nothing that is not there");
    stages.served().remove(0)
}

fn peer(stage: &Stage) -> Peer {
    let domain_name = stage.domain_name(None);
    let agent = Some("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)".into());
    Peer::new(ConnectionId::new(0, 7, 42), (stage.id.clone(), stage.index), CLIENT.into(), agent, domain_name, NOW_MS)
}
