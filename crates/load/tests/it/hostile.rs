//! Servers that mean no good: every run ends, and says what it saw.

use crate::room::{TIMEOUT, echo, fan_out, findings, run, setup};
use crate::server::{Room, open};
use sluicegate_load::Scenario;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a server does with every connection that it accepts.
#[derive(Clone, Copy, Debug)]
enum Does {
    /// Nothing, ever.
    Nothing,
    /// Says this and closes.
    Says(&'static str),
    /// Agrees to the handshake, sends these bytes, and goes on sending them if asked to.
    AgreesAndSends(&'static [u8], Times),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Times {
    Once,
    WithoutEnd,
}

async fn serve(does: Does) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(answer(socket, does));
        }
    });
    address
}

async fn answer(mut socket: TcpStream, does: Does) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = socket.read_u8().await else { return };
        head.push(byte);
    }
    match does {
        Does::Nothing => {}
        Does::Says(text) => {
            let _ = socket.write_all(text.as_bytes()).await;
            return;
        }
        Does::AgreesAndSends(bytes, times) => {
            let head = String::from_utf8(head).unwrap();
            let key = head.split("Sec-WebSocket-Key: ").nth(1).unwrap().split("\r\n").next().unwrap();
            let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
            let agreed = format!("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: {accept}\r\n\r\n");
            let _ = socket.write_all(&[agreed.as_bytes(), bytes].concat()).await;
            while times == Times::WithoutEnd && socket.write_all(bytes).await.is_ok() {}
        }
    }
    // Held open until the client leaves.
    while socket.read(&mut [0; 1024]).await.is_ok_and(|length| length > 0) {}
}

#[tokio::test]
async fn a_server_that_does_not_shake_hands_is_named() {
    for (does, said) in [
        (Does::Nothing, "no answer to the handshake within 500ms"),
        (Does::Says(""), "the server ended it without a word"),
        (
            Does::Says("HTTP/1.1 403 Forbidden\r\n\r\n{\"message\":\"no\"}"),
            "refused it: HTTP 403 Forbidden {\"message\":\"no\"}",
        ),
        (Does::Says("HTTP/1.1 429 Too Many Requests\r\n\r\n"), "slow down with --connect-rate"),
        (Does::Says("HTTP/1.1 101 Yes\r\nSec-WebSocket-Accept: guess\r\n\r\n"), "does not answer the key"),
        (Does::Says("220 mail.example.com ESMTP\r\n"), "is not HTTP/1.1"),
    ] {
        let mut setup = setup(serve(does).await);
        setup.handshake_timeout = Duration::from_millis(500);
        let failure = run(echo(), setup).await.unwrap_err().to_string();
        assert!(failure.contains("of 50 connections could be opened") && failure.contains(said), "{does:?}: {failure}");
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_named() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let failure = run(echo(), setup(closed)).await.unwrap_err().to_string();
    assert!(failure.contains("Connection refused"), "{failure}");
}

#[tokio::test]
async fn a_server_that_breaks_the_protocol_is_named() {
    for (bytes, said) in [
        (&b"\x81\x85abcdhello"[..], "it masked a frame"),
        (b"\xF3\x00", "begins with 0xf3"),
        (b"\x82\x7f\x00\x00\x00\xff\xff\xff\xff\xff", "announced a message of 1099511627775 bytes"),
        (b"\x80\x00", "pieces of a message out of place"),
        (b"\x01\x01a\x81\x01b", "pieces of a message out of place"),
        (b"\x88\x02\x03\xf3", "the server closed it with 1011"),
    ] {
        let mut setup = setup(serve(Does::AgreesAndSends(bytes, Times::Once)).await);
        setup.connections = 2;
        let hold = Duration::from_millis(300);
        // Depending on who is faster it breaks off while connections are opened or after it.
        let outcome = run(Scenario::Idle { hold }, setup).await;
        let text = outcome.map_or_else(|failure| failure.to_string(), |report| findings(&report));
        assert!(text.contains(said), "{bytes:02x?}: {text}");
    }
}

#[tokio::test]
async fn a_flood_starves_nobody_and_ends_with_the_run() {
    let setup = setup(serve(Does::AgreesAndSends(b"\x81\x05hello", Times::WithoutEnd)).await);
    let report = run(Scenario::Idle { hold: Duration::from_millis(300) }, setup).await.unwrap();
    assert_eq!(report["connections"]["opened"], 50, "{report}");
}

#[tokio::test]
async fn a_server_that_never_answers_loses_everything_in_bounded_time() {
    let begun = std::time::Instant::now();
    let mut setup = setup(open(Room::Silent).await);
    (setup.connections, setup.timeout) = (5, Duration::from_millis(300));
    for scenario in [echo(), fan_out()] {
        let report = run(scenario, setup.clone()).await.unwrap();
        assert_eq!((&report["outcome"], &report["deliveries"]["received"]), (&"loss".into(), &0.into()), "{report}");
        assert_eq!(report["deliveries"]["lost"], report["deliveries"]["expected"]);
    }
    assert!(begun.elapsed() < 20 * TIMEOUT, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_server_that_closes_is_quoted() {
    let mut setup = setup(open(Room::Closes(2)).await);
    setup.connections = 3;
    let report = run(echo(), setup).await.unwrap();
    let findings = findings(&report);
    assert_eq!(report["outcome"], "loss");
    assert!(
        findings.contains("3 connections ended before the run did: 3 × the server closed it with 1008 (enough)"),
        "{findings}"
    );
    assert!(findings.contains("lost 3 of 9 deliveries: connection 0 lacks 1, first message 2"), "{findings}");
}
