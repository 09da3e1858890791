//! Creating and changing tables, their streams and their time to live.

use crate::world::{ACCOUNT, REGION, World, table_request};
use serde_json::{Value, json};

async fn stream_update(world: &World, specification: Value) -> Result<Value, (String, String)> {
    let request = json!({"TableName": "Rooms", "StreamSpecification": specification});
    match world.call("UpdateTable", request).await {
        (200, answer) => Ok(answer["TableDescription"].clone()),
        (_, answer) => Err((
            answer["__type"].as_str().unwrap().rsplit('#').next().unwrap().to_owned(),
            answer["message"].as_str().unwrap().to_owned(),
        )),
    }
}

#[tokio::test]
async fn descriptions_carry_our_arns_and_the_view_type_asked_for() {
    let world = World::new().await;
    let mut request = table_request("Rooms", Some("KEYS_ONLY"));
    request["AttributeDefinitions"].as_array_mut().unwrap().push(json!({"AttributeName": "at", "AttributeType": "N"}));
    request["GlobalSecondaryIndexes"] = json!([{
        "IndexName": "ByTime", "KeySchema": [{"AttributeName": "at", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }]);
    request["SSESpecification"] = json!({"Enabled": true, "SSEType": "KMS"});
    let created = world.ok("CreateTable", request).await;
    let described = world.ok("DescribeTable", json!({"TableName": "Rooms"})).await;
    for (table, answer) in [(&created["TableDescription"], &created), (&described["Table"], &described)] {
        assert!(!answer.to_string().contains("dynoxide"), "{answer}");
        assert_eq!(table["TableArn"], format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/Rooms"));
        assert_eq!(table["StreamSpecification"], json!({"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"}));
        let index = &table["GlobalSecondaryIndexes"][0]["IndexArn"];
        assert_eq!(*index, format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/Rooms/index/ByTime"));
        let label = table["LatestStreamLabel"].as_str().unwrap();
        assert_eq!(table["LatestStreamArn"], format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/Rooms/stream/{label}"));
    }
    // An ARN does where a name does.
    let arn = described["Table"]["TableArn"].clone();
    world.ok("PutItem", json!({"TableName": arn, "Item": {"id": {"S": "a"}}})).await;
    world.ok("TagResource", json!({"ResourceArn": arn, "Tags": [{"Key": "k", "Value": "v"}]})).await;
    let tags = world.ok("ListTagsOfResource", json!({"ResourceArn": arn})).await;
    assert_eq!(tags["Tags"], json!([{"Key": "k", "Value": "v"}]));
    let missing = format!("{}s", arn.as_str().unwrap());
    let (_, message) = world.refused("ListTagsOfResource", json!({"ResourceArn": missing})).await;
    assert!(!message.contains("dynoxide"), "{message}");
}

#[tokio::test]
async fn a_stream_is_enabled_and_disabled_as_at_aws() {
    let world = World::new().await;
    world.ok("CreateTable", table_request("Rooms", None)).await;
    let enable = |view: &str| json!({"StreamEnabled": true, "StreamViewType": view});
    let refusal = |message: &str| Err(("ValidationException".to_owned(), message.to_owned()));

    assert_eq!(
        stream_update(&world, json!({"StreamEnabled": false})).await,
        refusal("Table has no stream to disable: TableName: Rooms")
    );
    assert_eq!(
        stream_update(&world, json!({"StreamEnabled": true})).await,
        refusal(
            "One or more parameter values were invalid: If stream is being enabled then UpdateViewType is required"
        )
    );
    assert_eq!(
        stream_update(&world, enable("EVERYTHING")).await,
        refusal(
            "1 validation error detected: Value 'EVERYTHING' at 'streamSpecification.streamViewType' failed to satisfy \
             constraint: Member must satisfy enum value set: [NEW_IMAGE, OLD_IMAGE, NEW_AND_OLD_IMAGES, KEYS_ONLY]"
        )
    );
    let first = stream_update(&world, enable("NEW_IMAGE")).await.unwrap();
    assert_eq!(first["StreamSpecification"], enable("NEW_IMAGE"));
    for again in ["NEW_IMAGE", "KEYS_ONLY"] {
        assert_eq!(
            stream_update(&world, enable(again)).await,
            refusal("Table already has an enabled stream: TableName: Rooms")
        );
    }
    assert_eq!(
        stream_update(&world, json!({"StreamEnabled": false, "StreamViewType": "NEW_IMAGE"})).await,
        refusal(
            "One or more parameter values were invalid: If stream is being disabled, then UpdateViewType must not be \
             specified"
        )
    );
    let disabled = stream_update(&world, json!({"StreamEnabled": false})).await.unwrap();
    assert_eq!(disabled.get("StreamSpecification"), None);
    assert_eq!(disabled["LatestStreamArn"], first["LatestStreamArn"], "the latest stream remains the latest");
    let second = stream_update(&world, enable("OLD_IMAGE")).await.unwrap();
    assert_ne!(second["LatestStreamArn"], first["LatestStreamArn"]);

    let missing = json!({"TableName": "Missing", "StreamSpecification": enable("OLD_IMAGE")});
    assert_eq!(world.refused("UpdateTable", missing).await.0, "ResourceNotFoundException");
}

#[tokio::test]
async fn a_table_is_not_created_with_half_a_stream() {
    let world = World::new().await;
    for specification in [
        json!({"StreamEnabled": true}),
        json!({"StreamEnabled": false, "StreamViewType": "NEW_IMAGE"}),
        json!({"StreamEnabled": true, "StreamViewType": "EVERYTHING"}),
        json!({"StreamViewType": "NEW_IMAGE"}),
    ] {
        let mut request = table_request("Rooms", None);
        request["StreamSpecification"] = specification.clone();
        assert_eq!(world.refused("CreateTable", request).await.0, "ValidationException", "{specification}");
    }
    let mut request = table_request("Rooms", None);
    request["StreamSpecification"] = json!({"StreamEnabled": false});
    world.ok("CreateTable", request).await;
}

#[tokio::test]
async fn time_to_live_is_switched_once_each_way() {
    let world = World::new().await;
    world.ok("CreateTable", table_request("Rooms", None)).await;
    let request = |attribute: &str, enabled: bool| json!({"TableName": "Rooms", "TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": enabled}});
    let refused = |message: &str| ("ValidationException".to_owned(), message.to_owned());
    assert_eq!(
        world.refused("UpdateTimeToLive", request("until", false)).await,
        refused("TimeToLive is already disabled")
    );
    world.ok("UpdateTimeToLive", request("until", true)).await;
    assert_eq!(
        world.refused("UpdateTimeToLive", request("until", true)).await,
        refused("TimeToLive is already enabled")
    );
    for enabled in [true, false] {
        assert_eq!(
            world.refused("UpdateTimeToLive", request("other", enabled)).await,
            refused("TimeToLive is active on a different AttributeName: current AttributeName is until")
        );
    }
    let described = world.ok("DescribeTimeToLive", json!({"TableName": "Rooms"})).await;
    assert_eq!(described["TimeToLiveDescription"], json!({"TimeToLiveStatus": "ENABLED", "AttributeName": "until"}));
    world.ok("UpdateTimeToLive", request("until", false)).await;
    let long = "x".repeat(256);
    for wrong in [
        json!({"TableName": "Rooms"}),
        json!({"TableName": "Rooms", "TimeToLiveSpecification": {"Enabled": true}}),
        json!({"TableName": "Rooms", "TimeToLiveSpecification": {"AttributeName": "until"}}),
        request("", true),
        request(&long, true),
    ] {
        assert_eq!(world.refused("UpdateTimeToLive", wrong).await.0, "ValidationException");
    }
}

#[tokio::test]
async fn an_application_finds_the_table_it_needs_or_a_clear_refusal() {
    let world = World::new().await;
    let request = table_request("Rooms", None);
    world.tables.create_if_absent(request.clone()).await.unwrap();
    world.put("Rooms", json!({"id": {"S": "kept"}})).await;
    world.tables.create_if_absent(request).await.unwrap();
    // The stream it lacks is enabled.
    world.tables.create_if_absent(table_request("Rooms", Some("NEW_IMAGE"))).await.unwrap();
    world.tables.create_if_absent(table_request("Rooms", Some("NEW_IMAGE"))).await.unwrap();
    assert!(world.tables.stream("Rooms").is_ok());
    assert_eq!(world.ok("Scan", json!({"TableName": "Rooms"})).await["Count"], 1);

    let other_view = world.tables.create_if_absent(table_request("Rooms", Some("KEYS_ONLY"))).await.unwrap_err();
    assert!(other_view.message.contains("KEYS_ONLY"), "{other_view}");
    let mut other_key = table_request("Rooms", None);
    other_key["AttributeDefinitions"][0]["AttributeType"] = "N".into();
    let other_key = world.tables.create_if_absent(other_key).await.unwrap_err();
    assert!(other_key.message.contains("another key"), "{other_key}");
}

#[tokio::test]
async fn indexes_are_added_to_a_table_that_lacks_them_and_must_be_alike() {
    let world = World::new().await;
    let with_index = |kind: &str, role: &str, projection: &str| {
        let mut request = table_request("Rooms", None);
        let attributes = request["AttributeDefinitions"].as_array_mut().unwrap();
        attributes.push(json!({"AttributeName": "owner", "AttributeType": "S"}));
        let key = match role {
            "HASH" => json!([{"AttributeName": "owner", "KeyType": "HASH"}]),
            _ => json!([{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "owner", "KeyType": "RANGE"}]),
        };
        request[kind] =
            json!([{"IndexName": "owners", "KeySchema": key, "Projection": {"ProjectionType": projection}}]);
        request
    };
    world.tables.create_if_absent(table_request("Rooms", None)).await.unwrap();
    world.put("Rooms", json!({"id": {"S": "a"}, "owner": {"S": "ann"}})).await;
    for _ in 0..2 {
        world.tables.create_if_absent(with_index("GlobalSecondaryIndexes", "HASH", "ALL")).await.unwrap();
    }
    let scan = json!({"TableName": "Rooms", "IndexName": "owners"});
    assert_eq!(world.ok("Scan", scan).await["Count"], 1);
    for (kind, role, projection, expected) in [
        ("GlobalSecondaryIndexes", "HASH", "KEYS_ONLY", "index \"owners\" has another projection"),
        ("GlobalSecondaryIndexes", "RANGE", "ALL", "index \"owners\" has another key"),
    ] {
        let refused = world.tables.create_if_absent(with_index(kind, role, projection)).await.unwrap_err();
        assert!(refused.message.contains(expected), "{refused}");
    }

    let sorted = |index: &str| {
        let mut request = with_index("LocalSecondaryIndexes", "RANGE", "ALL");
        request["TableName"] = "Halls".into();
        let definitions = request["AttributeDefinitions"].as_array_mut().unwrap();
        definitions.push(json!({"AttributeName": "at", "AttributeType": "N"}));
        request["KeySchema"].as_array_mut().unwrap().push(json!({"AttributeName": "at", "KeyType": "RANGE"}));
        request["LocalSecondaryIndexes"][0]["IndexName"] = index.into();
        request
    };
    world.tables.create_if_absent(sorted("owners")).await.unwrap();
    world.tables.create_if_absent(sorted("owners")).await.unwrap();
    let refused = world.tables.create_if_absent(sorted("guests")).await.unwrap_err();
    assert!(refused.message.contains("without the local index \"guests\""), "{refused}");
}

#[tokio::test]
async fn items_expire_by_the_attribute_that_was_named_last() {
    let world = World::new().await;
    world.tables.create_if_absent(table_request("Rooms", None)).await.unwrap();
    for attribute in ["until", "until", "expires"] {
        world.tables.expire_by("Rooms", attribute).await.unwrap();
        let described = world.ok("DescribeTimeToLive", json!({"TableName": "Rooms"})).await;
        assert_eq!(described["TimeToLiveDescription"]["AttributeName"], attribute);
    }
    assert!(world.tables.expire_by("Halls", "until").await.is_err());
}

#[tokio::test]
async fn names_the_storage_cannot_keep_apart_are_refused_with_the_reason() {
    let world = World::new().await;
    world.ok("CreateTable", table_request("Rooms", None)).await;
    for name in ["ROOMS", "_tables", "sqlite_master", "_stream_records"] {
        let (kind, message) = world.refused("CreateTable", table_request(name, None)).await;
        assert_eq!(kind, "ValidationException");
        assert!(message.contains(name), "{message}");
    }
    assert_eq!(world.refused("CreateTable", table_request("Rooms", None)).await.0, "ResourceInUseException");
    assert_eq!(world.refused("CreateTable", table_request("ab", None)).await.0, "ValidationException");
}
