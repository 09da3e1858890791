//! RFC 6455 as data, over real sockets: what a client sends, what it gets, and that nobody else notices.

use crate::fixture::{CONNECT, DEFAULT, DISCONNECT, ECHO, Functions, Reply, Server, api, api_with_stage};
use crate::raw::{Raw, close, frame, handshake};
use serde_json::{Value, json};
use sluicegate_gateway::{Clock, HubOptions};
use tokio::io::AsyncWriteExt;

/// One client's bytes, and what comes of them.
struct Case {
    name: String,
    sends: Vec<u8>,
    /// Bodies that reach the function, in any order.
    messages: Vec<Value>,
    /// Payloads of the pongs that come back.
    pongs: Vec<Vec<u8>>,
    /// The code of the close frame that comes back.
    code: u16,
}

impl Case {
    fn named(name: impl Into<String>, frames: &[Vec<u8>]) -> Self {
        Self { name: name.into(), sends: frames.concat(), messages: Vec::new(), pongs: Vec::new(), code: 1000 }
    }

    /// Breaks a rule.
    fn broken(name: impl Into<String>, frames: &[Vec<u8>], code: u16) -> Self {
        Self { code, ..Self::named(name, frames) }
    }

    /// Keeps to the rules, and leaves with 1000.
    fn fine(name: impl Into<String>, frames: &[Vec<u8>], messages: &[&str]) -> Self {
        let mut case = Self::named(name, frames);
        case.sends.extend(close(1000, b""));
        case.messages = messages.iter().map(|text| json!(text)).collect();
        case
    }

    fn with_pongs(self, pongs: &[&[u8]]) -> Self {
        Self { pongs: pongs.iter().map(|pong| pong.to_vec()).collect(), ..self }
    }
}

/// How the bytes are put on the wire.
#[derive(Clone, Copy, Debug)]
enum Pace {
    AtOnce,
    /// One byte per segment.
    Trickle,
    /// In the same segment as the handshake.
    BehindTheHandshake,
}

/// Longer streams are not worth a system call per byte.
const LONGEST_TRICKLE: usize = 400;

async fn check(stage: &str, cases: Vec<Case>) {
    let relaxed = json!({
        "stageName": "relaxed", "sluicegate": {"frameBytes": 131_072, "binaryFrames": true},
    });
    let server =
        Server::with(Functions::default(), vec![api_with_stage(relaxed)], HubOptions::default(), Clock::System).await;
    let mut bystander = Raw::connect(&server, stage, "").await;
    let (mut messages, mut ends) = (0, 0);
    for case in cases {
        for pace in [Pace::AtOnce, Pace::BehindTheHandshake, Pace::Trickle] {
            if matches!(pace, Pace::Trickle) && case.sends.len() > LONGEST_TRICKLE {
                continue;
            }
            let name = format!("{}, {pace:?}", case.name);
            let mut client = send(&server, stage, &case.sends, pace).await;
            let mut frames = client.rest().await;
            let last = frames.pop().unwrap_or_else(|| panic!("{name}: no close frame"));
            assert_eq!(last.close_code(), case.code, "{name}: {last:?}");
            let pongs: Vec<_> = frames
                .into_iter()
                .inspect(|pong| assert_eq!(pong.first, 0x8A, "{name}"))
                .map(|pong| pong.payload)
                .collect();
            assert_eq!(pongs, case.pongs, "{name}");
            ends += 1;
            let ended = server.events(DISCONNECT, ends).await;
            assert_eq!(ended[ends - 1]["requestContext"]["disconnectStatusCode"], case.code, "{name}");
            let events = server.events(DEFAULT, messages + case.messages.len()).await;
            let mut bodies: Vec<_> = events[messages..].iter().map(|event| event["body"].clone()).collect();
            bodies.sort_by_key(Value::to_string);
            assert_eq!(bodies, case.messages, "{name}");
            messages = events.len();
        }
    }
    bystander.write(&frame(0x89, b"still here")).await.unwrap();
    assert_eq!(bystander.frame().await.unwrap().payload, b"still here");
}

async fn send(server: &Server, stage: &str, bytes: &[u8], pace: Pace) -> Raw {
    if let Pace::BehindTheHandshake = pace {
        let mut client = Raw::dial(server).await;
        client.write(&[handshake(stage, "").as_bytes(), bytes].concat()).await.unwrap();
        client.answered().await;
        return client;
    }
    let mut client = Raw::connect(server, stage, "").await;
    match pace {
        Pace::Trickle => {
            for byte in bytes {
                // The server may have seen enough and left before all is sent.
                if client.write(&[*byte]).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        Pace::AtOnce | Pace::BehindTheHandshake => client.write(bytes).await.unwrap(),
    }
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_come_whole_or_in_pieces() {
    let quarter = "q".repeat(32_768);
    let pieces = |first: u8| {
        [
            frame(first, quarter.as_bytes()),
            frame(0, quarter.as_bytes()),
            frame(0, quarter.as_bytes()),
            frame(0x80, quarter.as_bytes()),
        ]
    };
    check(
        "prod",
        vec![
            Case::fine("one frame", &[frame(0x81, b"a")], &["a"]),
            Case::fine("empty", &[frame(0x81, b"")], &[""]),
            Case::fine("no mask bits", &[vec![0x81, 0x81, 0, 0, 0, 0, b'a']], &["a"]),
            Case::fine("three fragments", &[frame(0x01, b"a"), frame(0x00, b"b"), frame(0x80, b"c")], &["abc"]),
            Case::fine(
                "empty fragments",
                &[frame(0x01, b""), frame(0x00, b"a"), frame(0x00, b""), frame(0x80, b"")],
                &["a"],
            ),
            Case::fine("two messages", &[frame(0x81, b"a"), frame(0x01, b"b"), frame(0x80, b"c")], &["a", "bc"]),
            Case::fine("ping between", &[frame(0x01, b"a"), frame(0x89, b"p"), frame(0x80, b"b")], &["ab"])
                .with_pongs(&[b"p"]),
            Case::fine("pong between", &[frame(0x01, b"a"), frame(0x8A, b"p"), frame(0x80, b"b")], &["ab"]),
            Case::named("close between", &[frame(0x01, b"a"), close(1000, b""), frame(0x80, b"b")]),
            Case::fine(
                "125, 126 bytes",
                &[frame(0x81, &[b'a'; 125]), frame(0x81, &[b'b'; 126])],
                &["a".repeat(125).as_str(), &"b".repeat(126)],
            ),
            Case::fine("32 KB", &[frame(0x81, quarter.as_bytes())], &[&quarter]),
            Case::fine("128 KB in pieces", &pieces(0x01), &[&quarter.repeat(4)]),
            Case::broken("a byte more than 32 KB", &[frame(0x81, &[b'x'; 32_769])], 1009),
            Case::broken(
                "a byte more than 128 KB",
                &[&pieces(0x01)[..3], &[frame(0, quarter.as_bytes()), frame(0x80, b"x")]].concat(),
                1009,
            ),
            Case::broken("the header of a terabyte", &[vec![0x81, 0xFF, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]], 1009),
            Case::broken("a continuation of nothing", &[frame(0x80, b"a")], 1002),
            Case::broken("a continuation of nothing, to go on", &[frame(0x00, b"a")], 1002),
            Case::broken("a text inside another", &[frame(0x01, b"a"), frame(0x81, b"b")], 1002),
            Case::broken("a length that is written too long", &[vec![0x81, 0xFE, 0, 1, 0, 0, 0, 0, b'a']], 1002),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn masks_bits_and_opcodes_have_rules() {
    let mut cases = vec![
        Case::broken("unmasked text", &[vec![0x81, 1, b'a']], 1002),
        Case::broken("unmasked ping", &[vec![0x89, 0]], 1002),
        Case::broken("unmasked close", &[vec![0x88, 0]], 1002),
        Case::broken("unmasked continuation", &[frame(0x01, b"a"), vec![0x80, 1, b'a']], 1002),
        Case::broken("binary", &[frame(0x82, b"a")], 1003),
        Case::broken("binary in pieces", &[frame(0x02, b"a"), frame(0x80, b"b")], 1003),
        Case::broken("a fragmented ping", &[frame(0x09, b"a"), frame(0x80, b"b")], 1002),
        Case::broken("a fragmented close", &[frame(0x08, &[3, 0xE8])], 1002),
        Case::broken("a ping of 126 bytes", &[frame(0x89, &[b'x'; 126])], 1002),
        Case::broken("a close of 126 bytes", &[close(1000, &[b'x'; 124])], 1002),
    ];
    for opcode in [0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF] {
        cases.push(Case::broken(format!("opcode {opcode:X}"), &[frame(0x80 | opcode, b"")], 1002));
        cases.push(Case::broken(
            format!("opcode {opcode:X} in a message"),
            &[frame(0x01, b"a"), frame(opcode, b"b")],
            1002,
        ));
    }
    for bits in [0x40, 0x20, 0x10, 0x70] {
        for opcode in [0x1, 0x2, 0x8, 0x9, 0xA] {
            cases.push(Case::broken(format!("bits {bits:X} on {opcode:X}"), &[frame(0x80 | bits | opcode, b"")], 1002));
        }
        cases.push(Case::broken(
            format!("bits {bits:X} on a continuation"),
            &[frame(0x01, b"a"), frame(0x80 | bits, b"b")],
            1002,
        ));
    }
    check("prod", cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_are_answered_and_pongs_are_not() {
    let numbers: Vec<_> = (0..100).map(|number: u32| number.to_string().into_bytes()).collect();
    let many: Vec<_> = numbers.iter().map(|number| frame(0x89, number)).collect();
    check(
        "prod",
        vec![
            Case::fine("with a payload", &[frame(0x89, b"x")], &[]).with_pongs(&[b"x"]),
            Case::fine("without", &[frame(0x89, b"")], &[]).with_pongs(&[b""]),
            Case::fine("with bytes", &[frame(0x89, &[0, 0xFF, 0xFE])], &[]).with_pongs(&[&[0, 0xFF, 0xFE]]),
            Case::fine("of 125 bytes", &[frame(0x89, &[b'x'; 125])], &[]).with_pongs(&[&[b'x'; 125]]),
            Case { pongs: numbers, ..Case::fine("a hundred", &many, &[]) },
            Case::fine("unasked pongs", &[frame(0x8A, b""), frame(0x8A, b"x")], &[]),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_utf8_to_the_byte() {
    let greek = "κόσμε".as_bytes();
    let mut cases = vec![
        Case::fine("all lengths", &[frame(0x81, "aä€😀\u{0}\u{10FFFF}".as_bytes())], &["aä€😀\u{0}\u{10FFFF}"]),
        Case::fine(
            "a character across frames",
            &[frame(0x01, &greek[..1]), frame(0x00, &greek[1..4]), frame(0x80, &greek[4..])],
            &["κόσμε"],
        ),
        Case::broken("a character cut off", &[frame(0x81, &greek[..1])], 1007),
        Case::broken("a character cut off, in pieces", &[frame(0x01, b"a"), frame(0x80, &greek[..1])], 1007),
        // The rest of the message is never sent: the refusal must not wait for it.
        Case::broken("hopeless in the first frame", &[frame(0x01, b"\xF4\x90\x80\x80")], 1007),
        Case::broken("hopeless in the second frame", &[frame(0x01, greek), frame(0x00, b"\xC0")], 1007),
        Case::broken(
            "hopeless within a frame",
            &[frame(0x81, &[b"\xED\xA0\x80".as_slice(), &[b'x'; 100]].concat())[..20].to_vec()],
            1007,
        ),
    ];
    for (name, bytes) in [
        ("a lone continuation byte", &b"\x80"[..]),
        ("an overlong slash", b"\xC0\xAF"),
        ("an overlong zero", b"\xE0\x80\x80"),
        ("a surrogate", b"\xED\xBF\xBF"),
        ("beyond Unicode", b"\xF5\x80\x80\x80"),
        ("a byte that never occurs", b"\xFE"),
        ("latin 1", b"caf\xE9 au lait"),
    ] {
        cases.push(Case::broken(name, &[frame(0x81, bytes)], 1007));
    }
    check("prod", cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closes_are_echoed_or_refused() {
    let mut cases = vec![
        Case { code: 1005, ..Case::named("no code", &[frame(0x88, b"")]) },
        Case::broken("half a code", &[frame(0x88, &[3])], 1002),
        Case::named("the longest reason", &[close(1000, &[b'x'; 123])]),
        Case::named("a reason with characters", &[close(1000, "tschüß €".as_bytes())]),
        Case::broken("a reason that is no text", &[close(1000, b"\xFF\xFE")], 1007),
        Case::broken("a reason that is cut off", &[close(1000, b"ok \xC3")], 1007),
        Case::named("a message behind it", &[close(1000, b""), frame(0x81, b"late")]),
        Case::named("a ping behind it", &[close(1000, b""), frame(0x89, b"late")]),
        Case::named("another behind it", &[close(1000, b""), close(4001, b"")]),
        Case::named("nonsense behind it", &[close(1000, b""), vec![0xFF; 100]]),
        Case::named("a message before it", &[frame(0x8A, b""), close(1000, b"")]),
    ];
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] {
        cases.push(Case::broken(format!("code {code}"), &[close(code, b"why")], code));
    }
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        cases.push(Case::broken(format!("code {code}"), &[close(code, b"why")], 1002));
    }
    check("prod", cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relaxed_stage_takes_more_and_keeps_to_the_rest() {
    let whole = "w".repeat(131_072);
    check(
        "relaxed",
        vec![
            Case::fine("128 KB in one frame", &[frame(0x81, whole.as_bytes())], &[&whole]),
            Case::fine("binary", &[frame(0x82, &[0xFF, 0, 1])], &["/wAB"]),
            Case::fine("binary in pieces", &[frame(0x02, &[0xFF]), frame(0x89, b"p"), frame(0x80, &[0, 1])], &["/wAB"])
                .with_pongs(&[b"p"]),
            Case::fine(
                "binary that looks like a route",
                &[frame(0x82, br#"{"action":"echo"}"#)],
                &["eyJhY3Rpb24iOiJlY2hvIn0="],
            ),
            Case::fine("empty binary", &[frame(0x82, b"")], &[""]),
            Case::broken("a byte more", &[frame(0x82, &[0; 131_073])], 1009),
            Case::broken("text inside binary", &[frame(0x02, b"a"), frame(0x81, b"b")], 1002),
            Case::broken("RSV1 on binary", &[frame(0xC2, b"a")], 1002),
            Case::broken("invalid text", &[frame(0x81, b"\xFF")], 1007),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_message_says_so_in_its_event() {
    let stage = json!({"stageName": "binary", "sluicegate": {"binaryFrames": true}});
    let server =
        Server::with(Functions::default(), vec![api_with_stage(stage)], HubOptions::default(), Clock::System).await;
    let mut client = Raw::connect(&server, "binary", "").await;
    client.write(&frame(0x82, &[0xFF, 0, 1])).await.unwrap();
    let event = server.events(DEFAULT, 1).await.remove(0);
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("/wAB"), &json!(true)));
    assert_eq!(event["requestContext"]["routeKey"], "$default");
}

/// What a function wrote as bytes is bytes for clients of stages that know binary frames; elsewhere text stays text.
#[tokio::test(flavor = "multi_thread")]
async fn a_route_response_keeps_its_kind_where_binary_frames_are_taken() {
    let relaxed = json!({"stageName": "binary", "sluicegate": {"binaryFrames": true}});
    let functions = Functions::default().on(ECHO, |event| {
        let asked: Value = serde_json::from_str(event["body"].as_str().unwrap()).unwrap();
        Reply::Json(asked["result"].clone())
    });
    let server = Server::with(functions, vec![api_with_stage(relaxed)], HubOptions::default(), Clock::System).await;
    for (stage, result, first, payload) in [
        ("binary", json!({"body": "aGk=", "isBase64Encoded": true}), 0x82, &b"hi"[..]),
        ("binary", json!({"body": "/wA=", "isBase64Encoded": true}), 0x82, b"\xFF\0"),
        ("binary", json!({"body": "aGk="}), 0x81, b"aGk="),
        ("prod", json!({"body": "aGk=", "isBase64Encoded": true}), 0x81, b"hi"),
        ("prod", json!({"body": "/wA=", "isBase64Encoded": true}), 0x82, b"\xFF\0"),
    ] {
        let mut client = Raw::connect(&server, stage, "").await;
        let message = json!({"action": "echo", "result": result}).to_string();
        client.write(&frame(0x81, message.as_bytes())).await.unwrap();
        let answer = client.frame().await.unwrap();
        assert_eq!((answer.first, &answer.payload[..]), (first, payload), "{stage}: {result}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_are_read_however_they_are_written() {
    let server = Server::start(Functions::default()).await;
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let usual = format!("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n{key}");
    for (name, head, status) in [
        ("as usual", usual.clone(), 101),
        ("in other letters", usual.to_uppercase().replace("DGHLIHNHBXBSZSBUB25JZQ", "dGhlIHNhbXBsZSBub25jZQ"), 101),
        (
            "with room",
            format!("Upgrade:   websocket  \r\nConnection:\tUpgrade\r\nSec-WebSocket-Version:13\r\n{key}"),
            101,
        ),
        (
            "among others",
            format!("Upgrade: h2c, WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n{key}"),
            101,
        ),
        ("in two lines", format!("Connection: keep-alive\r\n{usual}"), 101),
        ("with a hundred headers", format!("{usual}{}", "x: y\r\n".repeat(90)), 101),
        ("with a long header", format!("{usual}Cookie: {}\r\n", "c".repeat(8000)), 101),
        ("with bytes", format!("{usual}X-Name: käse\r\n"), 101),
        ("two keys", format!("{usual}{key}"), 400),
        ("no key", usual.replace(key, ""), 400),
        ("a short key", usual.replace("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="), 400),
        ("a key that is none", usual.replace("dGhlIHNhbXBsZSBub25jZQ==", "?"), 400),
        ("no version", usual.replace("Sec-WebSocket-Version: 13\r\n", ""), 426),
        ("an old version", usual.replace("13", "8"), 426),
        ("no upgrade", usual.replace("Upgrade: websocket\r\n", ""), 426),
        ("another upgrade", usual.replace("websocket\r\n", "h2c\r\n"), 426),
        ("no connection", usual.replace("Connection: Upgrade\r\n", ""), 426),
        ("a header without a name", format!("{usual}: x\r\n"), 400),
        ("a header that is folded", format!("{usual}X: a\r\n b\r\n"), 400),
        ("a header with a zero", format!("{usual}X: \0\r\n"), 400),
    ] {
        let mut client = Raw::dial(&server).await;
        client.write(format!("GET /prod HTTP/1.1\r\nHost: localhost\r\n{head}\r\n").as_bytes()).await.unwrap();
        client.answered().await;
        assert_eq!(client.status(), status, "{name}: {}", client.head);
    }
    for (line, status) in [
        ("POST /prod HTTP/1.1", 426),
        ("GET /prod HTTP/1.0", 426),
        ("GET prod HTTP/1.1", 403),
        ("GET /other HTTP/1.1", 403),
        ("GET /prod HTTP/9.9", 400),
        ("GET /prod", 400),
        ("\u{16}\u{3}\u{1}", 400),
    ] {
        let mut client = Raw::dial(&server).await;
        client.write(format!("{line}\r\nHost: localhost\r\n{usual}\r\n").as_bytes()).await.unwrap();
        client.answered().await;
        assert_eq!(client.status(), status, "{line}: {}", client.head);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_may_come_byte_by_byte() {
    let server = Server::start(Functions::default()).await;
    let mut client = Raw::dial(&server).await;
    for byte in handshake("prod", "X-Name: x\r\n").as_bytes() {
        client.write(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    client.answered().await;
    assert_eq!(client.status(), 101);
    let event = server.events(CONNECT, 1).await.remove(0);
    assert_eq!((&event["headers"]["X-Name"], &event["headers"]["Host"]), (&json!("x"), &json!("localhost")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stops_sending_has_left() {
    for (name, sends, messages) in [
        ("at once", vec![], 0),
        ("message", frame(0x81, b"a"), 1),
        ("half a frame", frame(0x81, b"abc")[..5].to_vec(), 0),
    ] {
        let server = Server::start(Functions::default()).await;
        let mut client = Raw::connect(&server, "prod", "").await;
        client.write(&sends).await.unwrap();
        client.socket.shutdown().await.unwrap();
        let event = server.events(DISCONNECT, 1).await.remove(0);
        assert_eq!(event["requestContext"]["disconnectStatusCode"], 1006, "{name}");
        assert_eq!(server.events(DEFAULT, messages).await.len(), messages, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_sending_behind_the_handshake_is_reported_twice_or_never() {
    let server = Server::start(Functions::default()).await;
    for _ in 0..20 {
        let mut client = Raw::dial(&server).await;
        client.write(handshake("prod", "").as_bytes()).await.unwrap();
        client.socket.shutdown().await.unwrap();
        client.rest().await;
    }
    server.gateway.drain().await;
    // The HTTP server may see the end before it has asked anybody; whoever was reported came and went.
    assert_eq!(server.seen(CONNECT).len(), server.seen(DISCONNECT).len());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_pings_without_reading_is_dropped() {
    let server = Server::start(Functions::default()).await;
    let mut client = Raw::connect(&server, "prod", "").await;
    let pings = frame(0x89, &[b'x'; 125]).repeat(1000);
    // Until the queue is full and the server hangs up, which breaks the pipe.
    while client.write(&pings).await.is_ok() {}
    let event = server.events(DISCONNECT, 1).await.remove(0);
    assert_eq!(event["requestContext"]["disconnectStatusCode"], 1008);
    Raw::connect(&server, "prod", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_does_not_keep_others_waiting() {
    // Given one reactor and a client that sends what needs no answer as fast as it can.
    let options = HubOptions { reactors: 1, ..HubOptions::default() };
    let functions = Functions::default().on("echo", |event| Reply::Json(json!({"body": event["body"]})));
    let server = Server::with(functions, vec![api()], options, Clock::System).await;
    let mut flooder = Raw::connect(&server, "prod", "").await;
    let flood = tokio::spawn(async move {
        let pongs = frame(0x8A, &[b'x'; 125]).repeat(2000);
        while flooder.write(&pongs).await.is_ok() {}
    });
    // When another one speaks, then it is answered every time.
    let mut client = server.connect().await;
    for number in 0..100 {
        let text = json!({"action": "echo", "number": number}).to_string();
        client.send(&text).await;
        assert_eq!(client.receive().await, text);
    }
    flood.abort();
}
