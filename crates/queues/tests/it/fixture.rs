//! Queues in a folder of the test's own, a clock it moves, and functions that keep what they get.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use sluicegate_endpoint::Credentials;
use sluicegate_protocol::{BoxFuture, Deliver, DeliverError, Destination};
use sluicegate_queues::{Clock, Options, Queues};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};
use tempfile::TempDir;

pub(crate) const BASE: &str = "http://127.0.0.1:8080";
pub(crate) const ACCOUNT: &str = "000000000000";
/// When the clock starts: milliseconds since the epoch.
pub(crate) const START: i64 = 1_700_000_000_000;
/// Any signature will do, but one must be there.
pub(crate) const AUTHORIZATION: &str =
    "AWS4-HMAC-SHA256 Credential=me/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0";

/// Keeps the events; a function whose ARN ends in `:missing` is not there.
#[derive(Default)]
pub(crate) struct Functions(pub(crate) Mutex<Vec<(String, Value)>>);

impl Deliver for Functions {
    fn deliver<'a>(&'a self, to: &'a Destination, text: String) -> BoxFuture<'a, Result<(), DeliverError>> {
        Box::pin(async move {
            if to.name() == "missing" {
                return Err(DeliverError::NoSuchDestination);
            }
            self.0.lock().unwrap().push((to.name().to_owned(), serde_json::from_str(&text).unwrap()));
            Ok(())
        })
    }
}

pub(crate) struct World {
    pub(crate) queues: Queues,
    pub(crate) functions: Arc<Functions>,
    pub(crate) folder: TempDir,
    now: Arc<AtomicI64>,
}

pub(crate) async fn open(folder: &Path, credentials: Credentials, functions: Arc<Functions>, clock: Clock) -> Queues {
    let options = Options {
        data_dir: folder.to_owned(),
        region: "us-east-1".to_owned(),
        account: ACCOUNT.to_owned(),
        base_url: BASE.to_owned(),
        credentials,
        functions,
        clock,
    };
    Queues::open(options).await.unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Credentials::default()).await
    }

    pub(crate) async fn with(credentials: Credentials) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (functions, now) = (Arc::<Functions>::default(), Arc::new(AtomicI64::new(START)));
        let read = Arc::clone(&now);
        let clock = Clock::new(move || UNIX_EPOCH + Duration::from_millis(read.load(Ordering::SeqCst) as u64));
        let queues = open(folder.path(), credentials, Arc::clone(&functions), clock).await;
        Self { queues, functions, folder, now }
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    /// A queue with these attributes; returns its URL.
    pub(crate) async fn queue(&self, name: &str, attributes: Value) -> String {
        self.done("CreateQueue", json!({"QueueName": name, "Attributes": attributes})).await["QueueUrl"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub(crate) async fn send(&self, url: &str, body: &str) {
        self.done("SendMessage", json!({"QueueUrl": url, "MessageBody": body})).await;
    }

    /// Up to ten messages, with everything about them.
    pub(crate) async fn receive(&self, url: &str) -> Vec<Value> {
        let request = json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "AttributeNames": ["All"],
                             "MessageAttributeNames": ["All"]});
        self.done("ReceiveMessage", request).await["Messages"].as_array().cloned().unwrap_or_default()
    }

    pub(crate) async fn bodies(&self, url: &str) -> Vec<String> {
        self.receive(url).await.iter().map(|message| message["Body"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) async fn attributes(&self, url: &str) -> Value {
        let request = json!({"QueueUrl": url, "AttributeNames": ["All"]});
        self.done("GetQueueAttributes", request).await["Attributes"].clone()
    }

    pub(crate) async fn done(&self, operation: &str, request: Value) -> Value {
        let (status, answer) = self.ask(operation, request.clone()).await;
        assert_eq!(status, 200, "{operation} {request}: {answer}");
        answer
    }

    /// The error's code.
    pub(crate) async fn refused(&self, operation: &str, request: Value) -> String {
        let (status, answer) = self.ask(operation, request.clone()).await;
        assert_eq!(status, 400, "{operation} {request}: {answer}");
        answer["__type"].as_str().unwrap().rsplit('#').next().unwrap().to_owned()
    }

    pub(crate) async fn ask(&self, operation: &str, request: Value) -> (u16, Value) {
        let request = Request::post("/")
            .header("authorization", AUTHORIZATION)
            .header("x-amz-date", "20260101T000000Z")
            .header("x-amz-target", format!("AmazonSQS.{operation}"))
            .header("content-type", "application/x-amz-json-1.0")
            .body(Full::new(Bytes::from(request.to_string())))
            .unwrap();
        let (status, body) = answered(&self.queues, request).await;
        (status, serde_json::from_str(&body).unwrap())
    }

    /// The URL of a queue, as asked for under these headers.
    pub(crate) async fn url_under(&self, headers: &[(&str, &str)], name: &str) -> Value {
        let request = Request::post("/")
            .header("authorization", AUTHORIZATION)
            .header("x-amz-date", "20260101T000000Z")
            .header("x-amz-target", "AmazonSQS.GetQueueUrl");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let body = Bytes::from(json!({ "QueueName": name }).to_string());
        let (status, body) = answered(&self.queues, request.body(Full::new(body)).unwrap()).await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_str::<Value>(&body).unwrap()["QueueUrl"].clone()
    }

    /// A form, to `path`; the answer is XML.
    pub(crate) async fn form(&self, path: &str, form: &str) -> (u16, String) {
        let request = Request::post(path)
            .header("authorization", AUTHORIZATION)
            .header("x-amz-date", "20260101T000000Z")
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
            .body(Full::new(Bytes::from(form.to_owned())))
            .unwrap();
        assert!(Queues::claims(&request), "{path} {form}");
        answered(&self.queues, request).await
    }
}

pub(crate) async fn answered(queues: &Queues, request: Request<Full<Bytes>>) -> (u16, String) {
    let response = queues.respond(request).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}
