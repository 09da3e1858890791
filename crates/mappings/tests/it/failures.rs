//! Functions that report how far they came, and who is told of what was given up.

use crate::world::{Call, Destinations, MISSING, World, from};
use bytes::Bytes;
use serde_json::{Value, json};
use sluicegate_mappings::StartingPosition::TrimHorizon;
use sluicegate_mappings::{Mapping, MappingSettings, OnFailure};
use sluicegate_protocol::Destination;
use std::collections::BTreeMap;

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:failed";
const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:failed";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:function";

fn telling(destination: &str, settings: MappingSettings) -> MappingSettings {
    let destination = Destination::parse(destination).unwrap();
    MappingSettings { on_failure: Some(OnFailure { destination, function_arn: FUNCTION.to_owned() }), ..settings }
}

fn reporting(settings: MappingSettings) -> MappingSettings {
    MappingSettings { reports_batch_item_failures: true, ..settings }
}

/// Answers with the sequence numbers of these keys.
fn report(call: Call, keys: &[u64]) {
    let event: Value = serde_json::from_slice(&call.payload).unwrap();
    let numbers: BTreeMap<u64, &Value> = call
        .keys()
        .into_iter()
        .zip(event["Records"].as_array().unwrap())
        .map(|(key, record)| (key, &record["dynamodb"]["SequenceNumber"]))
        .collect();
    let failures: Vec<Value> = keys.iter().map(|key| json!({"itemIdentifier": numbers[key]})).collect();
    call.answer(Ok(Bytes::from(json!({"batchItemFailures": failures}).to_string())));
}

#[tokio::test]
async fn a_destination_is_told_which_records_were_given_up() {
    for destination in [QUEUE, TOPIC] {
        let mut world = World::new().await;
        world.write(1..=3).await;
        let settings = MappingSettings { batch_size: 2, maximum_retry_attempts: 1, ..from(TrimHorizon) };
        let _mappings = world.start(telling(destination, settings)).await;

        let first = world.next_call().await;
        let event: Value = serde_json::from_slice(&first.payload).unwrap();
        first.fail();
        world.next_call().await.fail();
        assert_eq!(world.next_call().await.keys(), [3], "the stream goes on");

        let told = world.destinations.told();
        let [(arn, notice)] = &told[..] else { panic!("{told:?}") };
        assert_eq!(arn, destination);
        let record = |place: usize| &event["Records"][place]["dynamodb"]["SequenceNumber"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (timestamp, arrival) =
            (text(&notice["timestamp"]), text(&notice["DDBStreamBatchInfo"]["approximateArrivalOfFirstRecord"]));
        assert_eq!((timestamp.len(), arrival.len()), ("2026-01-02T03:04:05.678Z".len(), "2026-01-02T03:03:00Z".len()));
        assert!(timestamp.ends_with('Z') && arrival.ends_with('Z') && timestamp[..13] == arrival[..13]);
        assert_eq!(
            *notice,
            json!({
                "requestContext": {
                    "requestId": notice["requestContext"]["requestId"], "functionArn": FUNCTION,
                    "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 2
                },
                "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
                "version": "1.0",
                "timestamp": timestamp,
                "DDBStreamBatchInfo": {
                    "shardId": notice["DDBStreamBatchInfo"]["shardId"],
                    "startSequenceNumber": record(0), "endSequenceNumber": record(1),
                    "approximateArrivalOfFirstRecord": arrival,
                    "approximateArrivalOfLastRecord": notice["DDBStreamBatchInfo"]["approximateArrivalOfLastRecord"],
                    "batchSize": 2, "streamArn": event["Records"][0]["eventSourceARN"]
                }
            })
        );
        assert!(text(&notice["DDBStreamBatchInfo"]["shardId"]).starts_with("shardId-"));
    }
}

#[tokio::test]
async fn a_destination_that_is_missing_holds_nothing_up() {
    let mut world = World::new().await;
    world.write(1..=2).await;
    let settings = MappingSettings { batch_size: 1, maximum_retry_attempts: 0, ..from(TrimHorizon) };
    let _mappings = world.start(telling(MISSING, settings)).await;
    world.next_call().await.fail();
    assert_eq!(world.next_call().await.keys(), [2]);
}

#[test]
fn only_standard_queues_and_topics_are_told() {
    for destination in [FUNCTION, "arn:aws:sqs:us-east-1:000000000000:jobs.fifo"] {
        let told = Mapping::try_from(telling(destination, from(TrimHorizon))).err().unwrap().to_string();
        assert!(told.contains("is neither a standard queue nor a standard topic"), "{told}");
    }
}

/// Reports `poison` as failed until it is given up; returns how often each record was delivered, and the notice.
async fn deliveries(poison: u64, records: u64, settings: MappingSettings) -> (BTreeMap<u64, u32>, Value) {
    let mut world = World::new().await;
    world.write(1..=records).await;
    let destinations: std::sync::Arc<Destinations> = std::sync::Arc::clone(&world.destinations);
    let _mappings = world.start(telling(QUEUE, settings)).await;
    let mut delivered = BTreeMap::new();
    // The next record comes when the notice has been sent.
    let end = async {
        loop {
            let call = world.next_call().await;
            for key in call.keys() {
                *delivered.entry(key).or_default() += 1;
            }
            match call.keys().contains(&poison) {
                true => report(call, &[poison]),
                false if call.keys().contains(&records) => return,
                false => call.succeed(),
            }
        }
    };
    end.await;
    let mut told = destinations.told();
    assert_eq!(told.len(), 1, "{told:?}");
    (delivered, told.remove(0).1)
}

#[tokio::test]
async fn what_was_handled_is_not_delivered_again_and_the_rest_has_all_its_attempts() {
    let settings = MappingSettings { batch_size: 3, maximum_retry_attempts: 3, ..from(TrimHorizon) };
    let (delivered, notice) = deliveries(6, 7, reporting(settings)).await;
    assert_eq!(delivered, BTreeMap::from([(1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 5), (7, 1)]));
    assert_eq!(notice["requestContext"]["approximateInvokeCount"], 4);
    assert_eq!(notice["DDBStreamBatchInfo"]["batchSize"], 1);
    assert_eq!(notice["responseContext"]["functionError"], Value::Null);
}

#[tokio::test]
async fn a_report_that_names_the_first_record_counts_as_an_attempt() {
    let settings = MappingSettings { batch_size: 3, maximum_retry_attempts: 1, ..from(TrimHorizon) };
    let (delivered, notice) = deliveries(1, 4, reporting(settings)).await;
    assert_eq!(delivered, BTreeMap::from([(1, 2), (2, 2), (3, 2), (4, 1)]));
    assert_eq!(notice["DDBStreamBatchInfo"]["batchSize"], 3);
}

#[tokio::test]
async fn a_report_that_names_the_first_record_halves_where_bisect_is_on() {
    let settings = MappingSettings {
        batch_size: 4,
        maximum_retry_attempts: 0,
        bisect_batch_on_function_error: true,
        ..from(TrimHorizon)
    };
    let (delivered, notice) = deliveries(1, 5, reporting(settings)).await;
    assert_eq!(delivered, BTreeMap::from([(1, 3), (2, 3), (3, 2), (4, 2), (5, 1)]));
    assert_eq!(notice["DDBStreamBatchInfo"]["batchSize"], 1);
}

#[tokio::test]
async fn the_lowest_record_counts_and_the_checkpoint_is_behind_what_was_handled() {
    let mut world = World::new().await;
    world.write(1..=5).await;
    let mappings = world.start(reporting(from(TrimHorizon))).await;
    report(world.next_call().await, &[4, 2]);
    let unanswered = world.next_call().await;
    assert_eq!(unanswered.keys(), [2, 3, 4, 5]);
    drop(mappings);
    let _again = world.start(reporting(from(TrimHorizon))).await;
    assert_eq!(world.next_call().await.keys(), [2, 3, 4, 5]);
}

#[tokio::test]
async fn reports_are_for_those_who_asked_to_give_them() {
    let mut world = World::new().await;
    world.write(1..=2).await;
    let settings = MappingSettings { batch_size: 1, ..from(TrimHorizon) };
    let _mappings = world.start(settings).await;
    report(world.next_call().await, &[1]);
    assert_eq!(world.next_call().await.keys(), [2], "without ReportBatchItemFailures every result is a success");
}
