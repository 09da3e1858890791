//! A table, a mapping on it, and a function whose every answer the test gives.

use bytes::Bytes;
use serde_json::{Value, json};
use sluicegate_mappings::{Mapping, MappingSettings, Mappings, Ports, RetryPace, StartingPosition};
use sluicegate_protocol::{
    BoxFuture, CallTable, Deliver, DeliverError, Destination, FunctionError, Invocation, Invoke, InvokeError,
};
use sluicegate_tables::{Options, Tables};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};

pub(crate) const TABLE: &str = "Rooms";

type Answer = Result<Bytes, InvokeError>;

/// Hands each invocation to the test and waits for its answer.
pub(crate) struct Function {
    calls: mpsc::UnboundedSender<Call>,
}

impl Function {
    pub(crate) fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<Call>) {
        let (calls, received) = mpsc::unbounded_channel();
        (Arc::new(Self { calls }), received)
    }
}

impl Invoke for Function {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.calls
                .send(Call { function: invocation.function, payload: invocation.payload, answer })
                .expect("the test still listens");
            answered.await.unwrap_or(Err(InvokeError::NotFound))
        })
    }
}

/// An invocation that waits for its answer.
pub(crate) struct Call {
    pub(crate) function: Arc<str>,
    pub(crate) payload: Bytes,
    answer: oneshot::Sender<Answer>,
}

impl Call {
    /// The keys of its records.
    pub(crate) fn keys(&self) -> Vec<u64> {
        let event: Value = serde_json::from_slice(&self.payload).unwrap();
        let records = event["Records"].as_array().unwrap().clone();
        records.iter().map(|record| record["dynamodb"]["Keys"]["id"]["N"].as_str().unwrap().parse().unwrap()).collect()
    }

    pub(crate) fn succeed(self) {
        self.answer(Ok(Bytes::from_static(b"null")));
    }

    pub(crate) fn fail(self) {
        let error = FunctionError { error_type: "Poison".into(), message: "cannot be handled".into() };
        self.answer(Err(InvokeError::Function(error)));
    }

    pub(crate) fn answer(self, answer: Answer) {
        // The mapping may have been dropped meanwhile, as a killed process is.
        let _ = self.answer.send(answer);
    }
}

pub(crate) struct World {
    pub(crate) tables: Tables,
    calls: mpsc::UnboundedReceiver<Call>,
    function: Arc<Function>,
    pub(crate) destinations: Arc<Destinations>,
    _folder: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tables = Tables::open(Options::new(folder.path())).await.unwrap();
        let (function, calls) = Function::new();
        let world = Self { tables, calls, function, destinations: Arc::default(), _folder: folder };
        world.create_table().await;
        world
    }

    pub(crate) async fn create_table(&self) {
        self.call(
            "CreateTable",
            json!({"TableName": TABLE, "BillingMode": "PAY_PER_REQUEST",
                   "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "N"}],
                   "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                   "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"}}),
        )
        .await;
    }

    pub(crate) async fn write(&self, keys: impl IntoIterator<Item = u64>) {
        for key in keys {
            self.put(json!({"id": {"N": key.to_string()}})).await;
        }
    }

    pub(crate) async fn put(&self, item: Value) {
        self.call("PutItem", json!({"TableName": TABLE, "Item": item})).await;
    }

    pub(crate) async fn call(&self, operation: &'static str, request: Value) {
        self.tables.call(operation, Bytes::from(request.to_string())).await.unwrap();
    }

    pub(crate) async fn start(&self, settings: MappingSettings) -> Mappings {
        let mapping = Mapping::try_from(settings).unwrap();
        let pace = RetryPace { first: Duration::from_millis(5), longest: Duration::from_millis(20) };
        Mappings::start(vec![mapping], self.tables.clone(), self.ports(), pace).await.unwrap()
    }

    pub(crate) fn ports(&self) -> Ports {
        ports(Arc::clone(&self.function) as Arc<dyn Invoke>, Arc::clone(&self.destinations))
    }

    /// The next invocation, however long it takes.
    pub(crate) async fn next_call(&mut self) -> Call {
        self.calls.recv().await.expect("the function is held by this test")
    }

    pub(crate) fn has_call(&mut self) -> bool {
        !self.calls.is_empty()
    }
}

/// Keeps what it is to deliver, but for a queue that is not there.
#[derive(Default)]
pub(crate) struct Destinations(Mutex<Vec<(String, Value)>>);

pub(crate) const MISSING: &str = "arn:aws:sqs:us-east-1:000000000000:missing";

impl Deliver for Destinations {
    fn deliver<'a>(&'a self, destination: &'a Destination, text: String) -> BoxFuture<'a, Result<(), DeliverError>> {
        Box::pin(async move {
            if destination.arn() == MISSING {
                return Err(DeliverError::NoSuchDestination);
            }
            let notice = serde_json::from_str(&text).unwrap();
            self.0.lock().unwrap().push((destination.arn().to_owned(), notice));
            Ok(())
        })
    }
}

impl Destinations {
    pub(crate) fn told(&self) -> Vec<(String, Value)> {
        self.0.lock().unwrap().clone()
    }
}

pub(crate) fn ports(invoke: Arc<dyn Invoke>, destinations: Arc<Destinations>) -> Ports {
    Ports { invoke, deliver: destinations }
}

pub(crate) fn from(starting_position: StartingPosition) -> MappingSettings {
    MappingSettings::new("mapping-1", TABLE, "function", starting_position)
}
