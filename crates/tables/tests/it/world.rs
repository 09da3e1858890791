//! What the tests share: tables in a directory of their own, and requests as an SDK sends them.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use sluicegate_tables::{Clock, Options, StreamReader, Tables};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const ACCOUNT: &str = "123456789012";

pub(crate) struct World {
    pub(crate) tables: Tables,
    pub(crate) data: TempDir,
    ahead: Arc<AtomicU64>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let ahead = Arc::new(AtomicU64::new(0));
        let mut options = options(&data, &ahead);
        change(&mut options);
        Self { tables: Tables::open(options).await.unwrap(), data, ahead }
    }

    /// Closes the tables and opens them again.
    pub(crate) async fn restart(self) -> Self {
        let Self { tables, data, ahead } = self;
        tables.close().await;
        let tables = Tables::open(options(&data, &ahead)).await.unwrap();
        Self { tables, data, ahead }
    }

    /// Moves the clock of retention and iterators ahead.
    pub(crate) fn pass(&self, time: Duration) {
        self.ahead.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    /// Calls an operation and expects it to succeed.
    pub(crate) async fn ok(&self, operation: &str, request: Value) -> Value {
        let (status, answer) = self.call(operation, request.clone()).await;
        assert_eq!(status, 200, "{operation} {request}: {answer}");
        answer
    }

    /// Calls an operation and expects it to be refused; returns the exception's short name and its message.
    pub(crate) async fn refused(&self, operation: &str, request: Value) -> (String, String) {
        let (status, answer) = self.call(operation, request.clone()).await;
        assert_ne!(status, 200, "{operation} {request}: {answer}");
        let kind = answer["__type"].as_str().unwrap().rsplit('#').next().unwrap().to_owned();
        let message = answer["message"].as_str().or(answer["Message"].as_str()).unwrap_or_default();
        (kind, message.to_owned())
    }

    pub(crate) async fn call(&self, operation: &str, request: Value) -> (u16, Value) {
        self.send(signed(operation).body(Full::from(request.to_string())).unwrap()).await
    }

    pub(crate) async fn send(&self, request: http::Request<Full<Bytes>>) -> (u16, Value) {
        let response = self.tables.respond(request).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into()))
    }

    /// A table with the key `id`, a string, whose stream shows `view`.
    pub(crate) async fn table(&self, name: &str, view: &str) -> String {
        let description = self.ok("CreateTable", table_request(name, Some(view))).await;
        description["TableDescription"]["LatestStreamArn"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn put(&self, table: &str, item: Value) {
        self.ok("PutItem", json!({"TableName": table, "Item": item})).await;
    }

    /// All records of the table's stream that can still be read, as functions receive them.
    pub(crate) async fn records(&self, table: &str) -> Vec<Value> {
        read_all(&self.tables.stream(table).unwrap()).await
    }
}

pub(crate) async fn read_all(reader: &StreamReader) -> Vec<Value> {
    let batch = reader.read(&reader.trim_horizon(), 1000).unwrap();
    batch.records.iter().map(|record| serde_json::from_str(&record.to_lambda_json()).unwrap()).collect()
}

fn options(data: &TempDir, ahead: &Arc<AtomicU64>) -> Options {
    let ahead = Arc::clone(ahead);
    let mut options = Options::new(data.path());
    options.region = REGION.into();
    options.account = ACCOUNT.into();
    options.ttl_sweep_interval = Duration::from_millis(20);
    options.clock = Clock::new(move || SystemTime::now() + Duration::from_secs(ahead.load(Ordering::Relaxed)));
    options
}

pub(crate) fn table_request(name: &str, view: Option<&str>) -> Value {
    let mut request = json!({
        "TableName": name,
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    });
    if let Some(view) = view {
        request["StreamSpecification"] = json!({"StreamEnabled": true, "StreamViewType": view});
    }
    request
}

/// A request with everything an SDK puts into its head.
pub(crate) fn signed(operation: &str) -> http::request::Builder {
    let service = match operation {
        "ListStreams" | "DescribeStream" | "GetShardIterator" | "GetRecords" => "DynamoDBStreams_20120810",
        _ => "DynamoDB_20120810",
    };
    http::Request::post("/")
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", format!("{service}.{operation}"))
        .header("x-amz-date", "20260101T000000Z")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
        )
}
