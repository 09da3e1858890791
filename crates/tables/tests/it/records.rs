//! What a stream shows of changes: the records a function receives.

use crate::world::{ACCOUNT, REGION, World, read_all};
use serde_json::{Value, json};
use sluicegate_tables::Remainder;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn dynamodb(record: &Value) -> &Value {
    &record["dynamodb"]
}

#[tokio::test]
async fn each_kind_of_change_is_one_record_with_its_images() {
    let world = World::new().await;
    world.table("Rooms", "NEW_AND_OLD_IMAGES").await;

    world.put("Rooms", json!({"id": {"S": "a"}, "n": {"N": "1"}})).await;
    world.put("Rooms", json!({"id": {"S": "a"}, "n": {"N": "2"}})).await;
    world.ok("DeleteItem", json!({"TableName": "Rooms", "Key": {"id": {"S": "a"}}})).await;

    let records = world.records("Rooms").await;
    let [insert, modify, remove] = records.as_slice() else { panic!("{records:?}") };
    let (one, two) = (json!({"id": {"S": "a"}, "n": {"N": "1"}}), json!({"id": {"S": "a"}, "n": {"N": "2"}}));
    assert_eq!(insert["eventName"], "INSERT");
    assert_eq!(dynamodb(insert)["NewImage"], one);
    assert_eq!(dynamodb(insert).get("OldImage"), None);
    assert_eq!(modify["eventName"], "MODIFY");
    assert_eq!(dynamodb(modify)["NewImage"], two);
    assert_eq!(dynamodb(modify)["OldImage"], one);
    assert_eq!(remove["eventName"], "REMOVE");
    assert_eq!(dynamodb(remove).get("NewImage"), None);
    assert_eq!(dynamodb(remove)["OldImage"], two);
    for record in &records {
        assert_eq!(dynamodb(record)["Keys"], json!({"id": {"S": "a"}}));
        assert_eq!(record.get("userIdentity"), None);
        assert_eq!(record["eventID"].as_str().unwrap().len(), 32);
    }
}

#[tokio::test]
async fn a_write_that_changes_nothing_is_no_record_but_moves_the_position() {
    let world = World::new().await;
    world.table("Rooms", "KEYS_ONLY").await;
    let item = json!({"id": {"S": "a"}, "n": {"N": "1"}, "s": {"SS": ["x", "y"]}});
    world.put("Rooms", item.clone()).await;
    let reader = world.tables.stream("Rooms").unwrap();
    let before = reader.latest().await.unwrap();

    world.put("Rooms", item).await;
    world.put("Rooms", json!({"id": {"S": "a"}, "n": {"N": "1.0"}, "s": {"SS": ["y", "x"]}})).await;
    let update = json!({
        "TableName": "Rooms", "Key": {"id": {"S": "a"}}, "UpdateExpression": "SET n = :n",
        "ExpressionAttributeValues": {":n": {"N": "1"}},
    });
    world.ok("UpdateItem", update).await;
    world.ok("DeleteItem", json!({"TableName": "Rooms", "Key": {"id": {"S": "missing"}}})).await;

    let batch = reader.read(&before, 10).unwrap();
    assert!(batch.records.is_empty(), "{:?}", batch.records);
    assert_ne!(batch.next, before);
    assert_eq!(batch.next, reader.latest().await.unwrap());
}

#[tokio::test]
async fn each_view_type_shows_its_images_and_its_name() {
    let world = World::new().await;
    for (view, new, old) in [
        ("KEYS_ONLY", false, false),
        ("NEW_IMAGE", true, false),
        ("OLD_IMAGE", false, true),
        ("NEW_AND_OLD_IMAGES", true, true),
    ] {
        world.table(view, view).await;
        world.put(view, json!({"id": {"S": "a"}, "n": {"N": "1"}})).await;
        world.put(view, json!({"id": {"S": "a"}, "n": {"N": "2"}})).await;
        world.ok("DeleteItem", json!({"TableName": view, "Key": {"id": {"S": "a"}}})).await;
        let shown: Vec<_> = world
            .records(view)
            .await
            .iter()
            .map(|record| {
                assert_eq!(dynamodb(record)["StreamViewType"], view);
                assert!(dynamodb(record)["Keys"].is_object());
                (dynamodb(record).get("NewImage").is_some(), dynamodb(record).get("OldImage").is_some())
            })
            .collect();
        assert_eq!(shown, [(new, false), (new, old), (false, old)], "{view}");
    }
}

#[tokio::test]
async fn creation_is_told_in_whole_seconds_as_a_decimal_number() {
    let world = World::new().await;
    world.table("Rooms", "KEYS_ONLY").await;
    world.put("Rooms", json!({"id": {"S": "a"}})).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();

    let reader = world.tables.stream("Rooms").unwrap();
    let record = reader.read(&reader.trim_horizon(), 1).unwrap().records.remove(0);
    let text = record.to_lambda_json();
    assert!(text.contains(&format!("\"ApproximateCreationDateTime\":{}.0,", record.approximate_creation)), "{text}");
    assert!((now - record.approximate_creation as f64).abs() < 2.0);
}

#[tokio::test]
async fn records_have_the_size_of_aws() {
    let world = World::new().await;
    world.table("Rooms", "NEW_AND_OLD_IMAGES").await;
    world.put("Rooms", json!({"id": {"S": "id_value"}, "id2": {"S": "id2_value"}})).await;
    world.ok("DeleteItem", json!({"TableName": "Rooms", "Key": {"id": {"S": "id_value"}}})).await;
    world.put("Rooms", json!({"id": {"S": "id_value"}})).await;
    world.put("Rooms", json!({"id": {"S": "id_value"}, "id2": {"S": "id2_new_value"}})).await;
    let sizes: Vec<_> =
        world.records("Rooms").await.iter().map(|record| dynamodb(record)["SizeBytes"].clone()).collect();
    assert_eq!(sizes, [32, 32, 20, 46]);
}

#[tokio::test]
async fn binary_values_arrive_in_base64() {
    let world = World::new().await;
    world.table("Rooms", "NEW_IMAGE").await;
    world.put("Rooms", json!({"id": {"S": "a"}, "b": {"B": "Zm9vYmFy"}})).await;
    assert_eq!(dynamodb(&world.records("Rooms").await[0])["NewImage"]["b"], json!({"B": "Zm9vYmFy"}));
}

#[tokio::test]
async fn sequence_numbers_rise_and_redelivery_repeats_them() {
    let world = World::new().await;
    world.table("Rooms", "NEW_IMAGE").await;
    for n in 0..20 {
        world.put("Rooms", json!({"id": {"S": "a"}, "n": {"N": n.to_string()}})).await;
    }
    let first = world.records("Rooms").await;
    let numbers: Vec<u128> =
        first.iter().map(|record| dynamodb(record)["SequenceNumber"].as_str().unwrap().parse().unwrap()).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    let values: Vec<_> = first.iter().map(|record| dynamodb(record)["NewImage"]["n"]["N"].clone()).collect();
    assert_eq!(values, (0..20).map(|n| n.to_string()).collect::<Vec<_>>());

    assert_eq!(world.records("Rooms").await, first);
    let world = world.restart().await;
    assert_eq!(world.records("Rooms").await, first);
}

#[tokio::test]
async fn an_expired_item_is_removed_by_the_service() {
    let world = World::new().await;
    world.table("Rooms", "NEW_AND_OLD_IMAGES").await;
    let ttl = json!({"TableName": "Rooms", "TimeToLiveSpecification": {"AttributeName": "until", "Enabled": true}});
    world.ok("UpdateTimeToLive", ttl).await;
    world.put("Rooms", json!({"id": {"S": "a"}, "until": {"N": "1000000000"}})).await;
    world.put("Rooms", json!({"id": {"S": "b"}, "until": {"N": "9000000000"}})).await;

    // Expiry happens by itself, and wakes the reader.
    let mut reader = world.tables.stream("Rooms").unwrap();
    let mut position = reader.trim_horizon();
    let removed = loop {
        let batch = reader.read(&position, 10).unwrap();
        position = batch.next;
        if let Some(record) = batch.records.into_iter().find(|record| record.event_name == "REMOVE") {
            break record;
        }
        tokio::time::timeout(Duration::from_secs(10), reader.changed()).await.expect("expiry within ten seconds");
    };
    let removed: Value = serde_json::from_str(&removed.to_lambda_json()).unwrap();
    assert_eq!(removed["userIdentity"], json!({"type": "Service", "principalId": "dynamodb.amazonaws.com"}));
    assert_eq!(dynamodb(&removed)["Keys"], json!({"id": {"S": "a"}}));
    let left = world.ok("Scan", json!({"TableName": "Rooms"})).await;
    assert_eq!(left["Count"], 1);
}

#[tokio::test]
async fn batches_and_transactions_record_each_changed_item() {
    let world = World::new().await;
    world.table("Rooms", "NEW_IMAGE").await;
    world.put("Rooms", json!({"id": {"S": "same"}})).await;
    let put = |id: &str| json!({"PutRequest": {"Item": {"id": {"S": id}}}});
    world.ok("BatchWriteItem", json!({"RequestItems": {"Rooms": [put("a"), put("same"), put("b")]}})).await;
    let transacted = |id: &str| json!({"Put": {"TableName": "Rooms", "Item": {"id": {"S": id}}}});
    world.ok("TransactWriteItems", json!({"TransactItems": [transacted("c"), transacted("d")]})).await;

    let mut ids: Vec<String> = world
        .records("Rooms")
        .await
        .iter()
        .map(|record| dynamodb(record)["Keys"]["id"]["S"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    assert_eq!(ids, ["a", "b", "c", "d", "same"]);
}

#[tokio::test]
async fn nothing_names_the_engine() {
    let world = World::new().await;
    let arn = world.table("Rooms", "NEW_AND_OLD_IMAGES").await;
    assert!(arn.starts_with(&format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/Rooms/stream/")), "{arn}");
    world.put("Rooms", json!({"id": {"S": "a"}})).await;
    let record = world.records("Rooms").await.remove(0);
    assert_eq!(record["awsRegion"], REGION);
    assert_eq!(record["eventSourceARN"], arn.as_str());
    assert!(!record.to_string().contains("dynoxide"));
}

#[tokio::test]
async fn a_new_stream_of_a_table_is_another_stream() {
    let world = World::new().await;
    let first_arn = world.table("Rooms", "NEW_IMAGE").await;
    world.put("Rooms", json!({"id": {"S": "first"}})).await;
    let mut first = world.tables.stream("Rooms").unwrap();
    let position = first.latest().await.unwrap();

    let disable = json!({"TableName": "Rooms", "StreamSpecification": {"StreamEnabled": false}});
    world.ok("UpdateTable", disable).await;
    world.put("Rooms", json!({"id": {"S": "unseen"}})).await;
    assert_eq!(world.tables.stream("Rooms").err().unwrap().code, "ResourceNotFoundException");
    let enable = json!({
        "TableName": "Rooms", "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"},
    });
    world.ok("UpdateTable", enable).await;
    world.put("Rooms", json!({"id": {"S": "second"}})).await;

    let second = world.tables.stream("Rooms").unwrap();
    assert_ne!(second.stream_arn(), first_arn);
    let seen = read_all(&second).await;
    assert_eq!(seen.len(), 1);
    assert_eq!(dynamodb(&seen[0])["Keys"], json!({"id": {"S": "second"}}));
    assert_eq!(dynamodb(&seen[0])["StreamViewType"], "KEYS_ONLY");

    // The old reader is woken to learn that its stream has ended; what it had is still there.
    first.changed().await;
    let rest = first.read(&position, 10).unwrap();
    assert!(rest.records.is_empty() && rest.remainder == Remainder::Nothing);
    let kept = read_all(&first).await;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0]["eventSourceARN"], first_arn.as_str());
    assert_eq!(dynamodb(&kept[0])["StreamViewType"], "NEW_IMAGE");
}

#[tokio::test]
async fn a_table_made_again_does_not_show_the_records_of_its_predecessor() {
    let world = World::new().await;
    let old_arn = world.table("Rooms", "NEW_IMAGE").await;
    world.put("Rooms", json!({"id": {"S": "old"}})).await;
    let old = world.tables.stream("Rooms").unwrap();
    world.ok("DeleteTable", json!({"TableName": "Rooms"})).await;

    let new_arn = world.table("Rooms", "NEW_IMAGE").await;
    world.put("Rooms", json!({"id": {"S": "new"}})).await;

    assert_ne!(old_arn, new_arn);
    let ids = |records: Vec<Value>| -> Vec<Value> {
        records.iter().map(|record| dynamodb(record)["Keys"]["id"]["S"].clone()).collect()
    };
    assert_eq!(ids(world.records("Rooms").await), ["new"]);
    assert_eq!(ids(read_all(&old).await), ["old"]);
}

#[tokio::test]
async fn a_reader_is_woken_by_the_write_itself() {
    let world = World::new().await;
    world.table("Rooms", "NEW_IMAGE").await;
    world.table("Other", "NEW_IMAGE").await;
    let mut reader = world.tables.stream("Rooms").unwrap();
    let batch = reader.read(&reader.trim_horizon(), 10).unwrap();
    assert!(batch.records.is_empty());

    world.put("Other", json!({"id": {"S": "a"}})).await;
    let slept = tokio::time::timeout(Duration::from_millis(50), reader.changed()).await;
    assert!(slept.is_err(), "a write to another table wakes nobody");

    // Written between the read and the wait: the wait must end at once.
    world.put("Rooms", json!({"id": {"S": "a"}})).await;
    tokio::time::timeout(Duration::from_secs(5), reader.changed()).await.expect("the write wakes the reader");
    let batch = reader.read(&batch.next, 10).unwrap();
    assert_eq!(batch.records.len(), 1);

    let statement = "INSERT INTO \"Rooms\" VALUE {'id': 'b'}";
    world.ok("ExecuteStatement", json!({"Statement": statement})).await;
    tokio::time::timeout(Duration::from_secs(5), reader.changed()).await.expect("a statement wakes the reader");
    assert_eq!(reader.read(&batch.next, 10).unwrap().records.len(), 1);
}
