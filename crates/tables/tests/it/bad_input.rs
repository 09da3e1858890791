//! Requests that are not what they should be: the AWS error, and no harm to anyone else.

use crate::world::{World, signed, table_request};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

fn plain() -> http::request::Builder {
    http::Request::post("/").header("content-type", "application/x-amz-json-1.0")
}

fn with(builder: http::request::Builder, body: &'static str) -> http::Request<Full<Bytes>> {
    builder.body(Full::from(body)).unwrap()
}

#[tokio::test]
async fn http_that_is_no_api_call_is_answered_as_at_aws() {
    let world = World::new().await;
    let target = |target: &str| plain().header("x-amz-target", target);
    for (request, status, expected) in [
        (with(plain(), "{}"), 400, "com.amazon.coral.service#UnknownOperationException"),
        (with(target("DynamoDB_20120810.Nonsense"), "{}"), 400, "com.amazon.coral.service#UnknownOperationException"),
        (with(target("PutItem"), "{}"), 400, "com.amazon.coral.service#UnknownOperationException"),
        (
            with(target("DynamoDB_20120810.CreateBackup"), "{}"),
            400,
            "com.amazon.coral.service#UnknownOperationException",
        ),
        (
            with(target("DynamoDB_20120810.PutItem"), "{}"),
            400,
            "com.amazon.coral.service#MissingAuthenticationTokenException",
        ),
        (
            with(target("DynamoDB_20120810.PutItem").header("authorization", "AWS4-HMAC-SHA256 Credential=a"), "{}"),
            400,
            "com.amazon.coral.service#IncompleteSignatureException",
        ),
        (with(plain(), "hello"), 400, "com.amazon.coral.service#SerializationException"),
        (with(signed("PutItem"), "hello"), 400, "com.amazon.coral.service#SerializationException"),
        (with(signed("PutItem"), "{\"TableName\":"), 400, "com.amazon.coral.service#SerializationException"),
        (with(signed("PutItem"), ""), 400, "com.amazon.coral.service#SerializationException"),
        (with(signed("PutItem"), "[]"), 400, "com.amazon.coral.service#SerializationException"),
        (with(signed("PutItem"), "null"), 400, "com.amazon.coral.service#SerializationException"),
        (with(signed("PutItem"), "{\"TableName\":5}"), 400, "com.amazon.coral.service#SerializationException"),
        (with(signed("PutItem"), "{}"), 400, "com.amazon.coral.validate#ValidationException"),
    ] {
        let described = format!("{:?} {:?}", request.headers(), request.body());
        let (found, answer) = world.send(request).await;
        assert_eq!((found, &answer["__type"]), (status, &json!(expected)), "{described}");
    }
    let not_utf8 = signed("PutItem").body(Full::from(&b"{\"TableName\":\"\xff\"}"[..])).unwrap();
    assert_eq!(world.send(not_utf8).await.1["__type"], "com.amazon.coral.service#SerializationException");

    let html = http::Request::post("/")
        .header("content-type", "text/html")
        .header("x-amz-target", "DynamoDB_20120810.ListTables");
    let elsewhere = http::Request::post("/elsewhere").header("content-type", "application/x-amz-json-1.0");
    for request in [
        with(html, "{}"),
        with(elsewhere, "{}"),
        with(http::Request::put("/"), ""),
        with(http::Request::delete("/"), ""),
    ] {
        assert_eq!(world.send(request).await, (404, json!("<UnknownOperationException/>\n")));
    }
    assert_eq!(world.send(with(http::Request::get("/"), "")).await.0, 200);
}

#[tokio::test]
async fn answers_have_the_headers_sdks_check_and_none_for_foreign_pages() {
    let world = World::new().await;
    let request = signed("ListTables").header("origin", "http://evil.example");
    let response = world.tables.respond(with(request, "{}")).await;
    let headers = response.headers().clone();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(headers["content-type"], "application/x-amz-json-1.0");
    assert_eq!(headers["x-amz-crc32"], crc32(&body).to_string());
    let id = headers["x-amzn-requestid"].to_str().unwrap();
    assert!(id.len() == 52 && id.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()), "{id}");
    assert!(!headers.keys().any(|name| name.as_str().starts_with("access-control")), "{headers:?}");
}

/// The checksum, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[tokio::test]
async fn a_body_beyond_sixteen_megabytes_is_not_read() {
    let world = World::new().await;
    let body = Full::from(vec![b' '; 16 * 1024 * 1024 + 1]);
    let (status, answer) = world.send(signed("ListTables").body(body).unwrap()).await;
    assert_eq!(status, 413, "{answer}");
    let body = Full::from(format!("{{}}{}", " ".repeat(16 * 1024 * 1024 - 2)));
    assert_eq!(world.send(signed("ListTables").body(body).unwrap()).await.0, 200);
}

#[tokio::test]
async fn expressions_nested_without_end_are_refused_and_the_process_lives() {
    let world = World::new().await;
    world.ok("CreateTable", table_request("Rooms", None)).await;
    let key = json!({"id": {"S": "a"}});
    let chain = |word: &str| vec!["attribute_exists(a)"; 140].join(word);
    for expression in [
        "(".repeat(2000),
        "NOT ".repeat(900) + "attribute_exists(a)",
        "(".repeat(4000),
        "(".repeat(20_000),
        "a.".repeat(1900),
    ] {
        let requests: [(&str, Value); 5] = [
            ("PutItem", json!({"TableName": "Rooms", "Item": key, "ConditionExpression": expression})),
            ("DeleteItem", json!({"TableName": "Rooms", "Key": key, "ConditionExpression": expression})),
            (
                "UpdateItem",
                json!({"TableName": "Rooms", "Key": key, "UpdateExpression": format!("SET b = {expression}")}),
            ),
            ("Scan", json!({"TableName": "Rooms", "FilterExpression": expression})),
            (
                "TransactWriteItems",
                json!({"TransactItems": [{"ConditionCheck": {"TableName": "Rooms", "Key": key, "ConditionExpression": expression}}]}),
            ),
        ];
        for (operation, request) in requests {
            let (kind, _) = world.refused(operation, request).await;
            assert_eq!(kind, "ValidationException", "{operation}");
        }
    }
    let deep = json!({"TableName": "Rooms", "FilterExpression": "(".repeat(2000)});
    let (_, message) = world.refused("Scan", deep).await;
    assert!(message.contains("nested too deeply"), "refused before the engine sees it: {message}");

    // Long and flat is legal, and must not need the stack either.
    for word in [" OR ", " AND "] {
        world.ok("Scan", json!({"TableName": "Rooms", "FilterExpression": chain(word)})).await;
    }
    let nested = format!("{}attribute_exists(a){}", "(NOT ".repeat(140), ")".repeat(140));
    world.ok("Scan", json!({"TableName": "Rooms", "FilterExpression": nested})).await;
}

#[tokio::test]
async fn statements_nested_without_end_are_refused_and_the_process_lives() {
    let world = World::new().await;
    world.ok("CreateTable", table_request("Rooms", None)).await;
    for condition in
        ["(".repeat(2500), "NOT ".repeat(1200), "[".repeat(3000), "id = ".to_owned() + &"{'a':".repeat(1000)]
    {
        let statement = format!("SELECT * FROM \"Rooms\" WHERE {condition}");
        let (kind, _) = world.refused("ExecuteStatement", json!({"Statement": statement})).await;
        assert_eq!(kind, "ValidationException");
    }
}

#[tokio::test]
async fn values_nested_without_end_are_refused_and_the_process_lives() {
    let world = World::new().await;
    world.ok("CreateTable", table_request("Rooms", None)).await;
    for depth in [33, 60, 100, 2000, 200_000] {
        let value = format!("{}{{\"S\":\"leaf\"}}{}", "{\"L\":[".repeat(depth), "]}".repeat(depth));
        let body = format!("{{\"TableName\":\"Rooms\",\"Item\":{{\"id\":{{\"S\":\"a\"}},\"deep\":{value}}}}}");
        let (status, answer) = world.send(signed("PutItem").body(Full::from(body)).unwrap()).await;
        assert_eq!(status, 400);
        assert!(answer["__type"].as_str().unwrap().ends_with("ValidationException"), "{depth}: {answer}");
        assert!(answer["message"].as_str().unwrap().contains("Nesting Levels"), "{depth}: {answer}");
    }
    let brackets = "[".repeat(1_000_000);
    let (status, _) = world.send(signed("PutItem").body(Full::from(brackets)).unwrap()).await;
    assert_eq!(status, 400);
    world.put("Rooms", json!({"id": {"S": "a"}})).await;
}

#[tokio::test]
async fn unknown_tables_are_not_found() {
    let world = World::new().await;
    let key = json!({"id": {"S": "a"}});
    for (operation, request) in [
        ("DescribeTable", json!({"TableName": "Missing"})),
        ("DeleteTable", json!({"TableName": "Missing"})),
        ("PutItem", json!({"TableName": "Missing", "Item": key})),
        ("GetItem", json!({"TableName": "Missing", "Key": key})),
        ("UpdateItem", json!({"TableName": "Missing", "Key": key})),
        ("Scan", json!({"TableName": "Missing"})),
        ("DescribeTimeToLive", json!({"TableName": "Missing"})),
        (
            "UpdateTimeToLive",
            json!({"TableName": "Missing", "TimeToLiveSpecification": {"AttributeName": "a", "Enabled": true}}),
        ),
    ] {
        assert_eq!(world.refused(operation, request).await.0, "ResourceNotFoundException", "{operation}");
    }
}
