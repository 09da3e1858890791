//! Items: that the engine is reached, and that pages are AWS's pages.

use crate::world::{World, table_request};
use bytes::Bytes;
use serde_json::{Value, json};
use sluicegate_protocol::CallTable;

/// More than two slices of the internal paging.
const ITEMS: usize = 2500;

async fn filled() -> World {
    let world = World::new().await;
    let mut request = table_request("Rooms", None);
    request["AttributeDefinitions"] =
        json!([{"AttributeName": "p", "AttributeType": "S"}, {"AttributeName": "n", "AttributeType": "N"}]);
    request["KeySchema"] =
        json!([{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}]);
    world.ok("CreateTable", request).await;
    for chunk in (0..ITEMS).collect::<Vec<_>>().chunks(25) {
        let puts: Vec<Value> = chunk
            .iter()
            .map(|n| json!({"PutRequest": {"Item": {"p": {"S": "a"}, "n": {"N": n.to_string()}, "even": {"BOOL": n % 2 == 0}}}}))
            .collect();
        world.ok("BatchWriteItem", json!({"RequestItems": {"Rooms": puts}})).await;
    }
    world
}

#[tokio::test]
async fn a_page_is_as_long_as_at_aws_whatever_the_slices() {
    let world = filled().await;
    let query = json!({"KeyConditionExpression": "p = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}});
    for (operation, base) in [("Scan", json!({})), ("Query", query)] {
        let with = |change: Value| {
            let mut request = base.clone();
            request["TableName"] = "Rooms".into();
            for (member, value) in change.as_object().unwrap() {
                if member == "ExpressionAttributeValues" {
                    let values = value.as_object().unwrap();
                    for (name, value) in values {
                        request[member][name] = value.clone();
                    }
                } else {
                    request[member] = value.clone();
                }
            }
            request
        };
        let all = world.ok(operation, with(json!({}))).await;
        assert_eq!((all["Count"].clone(), all.get("LastEvaluatedKey")), (json!(ITEMS), None), "{operation}");
        assert_eq!(all["Items"].as_array().unwrap().len(), ITEMS);
        assert_eq!(all.get("ConsumedCapacity"), None, "not asked for");

        let counted = world.ok(operation, with(json!({"Select": "COUNT"}))).await;
        assert_eq!((counted["Count"].clone(), counted.get("Items")), (json!(ITEMS), None), "{operation}");

        for limit in [1, 999, 1000, 1001, 2000, 2499] {
            let page = world.ok(operation, with(json!({"Limit": limit}))).await;
            assert_eq!(page["ScannedCount"], limit, "{operation} {limit}");
            let rest = with(json!({"ExclusiveStartKey": page["LastEvaluatedKey"]}));
            assert_eq!(world.ok(operation, rest).await["Count"], ITEMS - limit, "{operation} {limit}");
        }
        let filter = with(json!({
            "FilterExpression": "even = :t", "ExpressionAttributeValues": {":t": {"BOOL": true}},
            "ReturnConsumedCapacity": "TOTAL",
        }));
        let even = world.ok(operation, filter).await;
        assert_eq!((even["Count"].clone(), even["ScannedCount"].clone()), (json!(ITEMS / 2), json!(ITEMS)));
        assert!(even["ConsumedCapacity"]["CapacityUnits"].as_f64().unwrap() > 1.0);
    }
    let backwards = json!({
        "TableName": "Rooms", "KeyConditionExpression": "p = :p", "ScanIndexForward": false,
        "ExpressionAttributeValues": {":p": {"S": "a"}},
    });
    let page = world.ok("Query", backwards).await;
    let numbers: Vec<usize> = page["Items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["n"]["N"].as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(numbers, (0..ITEMS).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_page_ends_at_one_megabyte() {
    let world = World::new().await;
    world.ok("CreateTable", table_request("Rooms", None)).await;
    // 400 bytes each: 1 MB is reached in the third slice.
    for chunk in (0..4000).collect::<Vec<_>>().chunks(25) {
        let puts: Vec<Value> = chunk
            .iter()
            .map(|n| json!({"PutRequest": {"Item": {"id": {"S": format!("{n:06}")}, "pad": {"S": "x".repeat(389)}}}}))
            .collect();
        world.ok("BatchWriteItem", json!({"RequestItems": {"Rooms": puts}})).await;
    }
    let page = world.ok("Scan", json!({"TableName": "Rooms"})).await;
    let count = page["Count"].as_u64().unwrap();
    assert!((2600..=2640).contains(&count), "{count}");
    assert!(page["LastEvaluatedKey"].is_object());
}

#[tokio::test]
async fn a_call_inside_the_process_is_the_same_call() {
    let world = World::new().await;
    world.ok("CreateTable", table_request("Rooms", None)).await;
    let call = |operation, request: Value| world.tables.call(operation, Bytes::from(request.to_string()));
    call("PutItem", json!({"TableName": "Rooms", "Item": {"id": {"S": "a"}}})).await.unwrap();
    let found = call("GetItem", json!({"TableName": "Rooms", "Key": {"id": {"S": "a"}}})).await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&found).unwrap(), json!({"Item": {"id": {"S": "a"}}}));
    let missing = call("GetItem", json!({"TableName": "Missing", "Key": {"id": {"S": "a"}}})).await.unwrap_err();
    assert_eq!((missing.status, missing.code.as_ref()), (400, "ResourceNotFoundException"));
    let unknown = call("DropEverything", json!({})).await.unwrap_err();
    assert_eq!(unknown.code, "UnknownOperationException");
}

#[tokio::test]
async fn a_failed_condition_tells_what_it_found() {
    let world = World::new().await;
    world.ok("CreateTable", table_request("Rooms", None)).await;
    world.put("Rooms", json!({"id": {"S": "a"}})).await;
    let put = json!({
        "TableName": "Rooms", "Item": {"id": {"S": "a"}}, "ConditionExpression": "attribute_not_exists(id)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    });
    let (status, answer) = world.call("PutItem", put).await;
    assert_eq!(status, 400);
    assert_eq!(answer["__type"], "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException");
    assert_eq!(answer["Item"], json!({"id": {"S": "a"}}));
}
