//! Who may ask at all.

use crate::fixture::{AUTHORIZATION, World, answered};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame};
use serde_json::json;
use sluicegate_endpoint::{Caller, Credential, Credentials, Policy, Secret};
use sluicegate_protocol::AwsService;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

pub(crate) fn credential(policy: &str) -> Credential {
    Credential {
        access_key_id: "AKID".into(),
        secret: Secret::new("hush"),
        account_id: "000000000000".into(),
        user_name: "ann".into(),
        policies: vec![Policy::parse(policy).unwrap()],
    }
}

#[tokio::test]
async fn a_request_must_carry_a_signature_in_its_header() {
    let world = World::new().await;
    let signed_address = "/?Action=ListQueues&X-Amz-Credential=a&X-Amz-Signature=b&X-Amz-Algorithm=AWS4-HMAC-SHA256";
    for (uri, authorization, expected) in [
        ("/?Action=ListQueues", Some(AUTHORIZATION), 200),
        ("/?Action=ListQueues", None, 403),
        // What a page from elsewhere could send.
        (signed_address, None, 403),
        ("/?Action=ListQueues", Some("Bearer x"), 403),
    ] {
        let mut request = Request::post(uri);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let (status, xml) = answered(&world.queues, request.body(Full::default()).unwrap()).await;
        assert_eq!(status, expected, "{uri} {authorization:?}: {xml}");
    }
}

#[tokio::test]
async fn signatures_are_verified_where_there_are_credentials() {
    let world =
        World::with(Credentials::new([credential(r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#)]))
            .await;
    let request = Request::post("/?Action=ListQueues")
        .header("authorization", AUTHORIZATION)
        .header("x-amz-date", "20260101T000000Z");
    let (status, xml) = answered(&world.queues, request.body(Full::default()).unwrap()).await;
    assert_eq!(status, 403, "{xml}");
    assert!(xml.contains("SignatureDoesNotMatch"), "{xml}");
}

#[tokio::test]
async fn users_may_do_what_their_policies_allow() {
    let policy = r#"{"Statement":[
        {"Effect":"Allow","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:us-east-1:000000000000:jobs"},
        {"Effect":"Allow","Action":"sqs:ListQueues","Resource":"*"}]}"#;
    let caller = Caller::Known(Arc::new(credential(policy)));
    let world = World::new().await;
    let url = world.queue("jobs", json!({})).await;
    world.queue("other", json!({})).await;
    for (form, expected) in [
        ("Action=SendMessage&MessageBody=a&QueueUrl=/000000000000/jobs", 200),
        (
            "Action=SendMessageBatch&QueueUrl=/000000000000/jobs&SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody=b",
            200,
        ),
        ("Action=SendMessage&MessageBody=a&QueueUrl=/000000000000/other", 403),
        ("Action=ReceiveMessage&QueueUrl=/000000000000/jobs", 403),
        ("Action=ListQueues", 200),
    ] {
        let request = Request::post("/").body(Bytes::from_static(form.as_bytes())).unwrap();
        let response = world.queues.call(AwsService::Sqs, request, &caller).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(status, expected, "{form}: {body:?}");
    }
    assert_eq!(world.receive(&url).await[0]["Attributes"]["SenderId"], "ann");
}

/// Tells whether anybody has asked for it.
struct Watched(Arc<AtomicBool>);

impl Body for Watched {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.store(true, Ordering::SeqCst);
        Poll::Ready(None)
    }
}

#[tokio::test]
async fn the_body_of_an_unsigned_request_is_not_read() {
    let world = World::new().await;
    for (authorization, expected) in [(None, false), (Some(AUTHORIZATION), true)] {
        let mut request = Request::post("/").header("x-amz-target", "AmazonSQS.ListQueues");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let read = Arc::new(AtomicBool::new(false));
        let response = world.queues.respond(request.body(Watched(Arc::clone(&read))).unwrap()).await;
        assert_eq!(read.load(Ordering::SeqCst), expected, "{authorization:?}: {}", response.status());
    }
}

#[tokio::test]
async fn json_is_parsed_once_its_signature_is_verified() {
    let world =
        World::with(Credentials::new([credential(r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#)]))
            .await;
    let (status, answer) = world.ask("ListQueues", json!(["no object"])).await;
    assert_eq!(status, 400);
    assert!(answer["__type"].as_str().unwrap().ends_with("#InvalidSignatureException"), "{answer}");
}
