//! The table client's conversation with a table that does not take everything at once.
//!
//! Real tables are called by the tests of the applications; these answers cannot be had from them at will.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should fail where it stands")]

use bytes::Bytes;
use serde_json::{Value, json};
use sluicegate_handler::table::{Query, Scan, Write};
use sluicegate_handler::{Item, TableClient};
use sluicegate_protocol::{ApiError, BoxFuture, CallTable};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// Answers from a script, and remembers what it was asked.
#[derive(Default)]
struct Scripted {
    answers: Mutex<VecDeque<Result<Value, ApiError>>>,
    asked: Mutex<Vec<(&'static str, Value)>>,
}

impl CallTable for Scripted {
    fn call(&self, operation: &'static str, request: Bytes) -> BoxFuture<'_, Result<Bytes, ApiError>> {
        Box::pin(async move {
            self.asked.lock().unwrap().push((operation, serde_json::from_slice(&request).unwrap()));
            let answer = self.answers.lock().unwrap().pop_front().expect("the client asked more than the test expects");
            answer.map(|answer| Bytes::from(answer.to_string()))
        })
    }
}

fn scripted(answers: impl IntoIterator<Item = Result<Value, ApiError>>) -> (Arc<Scripted>, TableClient) {
    let table = Arc::new(Scripted { answers: Mutex::new(answers.into_iter().collect()), ..Scripted::default() });
    (Arc::clone(&table), TableClient::new(table))
}

fn throttled() -> ApiError {
    ApiError::new(400, "ThrottlingException", "Rate of requests exceeds the allowed throughput.")
}

#[tokio::test]
async fn each_operation_is_asked_as_dynamodb_expects_it() {
    let (table, client) = scripted([
        Ok(json!({"Item": {"id": {"S": "a"}, "n": {"N": "1"}}})),
        Ok(json!({})),
        Ok(json!({})),
        Ok(json!({})),
    ]);

    let row: Option<Value> = client.get("T", &json!({"id": "a"})).await.unwrap();
    assert_eq!(row, Some(json!({"id": "a", "n": 1})));
    client.put("T", &json!({"id": "a", "n": 2.5})).await.unwrap();
    client.delete("T", &json!({"id": "a"})).await.unwrap();
    let update = client.update("T", &json!({"id": "a"}), "SET #n = :n").unwrap();
    client.send_update(&update.name("#n", "n").value(":n", 3).condition("attribute_exists(id)")).await.unwrap();

    let key = json!({"id": {"S": "a"}});
    assert_eq!(
        *table.asked.lock().unwrap(),
        [
            ("GetItem", json!({"TableName": "T", "Key": key, "ConsistentRead": true})),
            ("PutItem", json!({"TableName": "T", "Item": {"id": {"S": "a"}, "n": {"N": "2.5"}}})),
            ("DeleteItem", json!({"TableName": "T", "Key": key})),
            (
                "UpdateItem",
                json!({"TableName": "T", "Key": key, "UpdateExpression": "SET #n = :n",
                       "ConditionExpression": "attribute_exists(id)",
                       "ExpressionAttributeNames": {"#n": "n"}, "ExpressionAttributeValues": {":n": {"N": "3"}}})
            ),
        ]
    );
}

#[tokio::test]
async fn pages_follow_each_other() {
    let last = json!({"id": {"S": "a"}});
    let (table, client) = scripted([
        Ok(json!({"Items": [{"id": {"S": "a"}}], "LastEvaluatedKey": last})),
        Ok(json!({"Items": [], "Count": 0})),
        Ok(json!({"Items": []})),
    ]);

    let first = client.scan::<Value>(&Scan::new("T").limit(1).projection("id")).await.unwrap();
    assert_eq!(first.items, [json!({"id": "a"})]);
    let second = client.scan::<Value>(&Scan::new("T").start_after(first.last_key)).await.unwrap();
    assert!(second.last_key.is_none());
    let query = Query::new("T", "kind = :k").index("I").value(":k", "x").filter("n > :n").value(":n", 0).backward();
    client.query::<Value>(&query).await.unwrap();

    let asked = table.asked.lock().unwrap();
    assert_eq!(asked[0].1, json!({"TableName": "T", "Limit": 1, "ProjectionExpression": "id"}));
    assert_eq!(asked[1].1, json!({"TableName": "T", "ExclusiveStartKey": last}));
    assert_eq!(
        asked[2].1,
        json!({"TableName": "T", "IndexName": "I", "KeyConditionExpression": "kind = :k", "FilterExpression": "n > :n",
               "ScanIndexForward": false, "ExpressionAttributeValues": {":k": {"S": "x"}, ":n": {"N": "0"}}})
    );
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_tried_again_and_what_does_not_is_not() {
    let (table, client) = scripted([Err(throttled()), Err(ApiError::internal()), Ok(json!({}))]);
    client.put("T", &json!({"id": "a"})).await.unwrap();
    assert_eq!(table.asked.lock().unwrap().len(), 3);

    let (table, client) = scripted([Err(ApiError::validation("no"))]);
    let error = client.put("T", &json!({"id": "a"})).await.unwrap_err();
    assert_eq!(error.to_string(), "PutItem on table T: ValidationException: no");
    assert_eq!(table.asked.lock().unwrap().len(), 1);

    let (table, client) = scripted((0..10).map(|_| Err(throttled())));
    client.put("T", &json!({"id": "a"})).await.unwrap_err();
    assert_eq!(table.asked.lock().unwrap().len(), 10, "and not for ever");
}

#[tokio::test(start_paused = true)]
async fn a_batch_goes_in_parts_and_what_was_left_over_goes_again() {
    let keys: Vec<Item> = (0..26).map(|n| Item::from_serde(&json!({"id": n})).unwrap()).collect();
    let left = json!({"UnprocessedItems": {"T": [{"DeleteRequest": {"Key": {"id": {"N": "3"}}}}]}});
    let (table, client) = scripted([Ok(left), Ok(json!({"UnprocessedItems": {}})), Ok(json!({}))]);

    client.batch_write("T", keys.into_iter().map(Write::Delete).collect()).await.unwrap();

    let asked = table.asked.lock().unwrap();
    let sizes: Vec<_> =
        asked.iter().map(|(_, request)| request["RequestItems"]["T"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [25, 1, 1]);
    assert_eq!(asked[1].1["RequestItems"]["T"][0], json!({"DeleteRequest": {"Key": {"id": {"N": "3"}}}}));
}

#[tokio::test]
async fn a_row_of_another_shape_is_an_error_that_names_the_table() {
    let (_, client) = scripted([Ok(json!({"Item": {"id": {"S": "a"}}}))]);
    let error = client.get::<Vec<u8>>("T", &json!({"id": "a"})).await.unwrap_err();
    assert!(error.to_string().starts_with("GetItem on table T: the row does not fit"), "{error}");
}

#[tokio::test]
async fn calls_beyond_the_limit_wait_and_all_are_answered() {
    /// Answers when told to; knows how many wait.
    struct Gate(tokio::sync::Semaphore, std::sync::atomic::AtomicUsize);
    impl CallTable for Gate {
        fn call(&self, _: &'static str, _: Bytes) -> BoxFuture<'_, Result<Bytes, ApiError>> {
            Box::pin(async move {
                self.1.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                self.0.acquire().await.unwrap().forget();
                Ok(Bytes::from_static(b"{}"))
            })
        }
    }
    let gate = Arc::new(Gate(tokio::sync::Semaphore::new(0), 0.into()));
    let client = TableClient::new(Arc::clone(&gate) as Arc<dyn CallTable>);
    let mut calls = tokio::task::JoinSet::new();
    for id in 0..1_000 {
        let client = client.clone();
        calls.spawn(async move { client.put("T", &json!({"id": id})).await });
    }
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(gate.1.load(std::sync::atomic::Ordering::SeqCst), 256);
    gate.0.add_permits(1_000);
    while let Some(call) = calls.join_next().await {
        call.unwrap().unwrap();
    }
}
