//! Messages that begin as requests: what is asked for, whose signature it bears, and what follows from a refusal.

use crate::room::{CONNECTIONS, MESSAGES, findings, run, setup, stream};
use crate::server::{Room, Shared, serve};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sluicegate_load::{Call, Keys, Requesting, Scenario, Source, Template};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// An HTTP server that passes on what it is sent to a room, and notes the requests.
#[derive(Clone)]
struct Front {
    room: Shared,
    seen: Arc<Mutex<Vec<http::request::Parts>>>,
    /// Every so many requests one is refused.
    refuses: Option<u64>,
    count: Arc<AtomicU64>,
}

impl Front {
    fn new(room: Shared, refuses: Option<u64>) -> Self {
        Self { room, seen: Arc::default(), refuses, count: Arc::default() }
    }

    async fn open(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let front = self.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let front = front.clone();
                let service = service_fn(move |request| front.clone().answer(request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
            }
        });
        address
    }

    async fn answer(self, request: http::Request<Incoming>) -> Result<http::Response<Full<Bytes>>, Infallible> {
        let (parts, body) = request.into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let path = parts.uri.path().to_owned();
        self.seen.lock().unwrap().push(parts);
        if self.refuses.is_some_and(|every| number % every == every - 1) {
            let refusal = r#"{"__type":"ProvisionedThroughputExceededException"}"#;
            return Ok(http::Response::builder().status(400).body(Full::from(refusal)).unwrap());
        }
        match path.rsplit_once("/%40connections/") {
            // Back to the form in which the room knows its clients.
            Some((_, id)) => self.room.say(&format!("{}:{body}", id.replace("%3D", "="))),
            None => self.room.say(&body),
        }
        Ok(http::Response::new(Full::from("{}")))
    }
}

fn requesting(call: Call, address: SocketAddr, path: &str) -> Requesting {
    Requesting {
        call,
        url: format!("http://{address}{path}").parse().unwrap(),
        headers: vec![("x-api-key".parse().unwrap(), "secret".parse().unwrap())],
        region: "eu-west-1".to_owned(),
        keys: Keys {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret: "never shown".to_owned(),
            session_token: Some("token".to_owned()),
        },
        at_once: 8,
        timeout: crate::room::TIMEOUT,
    }
}

fn complete(report: &Value) {
    assert_eq!(report["outcome"], "complete", "{report}");
    assert_eq!(report["deliveries"]["received"], CONNECTIONS as u64 * MESSAGES, "{report}");
}

#[tokio::test]
async fn a_change_is_a_signed_put_item() {
    let room = Shared::new(Room::Fair);
    let front = Front::new(room.clone(), None);
    let call = Call::PutItem { table: "metrics".to_owned() };
    let mut stream = stream(Source::Requests(requesting(call, front.open().await, "/")));
    stream.message = Template::parse(r#"{"id":{"S":"load"},"mark":{"S":"{mark}"}}"#, None).unwrap();

    let report = run(Scenario::Stream(Box::new(stream)), setup(serve(room).await)).await.unwrap();

    complete(&report);
    assert_eq!((&report["scenario"], &report["requests"]["answered"]), (&json!("change"), &json!(MESSAGES)));
    let seen = front.seen.lock().unwrap();
    let header = |name: &str| seen[0].headers[name].to_str().unwrap();
    assert_eq!(header("x-amz-target"), "DynamoDB_20120810.PutItem");
    assert_eq!(header("x-amz-security-token"), "token");
    for part in ["AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/", "/eu-west-1/dynamodb/aws4_request", "x-amz-target"] {
        assert!(header("authorization").contains(part), "{}", header("authorization"));
    }
}

#[tokio::test]
async fn a_refused_request_is_reported_and_nobody_lacks_its_message() {
    let room = Shared::new(Room::Fair);
    let front = Front::new(room.clone(), Some(10));
    let source = Source::Requests(requesting(Call::Publish, front.open().await, "/publish"));

    let report = run(Scenario::Stream(Box::new(stream(source))), setup(serve(room).await)).await.unwrap();

    assert_eq!((&report["deliveries"]["lost"], &report["requests"]["answered"]), (&json!(0), &json!(18)), "{report}");
    assert_eq!(report["outcome"], "loss", "what was not published did not arrive");
    assert!(findings(&report).contains("2 requests failed: 2 × HTTP 400 Bad Request"), "{}", findings(&report));
    assert_eq!(front.seen.lock().unwrap()[0].headers["x-api-key"], "secret");
}

#[tokio::test]
async fn without_a_broadcast_each_connection_is_posted_to() {
    let room = Shared::new(Room::Names);
    let front = Front::new(room.clone(), None);
    let requesting = requesting(Call::PostToConnection, front.open().await, "/prod");
    let ask = Template::without_mark(r#"{"action":"who"}"#, None).unwrap();

    let report = run(Scenario::Stream(Box::new(stream(Source::Posts { requesting, ask }))), setup(serve(room).await))
        .await
        .unwrap();

    complete(&report);
    assert_eq!(
        (&report["scenario"], &report["requests"]["answered"]),
        (&json!("fan-out"), &json!(CONNECTIONS as u64 * MESSAGES))
    );
    let seen = front.seen.lock().unwrap();
    assert!(seen[0].uri.path().starts_with("/prod/%40connections/c"), "{}", seen[0].uri);
    assert!(seen[0].headers["authorization"].to_str().unwrap().contains("/eu-west-1/execute-api/"));
}

#[tokio::test]
async fn a_secret_is_not_shown() {
    let shown = format!("{:?}", requesting(Call::Publish, ([127, 0, 0, 1], 1).into(), "/").keys);
    assert!(shown.contains("AKIDEXAMPLE") && !shown.contains("never shown"), "{shown}");
}
