//! Records that become too old. Their age is told by the system's clock and is a minute at least, so they are made old here.

use super::*;
use crate::mapping::{MappingSettings, StartingPosition};
use bytes::Bytes;
use serde_json::{Value, json};
use sluicegate_protocol::{BoxFuture, CallTable, Deliver, DeliverError, Destination, FunctionError, Invoke};
use sluicegate_tables::{Options, Tables};
use std::sync::Mutex;

/// Fails every invocation, and keeps how many records each had and what it is to deliver.
#[derive(Default)]
struct Outside {
    invoked: Mutex<Vec<usize>>,
    told: Mutex<Vec<Value>>,
    fails: bool,
}

impl Invoke for Outside {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
        let event: Value = serde_json::from_slice(&invocation.payload).unwrap();
        self.invoked.lock().unwrap().push(event["Records"].as_array().unwrap().len());
        let error = FunctionError { error_type: "Poison".to_owned(), message: String::new() };
        let result = if self.fails { Err(InvokeError::Function(error)) } else { Ok(Bytes::new()) };
        Box::pin(async { result })
    }
}

impl Deliver for Outside {
    fn deliver<'a>(&'a self, _: &'a Destination, text: String) -> BoxFuture<'a, Result<(), DeliverError>> {
        self.told.lock().unwrap().push(serde_json::from_str(&text).unwrap());
        Box::pin(async { Ok(()) })
    }
}

fn entry(number: u64, age_seconds: u64) -> Entry {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut entry = Entry::test("{}", &number.to_string());
    entry.created = now - age_seconds;
    entry
}

async fn deliver(entries: Vec<Entry>, outside: Arc<Outside>) {
    let folder = tempfile::tempdir().unwrap();
    let tables = Tables::open(Options::new(folder.path())).await.unwrap();
    let table = json!({"TableName": "Rooms", "BillingMode": "PAY_PER_REQUEST",
                       "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "N"}],
                       "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                       "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"}});
    tables.call("CreateTable", Bytes::from(table.to_string())).await.unwrap();
    let destination = Destination::parse("arn:aws:sqs:us-east-1:000000000000:failed").unwrap();
    let settings = MappingSettings {
        maximum_record_age: Some(Duration::from_secs(60)),
        maximum_retry_attempts: 0,
        on_failure: Some(OnFailure { destination, function_arn: "f".to_owned() }),
        ..MappingSettings::new("m", "Rooms", "f", StartingPosition::TrimHorizon)
    };
    let ports = Ports { invoke: Arc::clone(&outside) as Arc<dyn Invoke>, deliver: outside };
    let (_stop, stopped) = watch::channel(false);
    let mut delivery = Delivery::new(settings.try_into().unwrap(), ports, RetryPace::default(), stopped);
    let mut batch = InDelivery::new(entries);
    let stream = tables.stream("Rooms").unwrap();
    assert!(matches!(delivery.step(&mut batch, &stream).await, Some(Step::Reached(_))));
    assert!(delivery.step(&mut batch, &stream).await.is_none());
}

#[tokio::test]
async fn records_that_are_too_old_are_given_up_and_younger_ones_delivered() {
    let outside = Arc::new(Outside::default());
    let entries = [entry(1, 70)].into_iter().chain((2..=6).map(|number| entry(number, 1))).collect();
    deliver(entries, Arc::clone(&outside)).await;
    assert_eq!(*outside.invoked.lock().unwrap(), [5]);
    let told = outside.told.lock().unwrap();
    let [notice] = &told[..] else { panic!("{told:?}") };
    assert_eq!(notice["requestContext"]["condition"], "RecordAgeExceeded");
    assert_eq!(notice["requestContext"]["approximateInvokeCount"], 1);
    assert_eq!(notice.get("responseContext"), None);
    assert_eq!(notice["DDBStreamBatchInfo"]["batchSize"], 1);
    assert_eq!(notice["DDBStreamBatchInfo"]["endSequenceNumber"], "1");
}

#[tokio::test]
async fn a_batch_of_old_records_is_not_delivered_at_all() {
    let outside = Arc::new(Outside::default());
    deliver(vec![entry(1, 70), entry(2, 61)], Arc::clone(&outside)).await;
    assert!(outside.invoked.lock().unwrap().is_empty());
    assert_eq!(outside.told.lock().unwrap()[0]["DDBStreamBatchInfo"]["batchSize"], 2);
}

#[tokio::test]
async fn what_fails_behind_old_records_is_told_by_itself() {
    let outside = Arc::new(Outside { fails: true, ..Outside::default() });
    deliver(vec![entry(1, 70), entry(2, 1), entry(3, 1)], Arc::clone(&outside)).await;
    let told = outside.told.lock().unwrap();
    let conditions: Vec<&Value> = told.iter().map(|notice| &notice["requestContext"]["condition"]).collect();
    assert_eq!(conditions, ["RecordAgeExceeded", "RetryAttemptsExhausted"]);
    assert_eq!(told[1]["DDBStreamBatchInfo"]["startSequenceNumber"], "2");
}
