//! Which records a filter lets pass, and that the others are done with.

use crate::world::{World, from};
use serde_json::json;
use sluicegate_mappings::MappingSettings;
use sluicegate_mappings::StartingPosition::{Latest, TrimHorizon};
use sluicegate_pattern::Filter;
use std::time::Duration;

fn filtered(pattern: serde_json::Value, settings: MappingSettings) -> MappingSettings {
    MappingSettings { filter: Some(Filter::compile(&[pattern.to_string()]).unwrap()), ..settings }
}

/// Records whose key ends in a zero.
fn tens() -> serde_json::Value {
    json!({"dynamodb": {"Keys": {"id": {"N": [{"suffix": "0"}]}}}})
}

#[tokio::test]
async fn a_batch_counts_records_that_match() {
    let mut world = World::new().await;
    let settings = MappingSettings { batch_size: 5, batch_window: Duration::from_secs(300), ..from(Latest) };
    let _mappings = world.start(filtered(tens(), settings)).await;

    world.write(1..=50).await;

    let call = world.next_call().await;
    assert_eq!(call.keys(), [10, 20, 30, 40, 50]);
}

#[tokio::test]
async fn an_item_that_is_written_twice_is_inserted_once() {
    let mut world = World::new().await;
    let _mappings = world.start(filtered(json!({"eventName": ["INSERT"]}), from(Latest))).await;

    world.put(json!({"id": {"N": "1"}})).await;
    world.put(json!({"id": {"N": "1"}, "again": {"BOOL": true}})).await;
    world.put(json!({"id": {"N": "2"}})).await;

    for expected in [[1], [2]] {
        let call = world.next_call().await;
        assert_eq!(call.keys(), expected);
        call.succeed();
    }
}

#[tokio::test]
async fn records_that_are_filtered_out_are_handled_for_good() {
    let mut world = World::new().await;
    world.write(1..=1_500).await;
    let none = json!({"eventName": ["REMOVE"]});
    let mappings = world.start(filtered(none, from(TrimHorizon))).await;
    // Nothing tells when a record has been dropped, but what has been read of one stream was read in order.
    world.call("DeleteItem", json!({"TableName": "Rooms", "Key": {"id": {"N": "7"}}})).await;
    world.next_call().await.succeed();
    world.write(2_001..=2_003).await;
    world.call("DeleteItem", json!({"TableName": "Rooms", "Key": {"id": {"N": "8"}}})).await;
    let call = world.next_call().await;
    assert_eq!(call.keys(), [8]);
    call.succeed();
    mappings.stop().await;

    let _unfiltered = world.start(from(TrimHorizon)).await;
    world.write([3_000]).await;
    assert_eq!(world.next_call().await.keys(), [3_000], "what was filtered out is not read again");
}

#[tokio::test]
async fn a_long_run_without_a_match_is_written_down() {
    let mut world = World::new().await;
    world.write(1..=1_500).await;
    let mappings = world.start(filtered(json!({"eventName": ["REMOVE"]}), from(TrimHorizon))).await;
    // In order: once this one has come, everything before it was dropped; it itself is left undelivered.
    world.call("DeleteItem", json!({"TableName": "Rooms", "Key": {"id": {"N": "7"}}})).await;
    let _unanswered = world.next_call().await;
    drop(mappings);

    let _unfiltered = world.start(from(TrimHorizon)).await;
    let call = world.next_call().await;
    assert!(call.keys().len() <= 501, "reading goes on behind the run: {:?}", call.keys().len());
    assert_eq!(call.keys().last(), Some(&7));
}

#[tokio::test]
async fn records_that_are_filtered_out_behind_a_match_wait_for_it() {
    let mut world = World::new().await;
    world.write([9, 10, 11]).await;
    let mappings = world.start(filtered(tens(), from(TrimHorizon))).await;
    let unanswered = world.next_call().await;
    assert_eq!(unanswered.keys(), [10]);
    drop(mappings);

    let _unfiltered = world.start(from(TrimHorizon)).await;
    assert_eq!(world.next_call().await.keys(), [10, 11]);
}
