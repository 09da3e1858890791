//! With access keys configured: signatures are verified, and policies say who may do what.

use crate::world::{ACCOUNT, REGION, World, signed, table_request};
use aws_credential_types::Credentials as SigningKeys;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use http_body_util::Full;
use serde_json::{Value, json};
use sluicegate_endpoint::{Credential, Credentials, Policy, Secret};
use std::time::{Duration, SystemTime};

/// Users of these names, whose access key is the name and whose secret is the name twice.
fn users(users: &[(&str, Value)]) -> Credentials {
    Credentials::new(users.iter().map(|(name, statements)| Credential {
        access_key_id: (*name).to_owned(),
        secret: Secret::new(name.repeat(2)),
        account_id: ACCOUNT.into(),
        user_name: (*name).to_owned(),
        policies: vec![Policy::parse(&json!({ "Statement": statements }).to_string()).unwrap()],
    }))
}

async fn world_of(named: &[(&str, Value)]) -> World {
    let everything = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    let mut all = vec![("root", everything)];
    all.extend(named.iter().cloned());
    World::with(|options| options.credentials = users(&all)).await
}

/// Seconds around now at which, and the key with which, a request is signed.
struct Signer<'a> {
    key: &'a str,
    secret: String,
    region: &'a str,
    age: Duration,
}

impl<'a> Signer<'a> {
    fn new(user: &'a str) -> Self {
        Self { key: user, secret: user.repeat(2), region: REGION, age: Duration::ZERO }
    }

    fn request(&self, operation: &str, body: &Value) -> http::Request<Full<Bytes>> {
        let (mut parts, ()) = signed(operation).header("host", "localhost").body(()).unwrap().into_parts();
        parts.headers.remove("authorization");
        parts.headers.remove("x-amz-date");
        let identity = SigningKeys::new(self.key, &self.secret, None, None, "test").into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name("dynamodb")
            .time(SystemTime::now() - self.age)
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let body = body.to_string();
        let headers = parts.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let signable =
            SignableRequest::new("POST", "http://localhost/", headers, SignableBody::Bytes(body.as_bytes())).unwrap();
        let (instructions, _) = sign(signable, &params).unwrap().into_parts();
        let mut request = http::Request::from_parts(parts, Full::from(body.clone()));
        instructions.apply_to_request_http1x(&mut request);
        request
    }
}

async fn code(world: &World, request: http::Request<Full<Bytes>>) -> String {
    match world.send(request).await {
        (200, _) => "ok".to_owned(),
        (_, answer) => answer["__type"].as_str().unwrap().rsplit('#').next().unwrap().to_owned(),
    }
}

/// How a request names the stream of a table.
async fn stream(world: &World, table: &str) -> Value {
    let request = Signer::new("root").request("ListStreams", &json!({ "TableName": table }));
    json!({"StreamArn": world.send(request).await.1["Streams"][0]["StreamArn"]})
}

#[tokio::test]
async fn signatures_are_verified() {
    let world = world_of(&[]).await;
    let ask = json!({});
    let root = || Signer::new("root");
    assert_eq!(code(&world, root().request("ListTables", &ask)).await, "ok");
    for (signer, expected) in [
        (Signer { key: "stranger", ..root() }, "UnrecognizedClientException"),
        (Signer { secret: "guess".into(), ..root() }, "InvalidSignatureException"),
        (Signer { region: "us-east-1", ..root() }, "InvalidSignatureException"),
        (Signer { age: Duration::from_secs(16 * 60), ..root() }, "InvalidSignatureException"),
    ] {
        assert_eq!(code(&world, signer.request("ListTables", &ask)).await, expected);
    }
    // Something that only looks like a signature.
    let pretended = signed("ListTables").body(Full::from("{}")).unwrap();
    assert_eq!(code(&world, pretended).await, "InvalidSignatureException");
    // Signed for one operation, sent for another; signed for one body, sent with another.
    let mut other = root().request("ListTables", &json!({"TableName": "Rooms"}));
    other.headers_mut().insert("x-amz-target", "DynamoDB_20120810.DeleteTable".parse().unwrap());
    assert_eq!(code(&world, other).await, "InvalidSignatureException");
    let mut other = root().request("DeleteTable", &json!({"TableName": "Rooms"}));
    *other.body_mut() = Full::from(json!({"TableName": "Walls"}).to_string());
    assert_eq!(code(&world, other).await, "InvalidSignatureException");
    let mut unsigned = root().request("ListTables", &ask);
    unsigned.headers_mut().remove("authorization");
    assert_eq!(code(&world, unsigned).await, "MissingAuthenticationTokenException");
}

#[tokio::test]
async fn policies_say_who_may_do_what() {
    let table = |rest: &str| format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{rest}");
    let allow = |actions: Value, resource: &str| json!({"Effect": "Allow", "Action": actions, "Resource": resource});
    let world = world_of(&[
        ("rooms", allow(json!("dynamodb:*"), &table("Rooms*"))),
        ("reader", allow(json!(["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"]), &table("Rooms"))),
        ("lister", allow(json!("dynamodb:ListTables"), "*")),
        (
            "nosy",
            json!([allow(json!("*"), "*"), {"Effect": "Deny", "Action": "dynamodb:*", "Resource": table("Secrets")}]),
        ),
        ("socket", allow(json!("execute-api:*"), "*")),
    ])
    .await;
    for name in ["Rooms", "Secrets"] {
        let created = Signer::new("root").request("CreateTable", &table_request(name, Some("NEW_IMAGE")));
        assert_eq!(code(&world, created).await, "ok");
    }
    let id = json!({"id": {"S": "a"}});
    let get = |name: &str| json!({"TableName": name, "Key": id});
    let put = |name: &str| json!({"TableName": name, "Item": id});
    let batch = |names: &[&str]| json!({"RequestItems": names.iter().map(|name| ((*name).to_owned(), json!({"Keys": [id]}))).collect::<serde_json::Map<_, _>>()});
    let transact = |names: &[&str]| json!({"TransactItems": names.iter().map(|name| json!({"Put": put(name)})).collect::<Vec<_>>()});
    let statement = |name: &str| json!({"Statement": format!("SELECT * FROM \"{name}\"")});
    let (rooms, secrets) = (stream(&world, "Rooms").await, stream(&world, "Secrets").await);
    for (user, operation, request, permitted) in [
        ("rooms", "PutItem", put("Rooms"), true),
        ("rooms", "PutItem", put(&table("Rooms")), true),
        ("rooms", "PutItem", put("Secrets"), false),
        ("rooms", "PutItem", put(&table("Secrets")), false),
        ("rooms", "BatchGetItem", batch(&["Rooms"]), true),
        ("rooms", "BatchGetItem", batch(&["Rooms", "Secrets"]), false),
        ("rooms", "TransactWriteItems", transact(&["Rooms"]), true),
        ("rooms", "TransactWriteItems", transact(&["Rooms", "Secrets"]), false),
        ("rooms", "ExecuteStatement", statement("Rooms"), false),
        ("rooms", "ListTables", json!({}), false),
        ("rooms", "DescribeStream", rooms, true),
        ("rooms", "DescribeStream", secrets.clone(), false),
        ("rooms", "DeleteTable", json!({"TableName": "Secrets"}), false),
        ("reader", "GetItem", get("Rooms"), true),
        ("reader", "PutItem", put("Rooms"), false),
        ("reader", "Query", json!({"TableName": "Rooms", "IndexName": "i"}), false),
        ("reader", "BatchGetItem", json!({}), false),
        ("lister", "ListTables", json!({}), true),
        ("lister", "GetItem", get("Rooms"), false),
        ("nosy", "GetItem", get("Rooms"), true),
        ("nosy", "GetItem", get("Secrets"), false),
        ("nosy", "GetItem", get(&format!("arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/Secrets")), false),
        ("nosy", "TransactGetItems", json!({"TransactItems": [{"Get": get("Secrets")}]}), false),
        ("nosy", "ExecuteStatement", statement("Secrets"), false),
        ("nosy", "ListTables", json!({}), true),
        ("root", "ExecuteStatement", statement("Secrets"), true),
        ("socket", "ListTables", json!({}), false),
    ] {
        let code = code(&world, Signer::new(user).request(operation, &request)).await;
        let expected = if permitted { "ok" } else { "AccessDeniedException" };
        assert_eq!(code, expected, "{user} {operation} {request}");
    }
    let (_, answer) = world.send(Signer::new("reader").request("PutItem", &put("Rooms"))).await;
    assert_eq!(
        answer["message"],
        format!(
            "User: arn:aws:iam::{ACCOUNT}:user/reader is not authorized to perform: dynamodb:PutItem on resource: {} \
             because no identity-based policy allows the dynamodb:PutItem action",
            table("Rooms")
        )
    );

    let iterator = json!({"ShardIteratorType": "TRIM_HORIZON", "ShardId": "", "StreamArn": secrets["StreamArn"]});
    let described = world.send(Signer::new("root").request("DescribeStream", &secrets)).await.1;
    let mut iterator = iterator;
    iterator["ShardId"] = described["StreamDescription"]["Shards"][0]["ShardId"].clone();
    let answer = world.send(Signer::new("root").request("GetShardIterator", &iterator)).await.1;
    let read = json!({"ShardIterator": answer["ShardIterator"]});
    for (user, expected) in [("root", "ok"), ("rooms", "AccessDeniedException"), ("nosy", "ok")] {
        // A denial of the table is none of its streams: those have names of their own.
        assert_eq!(code(&world, Signer::new(user).request("GetRecords", &read)).await, expected, "{user}");
    }
}
