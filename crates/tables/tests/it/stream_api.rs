//! The DynamoDB Streams API.

use crate::world::{World, table_request};
use serde_json::{Value, json};
use std::time::Duration;

const NO_SUCH_STREAM: &str = "arn:aws:dynamodb:eu-west-1:123456789012:table/Rooms/stream/2020-01-01T00:00:00.000";

async fn shard(world: &World, arn: &str) -> Value {
    let description = world.ok("DescribeStream", json!({"StreamArn": arn})).await;
    description["StreamDescription"]["Shards"][0].clone()
}

async fn iterator(world: &World, arn: &str, kind: &str) -> String {
    let shard = shard(world, arn).await;
    let request = json!({"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": kind});
    world.ok("GetShardIterator", request).await["ShardIterator"].as_str().unwrap().to_owned()
}

fn ids(answer: &Value) -> Vec<&str> {
    let records = answer["Records"].as_array().unwrap();
    records.iter().map(|record| record["dynamodb"]["Keys"]["id"]["S"].as_str().unwrap()).collect()
}

async fn put_all(world: &World, table: &str, ids: &[&str]) {
    for id in ids {
        world.put(table, json!({"id": {"S": id}})).await;
    }
}

#[tokio::test]
async fn a_stream_describes_itself() {
    let world = World::new().await;
    let arn = world.table("Rooms", "NEW_IMAGE").await;
    let stream = world.ok("DescribeStream", json!({"StreamArn": arn})).await["StreamDescription"].clone();
    assert_eq!(stream["StreamArn"], arn.as_str());
    assert_eq!(stream["StreamStatus"], "ENABLED");
    assert_eq!(stream["StreamViewType"], "NEW_IMAGE");
    assert_eq!(stream["TableName"], "Rooms");
    assert_eq!(stream["KeySchema"], json!([{"AttributeName": "id", "KeyType": "HASH"}]));
    assert!(stream["CreationRequestDateTime"].is_f64());
    let label = stream["StreamLabel"].as_str().unwrap();
    assert!(arn.ends_with(label) && label.len() == 23 && label.as_bytes()[10] == b'T', "{label}");

    let shard = &stream["Shards"][0];
    assert!((28..=65).contains(&shard["ShardId"].as_str().unwrap().len()), "{shard}");
    assert!(shard["SequenceNumberRange"]["StartingSequenceNumber"].is_string());
    assert_eq!(shard["SequenceNumberRange"].get("EndingSequenceNumber"), None, "an open shard has no end");

    let after = json!({"StreamArn": arn, "ExclusiveStartShardId": shard["ShardId"]});
    assert_eq!(world.ok("DescribeStream", after).await["StreamDescription"]["Shards"], json!([]));
    let children = json!({"StreamArn": arn, "ShardFilter": {"Type": "CHILD_SHARDS", "ShardId": shard["ShardId"]}});
    assert_eq!(world.ok("DescribeStream", children).await["StreamDescription"]["Shards"], json!([]));
}

#[tokio::test]
async fn streams_are_listed_in_pages() {
    let world = World::new().await;
    let mut expected = Vec::new();
    for name in ["Aaa", "Bbb", "Ccc"] {
        expected.push(world.table(name, "NEW_IMAGE").await);
    }
    world.ok("CreateTable", table_request("Ddd", None)).await;

    let (mut found, mut request) = (Vec::new(), json!({"Limit": 2}));
    let mut pages = 0;
    loop {
        let page = world.ok("ListStreams", request.clone()).await;
        pages += 1;
        for stream in page["Streams"].as_array().unwrap() {
            found.push(stream["StreamArn"].as_str().unwrap().to_owned());
        }
        let Some(last) = page["LastEvaluatedStreamArn"].as_str() else { break };
        request["ExclusiveStartStreamArn"] = last.into();
    }
    assert_eq!((found, pages), (expected, 2));
    let one = world.ok("ListStreams", json!({"TableName": "Bbb"})).await;
    assert_eq!(one["Streams"].as_array().unwrap().len(), 1);
    assert_eq!(one["Streams"][0]["TableName"], "Bbb");
    assert_eq!(world.ok("ListStreams", json!({"TableName": "Ddd"})).await["Streams"], json!([]));
}

#[tokio::test]
async fn every_iterator_type_starts_where_it_says() {
    let world = World::new().await;
    let arn = world.table("Rooms", "NEW_IMAGE").await;
    put_all(&world, "Rooms", &["a", "b", "c"]).await;
    let horizon = iterator(&world, &arn, "TRIM_HORIZON").await;
    let latest = iterator(&world, &arn, "LATEST").await;
    let all = world.ok("GetRecords", json!({"ShardIterator": horizon})).await;
    assert_eq!(ids(&all), ["a", "b", "c"]);
    put_all(&world, "Rooms", &["d"]).await;
    assert_eq!(ids(&world.ok("GetRecords", json!({"ShardIterator": latest})).await), ["d"]);

    let shard = shard(&world, &arn).await;
    let b = &all["Records"][1]["dynamodb"];
    for (kind, member, value, expected) in [
        ("AT_SEQUENCE_NUMBER", "SequenceNumber", b["SequenceNumber"].clone(), vec!["b", "c", "d"]),
        ("AFTER_SEQUENCE_NUMBER", "SequenceNumber", b["SequenceNumber"].clone(), vec!["c", "d"]),
        (
            "AT_SEQUENCE_NUMBER",
            "SequenceNumber",
            shard["SequenceNumberRange"]["StartingSequenceNumber"].clone(),
            vec!["a", "b", "c", "d"],
        ),
        ("AT_TIMESTAMP", "Timestamp", json!(1.5), vec!["a", "b", "c", "d"]),
        ("AT_TIMESTAMP", "Timestamp", b["ApproximateCreationDateTime"].clone(), vec!["a", "b", "c", "d"]),
    ] {
        let mut request = json!({"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": kind});
        request[member] = value;
        let iterator = world.ok("GetShardIterator", request.clone()).await;
        let answer = world.ok("GetRecords", json!({"ShardIterator": iterator["ShardIterator"]})).await;
        // The clock may have ticked between the writes; what follows the named second is there in any case.
        assert!(ids(&answer).ends_with(&expected[expected.len().saturating_sub(2)..]), "{request}");
        if kind != "AT_TIMESTAMP" || member == "SequenceNumber" {
            assert_eq!(ids(&answer), expected, "{request}");
        }
    }
}

#[tokio::test]
async fn records_come_in_pages_that_follow_each_other() {
    let world = World::new().await;
    let arn = world.table("Rooms", "NEW_IMAGE").await;
    put_all(&world, "Rooms", &["a", "b", "c", "d", "e"]).await;
    let mut iterator = iterator(&world, &arn, "TRIM_HORIZON").await;
    let mut pages = Vec::new();
    for _ in 0..4 {
        let page = world.ok("GetRecords", json!({"ShardIterator": iterator, "Limit": 2})).await;
        pages.push(ids(&page).join(""));
        iterator = page["NextShardIterator"].as_str().expect("an open shard has always a next iterator").to_owned();
    }
    assert_eq!(pages, ["ab", "cd", "e", ""]);
}

#[tokio::test]
async fn a_page_ends_at_one_megabyte() {
    let world = World::new().await;
    let arn = world.table("Rooms", "NEW_IMAGE").await;
    for id in ["a", "b", "c", "d"] {
        world.put("Rooms", json!({"id": {"S": id}, "pad": {"S": "x".repeat(390_000)}})).await;
    }
    let first = iterator(&world, &arn, "TRIM_HORIZON").await;
    let page = world.ok("GetRecords", json!({"ShardIterator": first})).await;
    assert_eq!(ids(&page), ["a", "b"]);
    let page = world.ok("GetRecords", json!({"ShardIterator": page["NextShardIterator"]})).await;
    assert_eq!(ids(&page), ["c", "d"]);
}

#[tokio::test]
async fn a_disabled_stream_can_be_read_to_its_end() {
    let world = World::new().await;
    let arn = world.table("Rooms", "NEW_IMAGE").await;
    put_all(&world, "Rooms", &["a", "b"]).await;
    world.ok("DeleteTable", json!({"TableName": "Rooms"})).await;

    let stream = world.ok("DescribeStream", json!({"StreamArn": arn})).await["StreamDescription"].clone();
    assert_eq!(stream["StreamStatus"], "DISABLED");
    assert!(stream["Shards"][0]["SequenceNumberRange"]["EndingSequenceNumber"].is_string());
    let first = iterator(&world, &arn, "TRIM_HORIZON").await;
    let page = world.ok("GetRecords", json!({"ShardIterator": first, "Limit": 1})).await;
    assert_eq!(ids(&page), ["a"]);
    let page = world.ok("GetRecords", json!({"ShardIterator": page["NextShardIterator"]})).await;
    assert_eq!(ids(&page), ["b"]);
    assert_eq!(page.get("NextShardIterator"), None, "nothing more will come");

    world.pass(Duration::from_secs(25 * 60 * 60));
    let (kind, _) = world.refused("DescribeStream", json!({"StreamArn": arn})).await;
    assert_eq!(kind, "ResourceNotFoundException");
}

#[tokio::test]
async fn iterators_live_fifteen_minutes_and_survive_a_restart() {
    let world = World::new().await;
    let arn = world.table("Rooms", "NEW_IMAGE").await;
    put_all(&world, "Rooms", &["a"]).await;
    let iterator = iterator(&world, &arn, "TRIM_HORIZON").await;
    let world = world.restart().await;
    world.pass(Duration::from_secs(14 * 60));
    assert_eq!(ids(&world.ok("GetRecords", json!({"ShardIterator": iterator})).await), ["a"]);
    world.pass(Duration::from_secs(2 * 60));
    let (kind, _) = world.refused("GetRecords", json!({"ShardIterator": iterator})).await;
    assert_eq!(kind, "ExpiredIteratorException");
}

#[tokio::test]
async fn records_beyond_the_retention_are_gone() {
    let world = World::new().await;
    let arn = world.table("Rooms", "NEW_IMAGE").await;
    put_all(&world, "Rooms", &["old"]).await;
    let old = world.records("Rooms").await.remove(0);
    let reader = world.tables.stream("Rooms").unwrap();
    let position = sluicegate_tables::Position::parse(
        shard(&world, &arn).await["SequenceNumberRange"]["StartingSequenceNumber"].as_str().unwrap(),
    )
    .unwrap();
    assert_eq!(reader.read(&position, 10).unwrap().records.len(), 1);

    world.pass(Duration::from_secs(25 * 60 * 60));

    let horizon = iterator(&world, &arn, "TRIM_HORIZON").await;
    assert_eq!(ids(&world.ok("GetRecords", json!({"ShardIterator": horizon})).await), [""; 0]);
    assert!(matches!(reader.read(&position, 10), Err(sluicegate_tables::StreamError::Trimmed)));
    let shard = shard(&world, &arn).await;
    let at = world
        .ok(
            "GetShardIterator",
            json!({
                "StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "AT_SEQUENCE_NUMBER",
                "SequenceNumber": old["dynamodb"]["SequenceNumber"],
            }),
        )
        .await;
    let (kind, _) = world.refused("GetRecords", json!({"ShardIterator": at["ShardIterator"]})).await;
    assert_eq!(kind, "TrimmedDataAccessException");
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_as_aws_refuses_them() {
    let world = World::new().await;
    let arn = world.table("Rooms", "NEW_IMAGE").await;
    let shard_id = shard(&world, &arn).await["ShardId"].clone();
    let number = "100000000000000000042";
    let get = |change: Value| {
        let mut request = json!({"StreamArn": arn, "ShardId": shard_id, "ShardIteratorType": "LATEST"});
        for (member, value) in change.as_object().unwrap() {
            request[member] = value.clone();
        }
        ("GetShardIterator", request)
    };
    let not_an_arn = "not-an-arn-but-certainly-long-enough-for-one";
    for ((operation, request), expected) in [
        (("DescribeStream", json!({"StreamArn": NO_SUCH_STREAM})), "ResourceNotFoundException"),
        (("DescribeStream", json!({"StreamArn": not_an_arn})), "ValidationException"),
        (("DescribeStream", json!({"StreamArn": "short"})), "ValidationException"),
        (("DescribeStream", json!({})), "ValidationException"),
        (("DescribeStream", json!({"StreamArn": 5})), "SerializationException"),
        (("DescribeStream", json!({"StreamArn": arn, "Limit": 0})), "ValidationException"),
        (("DescribeStream", json!({"StreamArn": arn, "ShardFilter": {"Type": "CHILD_SHARDS"}})), "ValidationException"),
        (("DescribeStream", json!({"StreamArn": arn, "ShardFilter": {"ShardId": shard_id}})), "ValidationException"),
        (
            ("DescribeStream", json!({"StreamArn": arn, "ShardFilter": {"ShardId": shard_id, "Type": "ALL"}})),
            "ValidationException",
        ),
        (("ListStreams", json!({"Limit": 0})), "ValidationException"),
        (("ListStreams", json!({"Limit": 101})), "ValidationException"),
        (("ListStreams", json!({"ExclusiveStartStreamArn": not_an_arn})), "ValidationException"),
        (get(json!({"StreamArn": NO_SUCH_STREAM})), "ResourceNotFoundException"),
        (get(json!({"ShardId": "shardId-00000000000000000000-00000000"})), "ResourceNotFoundException"),
        (get(json!({"ShardId": "short"})), "ValidationException"),
        (get(json!({"ShardIteratorType": "EARLIEST"})), "ValidationException"),
        (get(json!({"ShardIteratorType": null})), "ValidationException"),
        (get(json!({"SequenceNumber": number})), "ValidationException"),
        (get(json!({"ShardIteratorType": "AT_SEQUENCE_NUMBER"})), "ValidationException"),
        (get(json!({"ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": "42"})), "ValidationException"),
        (
            get(json!({"ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": "x".repeat(21)})),
            "ValidationException",
        ),
        (get(json!({"ShardIteratorType": "AT_TIMESTAMP"})), "ValidationException"),
        (get(json!({"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 9e9})), "ValidationException"),
        (("GetRecords", json!({"ShardIterator": "garbage"})), "ValidationException"),
        (("GetRecords", json!({})), "ValidationException"),
    ] {
        let (kind, message) = world.refused(operation, request.clone()).await;
        assert_eq!(kind, expected, "{operation} {request}: {message}");
    }
    let iterator = iterator(&world, &arn, "LATEST").await;
    for limit in [0, -1, 1001] {
        let (kind, _) = world.refused("GetRecords", json!({"ShardIterator": iterator, "Limit": limit})).await;
        assert_eq!(kind, "ValidationException", "{limit}");
    }
}
