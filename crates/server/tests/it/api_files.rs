//! APIs from files, with functions that are HTTP endpoints.

use serde_json::{Value, json};
use sluicegate::config::FileList;
use sluicegate::{Config, Server};
use sluicegate_testkit::{Received, TestServer};
use std::io::Write;
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// The file of the guide, so that what the guide says is true.
const GUIDE: &str = include_str!("../../../../docs/guides/websocket-api.json");

/// A backend that answers each event with its body, as the guide's does; its address.
async fn backend() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = Vec::new();
                while let Ok(1..) = socket.read_buf(&mut request).await {
                    let Some(event) = body_of(&request) else { continue };
                    let event: Value = serde_json::from_slice(event).unwrap();
                    let answer = json!({"statusCode": 200, "body": event["body"].clone()}).to_string();
                    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len());
                    socket.write_all(format!("{head}{answer}").as_bytes()).await.unwrap();
                    request.clear();
                }
            });
        }
    });
    format!("http://{address}/")
}

/// The body of a request, once it is there as a whole.
fn body_of(request: &[u8]) -> Option<&[u8]> {
    let head = request.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
    let length: usize = text.split("content-length: ").nth(1)?.lines().next()?.parse().ok()?;
    request.get(head + 4..head + 4 + length)
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[tokio::test]
async fn the_api_of_the_guide_echoes() {
    let written = file(&GUIDE.replace("http://127.0.0.1:9000/", &backend().await));
    let server = TestServer::with(|config| {
        config.app.0.clear();
        config.api = FileList(vec![written.path().to_owned()]);
    })
    .await;
    for path in ["/echo/prod", "/prod"] {
        let mut client = server.connect(path).await;
        client.send(r#"{"hello": "world"}"#).await;
        assert_eq!(client.receive().await, Received::Text(r#"{"hello": "world"}"#.to_owned()));
        client.close().await;
    }
    let apis: Value = server.get("/sluicegate.json").await.json();
    assert_eq!(apis["apis"][0]["path"], "/echo/prod");
    server.stop().await;
}

#[tokio::test]
async fn a_changed_file_is_served_after_a_reload_and_a_broken_one_is_not() {
    let address = backend().await;
    let text = GUIDE.replace("http://127.0.0.1:9000/", &address);
    let written = file(&text);
    let server = TestServer::with(|config| {
        config.app.0.clear();
        config.api = FileList(vec![written.path().to_owned()]);
    })
    .await;
    let mut client = server.connect("/echo/prod").await;

    // Given a default route that no longer answers, when the file is reloaded, then only the added route does.
    let silent = text.replace("\"routeKey\": \"$default\"", "\"routeKey\": \"loud\"");
    std::fs::write(written.path(), &silent).unwrap();
    server.reload().await.unwrap();
    client.send("hello").await;
    let Received::Text(answer) = client.receive().await else { panic!("expected a text") };
    assert!(answer.starts_with(r#"{"message": "Forbidden""#), "{answer}");
    client.send(r#"{"action": "loud"}"#).await;
    assert_eq!(client.receive().await, Received::Text(r#"{"action": "loud"}"#.to_owned()));

    std::fs::write(written.path(), "{").unwrap();
    server.reload().await.unwrap_err();
    client.send(r#"{"action": "loud"}"#).await;
    assert_eq!(client.receive().await, Received::Text(r#"{"action": "loud"}"#.to_owned()));
    client.close().await;
    server.stop().await;
}

#[tokio::test]
async fn every_mistake_is_told_before_anything_is_served() {
    for (text, expected) in [
        ("{", "line 1, column 1"),
        (&GUIDE.replace("\"routes\"", "\"rotes\""), "rotes: unknown field `rotes`"),
        (
            &GUIDE.replace("\"integrations/backend\"", "\"integrations/back\""),
            "API echo, route $default: target `integrations/back`",
        ),
        (&GUIDE.replace("$request.body.action", "${request.body"), "API echo: route selection expression"),
        (&GUIDE.replace("http://127.0.0.1:9000/", "9000"), "functions.backend: url: `9000` is no address"),
    ] {
        let (written, data) = (file(text), tempfile::tempdir().unwrap());
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            admin: ([127, 0, 0, 1], 0).into(),
            data: data.path().to_owned(),
            api: FileList(vec![written.path().to_owned()]),
            ..Config::default()
        };
        let error = Server::start(config).await.err().expect("the server must not start").to_string();
        assert!(error.contains(expected), "{error}\ndoes not say\n{expected}");
    }
}
