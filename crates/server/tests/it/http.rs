//! The public port against clients that are wrong, slow or many.

use sluicegate::config::{ByteSize, Maximum};
use sluicegate_testkit::{TestServer, raw, request};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn malformed_requests_are_answered_and_concern_nobody_else() {
    let server = TestServer::start().await;
    let long_header = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "a".repeat(100_000));
    let many_headers = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(200));
    for (sent, expected) in [
        ("NONSENSE\r\n\r\n", "400"),
        ("GET / HTTP/9.9\r\n\r\n", "400"),
        ("GET /a b HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: many\r\n\r\n", "400"),
        (&long_header, "431"),
        (&many_headers, "431"),
    ] {
        let answer = String::from_utf8_lossy(&raw(server.listen(), sent.as_bytes()).await).into_owned();
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert_eq!(status, expected, "{:?}", &sent[..sent.len().min(60)]);
    }
    assert_eq!(server.get("/").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_says_nothing_is_let_go() {
    let server = TestServer::with(|config| config.header_timeout = Duration::from_millis(200)).await;
    for begun in ["", "GET / HTTP/1.1\r\nhost:"] {
        let start = Instant::now();
        raw(server.listen(), begun.as_bytes()).await;
        assert!(start.elapsed() >= Duration::from_millis(200), "{begun:?} was closed at once");
    }
    server.stop().await;
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let server = TestServer::with(|config| {
        config.max_http_connections = Maximum::At(1);
        config.header_timeout = Duration::from_millis(300);
    })
    .await;
    let silent = TcpStream::connect(server.listen()).await.unwrap();

    let start = Instant::now();
    assert_eq!(server.get("/").await.status, 200);

    assert!(start.elapsed() >= Duration::from_millis(250), "the silent connection did not hold the only place");
    drop(silent);
    server.stop().await;
}

/// The head of a request for the tables, with a body still to come.
fn put_item(more_headers: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: DynamoDB_20120810.PutItem\r\n\
         content-type: application/x-amz-json-1.0\r\nauthorization: AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0\r\n\
         x-amz-date: 20260101T000000Z\r\n{more_headers}\r\n"
    )
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_sent() {
    let server = TestServer::start().await;
    for more in ["connection: close\r\n", "expect: 100-continue\r\n", ""] {
        let head = put_item(&format!("{more}content-length: 1000000000000\r\n"));
        let answer = String::from_utf8_lossy(&raw(server.listen(), head.as_bytes()).await).into_owned();
        assert!(answer.starts_with("HTTP/1.1 413"), "{more}: {answer}");
        assert!(answer.contains("connection: close\r\n"), "{more}: {answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_on_sending_can_hear_that_its_body_is_too_large() {
    let server = TestServer::start().await;
    let mut client = TcpStream::connect(server.listen()).await.unwrap();
    client.write_all(put_item("content-length: 20000000\r\n").as_bytes()).await.unwrap();

    // The answer is there, and still unread.
    client.readable().await.unwrap();
    client.write_all(&vec![b'x'; 20_000_000]).await.unwrap();

    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    drop(client);
    server.stop().await;
}

#[tokio::test]
async fn after_a_refusal_the_next_request_is_served() {
    let server = TestServer::start().await;
    let mut client = TcpStream::connect(server.listen()).await.unwrap();
    client.write_all(b"POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n").await.unwrap();
    // As clients do that send head and body apart: the server may have answered before the body comes.
    tokio::task::yield_now().await;
    client.write_all(b"hello").await.unwrap();
    client.write_all(b"GET /sluicegate.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();

    let mut answers = String::new();
    client.read_to_string(&mut answers).await.unwrap();
    assert!(answers.starts_with("HTTP/1.1 404"), "{answers}");
    assert!(answers.contains("HTTP/1.1 200"), "{answers}");
    server.stop().await;
}

#[tokio::test]
async fn clients_that_keep_their_connections_do_not_delay_the_end() {
    let server = TestServer::start().await;
    let mut client = TcpStream::connect(server.listen()).await.unwrap();
    client.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
    let mut begun = [0; 12];
    client.read_exact(&mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 400");

    let start = Instant::now();
    server.stop().await;
    assert!(start.elapsed() < Duration::from_millis(1_500), "the server waited for a client that had nothing to say");
    drop(client);
}

#[tokio::test]
async fn what_is_nowhere_is_not_found() {
    let server = TestServer::start().await;
    for (method, path, expected) in [
        ("GET", "/nothing", 404),
        ("GET", "/assets/../../Cargo.toml", 404),
        ("POST", "/nothing", 404),
        ("PATCH", "/", 404),
        ("GET", "/live-metrics/prod", 426),
    ] {
        let response = request(server.listen(), method, path, &[], b"").await;
        assert_eq!(response.status, expected, "{method} {path}: {}", response.text());
    }
    server.stop().await;
}

#[tokio::test]
async fn a_small_limit_on_heads_is_kept() {
    let server = TestServer::with(|config| config.max_head = ByteSize(8 * 1024)).await;
    let head = |size| format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx: {}\r\n\r\n", "a".repeat(size));
    for (size, expected) in [(4_000, "HTTP/1.1 200"), (20_000, "HTTP/1.1 431")] {
        let answer = String::from_utf8_lossy(&raw(server.listen(), head(size).as_bytes()).await).into_owned();
        assert!(answer.starts_with(expected), "{size}: {}", answer.lines().next().unwrap_or_default());
    }
    server.stop().await;
}
