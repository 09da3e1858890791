//! Integrations with AWS services: which request each address stands for, and what becomes of the answer.

use crate::fixture::{Access, Client, Functions, Server};
use crate::integrations::{api_connecting_with, api_with, echoing, hears_nothing, is_error, silent};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use sluicegate_gateway::api::ApiDefinition;
use sluicegate_gateway::{Clock, GatewayOptions, HubOptions};
use sluicegate_protocol::{AwsService, BoxFuture, CallService};
use std::sync::{Arc, Mutex};
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::ClientRequestBuilder;

/// Answers every request with a status and a body, and keeps it.
struct Services {
    answer: (u16, &'static str),
    seen: Mutex<Vec<(AwsService, Request<Bytes>)>>,
}

impl CallService for Services {
    fn serves(&self, _: AwsService) -> bool {
        true
    }

    fn call(&self, service: AwsService, request: Request<Bytes>) -> BoxFuture<'_, Response<Bytes>> {
        self.seen.lock().unwrap().push((service, request));
        let (status, body) = self.answer;
        Box::pin(async move { Response::builder().status(status).body(Bytes::from_static(body.as_bytes())).unwrap() })
    }
}

impl Services {
    fn answering(status: u16, body: &'static str) -> Arc<Self> {
        Arc::new(Self { answer: (status, body), seen: Mutex::default() })
    }

    /// Service, method, address, content type, target and body of the last request.
    fn last(&self) -> (AwsService, String, String, String, String, String) {
        let seen = self.seen.lock().unwrap();
        let (service, request) = seen.last().expect("a service was called");
        let header = |name| request.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let (method, uri) = (request.method().to_string(), request.uri().to_string());
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        (*service, method, uri, header("content-type"), header("x-amz-target"), body)
    }
}

async fn serve(services: &Arc<Services>, api: ApiDefinition) -> Server {
    let access = Access { services: Some(Arc::clone(services) as Arc<dyn CallService>), ..Access::default() };
    let options = GatewayOptions::default();
    Server::with_all(echoing(), vec![api], access, HubOptions::default(), Clock::System, options).await
}

fn integration(called: &str, changes: Value) -> Value {
    let mut integration = json!({"integrationType": "AWS", "integrationMethod": "POST",
        "integrationUri": format!("arn:aws:apigateway:eu-west-1:{called}"), "credentialsArn": "arn:aws:iam::1:role/r"});
    integration.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    integration
}

async fn say(client: &mut Client, text: &str) {
    client.send(&json!({"action": "x", "text": text}).to_string()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_stands_for_a_request_of_the_service() {
    let put = r#"{"TableName":"T","Item":{"id":{"S":"$context.connectionId"},"text":{"S":$input.json('$.text')}}}"#;
    let form = json!({
        "requestTemplates": {"$default": "Action=SendMessage&MessageBody=$util.urlEncode($input.path('$.text'))"},
        "requestParameters": {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}
    });
    let (amz_json, url_encoded) = ("application/x-amz-json-1.0", "application/x-www-form-urlencoded");
    for (called, changes, (service, method, uri), content_type, target, body) in [
        (
            "dynamodb:action/PutItem",
            json!({"requestTemplates": {"$default": put}}),
            (AwsService::DynamoDb, "POST", "/"),
            amz_json,
            "DynamoDB_20120810.PutItem",
            r#"{"TableName":"T","Item":{"id":{"S":"{id}"},"text":{"S":"a b&c"}}}"#,
        ),
        (
            "sqs:path/000000000000/jobs",
            form.clone(),
            (AwsService::Sqs, "POST", "/000000000000/jobs"),
            url_encoded,
            "",
            "Action=SendMessage&MessageBody=a+b%26c",
        ),
        (
            "sqs:path/${stageVariables.account}/{queue}",
            json!({"requestTemplates": form["requestTemplates"], "requestParameters": {
                "integration.request.header.Content-Type": "'application/x-www-form-urlencoded'",
                "integration.request.path.queue": "route.request.body.action"}}),
            (AwsService::Sqs, "POST", "/111122223333/x"),
            url_encoded,
            "",
            "Action=SendMessage&MessageBody=a+b%26c",
        ),
        (
            "sns:action/Publish",
            json!({"integrationMethod": "GET", "requestTemplates": {"$default": ""}, "requestParameters": {
                "integration.request.querystring.Message": "route.request.body.text",
                "integration.request.querystring.TopicArn": "'arn:aws:sns:eu-west-1:1:news'"}}),
            (
                AwsService::Sns,
                "GET",
                "/?Action=Publish&Message=a%20b%26c&TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A1%3Anews",
            ),
            "application/json",
            "",
            "",
        ),
        (
            "dynamodb:path//",
            json!({"requestTemplates": {"$default": "{}"}, "requestParameters": {
                "integration.request.header.X-Amz-Target": "'DynamoDB_20120810.ListTables'",
                "integration.request.header.Content-Type": "'application/x-amz-json-1.0'"}}),
            (AwsService::DynamoDb, "POST", "/"),
            amz_json,
            "DynamoDB_20120810.ListTables",
            "{}",
        ),
    ] {
        let services = Services::answering(200, "{}");
        let mut api = silent(api_with(integration(called, changes)));
        api.stages[0].stage_variables.insert("account".to_owned(), "111122223333".to_owned());
        let server = serve(&services, api).await;
        let mut client = server.connect().await;
        say(&mut client, "a b&c").await;
        hears_nothing(&mut client).await;
        let id = server.seen(crate::fixture::CONNECT)[0]["requestContext"]["connectionId"].as_str().unwrap().to_owned();
        let text = |text: &str| text.to_owned();
        let expected = (service, text(method), text(uri), text(content_type), text(target), body.replace("{id}", &id));
        assert_eq!(services.last(), expected, "{called}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_chooses_the_response_and_its_template() {
    for (status, body, expected) in [
        (200, r#"{"MessageId":"m"}"#, r#"sent "m""#),
        (400, r#"{"__type":"ValidationException","message":"no"}"#, r#"refused: "no""#),
        (503, "", "later"),
    ] {
        let services = Services::answering(status, body);
        let server = serve(
            &services,
            api_with(integration(
                "dynamodb:action/PutItem",
                json!({"integrationResponses": [
                {"integrationResponseKey": "/4\\d\\d/", "responseTemplates": {"$default": "refused: $input.json('$.message')"}},
                {"integrationResponseKey": "/5\\d\\d/", "responseTemplates": {"$default": "later"}},
                {"integrationResponseKey": "$default", "responseTemplates": {"$default": "sent $input.json('$.MessageId')"}},
            ]}),
            )),
        )
        .await;
        let mut client = server.connect().await;
        say(&mut client, "hello").await;
        assert_eq!(client.receive().await, expected, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_decides_who_may_connect() {
    for (status, admitted) in [(200, true), (400, false), (501, false)] {
        let services = Services::answering(status, "{}");
        let put = r#"{"TableName":"T","Item":{"id":{"S":"$context.connectionId"}}}"#;
        let changes = json!({"requestTemplates": {"$default": put}});
        let api = api_connecting_with(integration("dynamodb:action/PutItem", changes));
        let server = serve(&services, api).await;
        let request = ClientRequestBuilder::new(server.url("/prod").parse().unwrap());
        match server.connect_to(request).await {
            Ok(_) => assert!(admitted, "{status}"),
            Err(tungstenite::Error::Http(refusal)) => {
                assert!(!admitted && refusal.status() == status, "{status}: {refusal:?}");
            }
            Err(other) => panic!("{other}"),
        }
        assert!(services.last().5.starts_with(r#"{"TableName":"T","Item":{"id":{"S":""#), "{:?}", services.last());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_services_the_client_is_told_of_an_error() {
    let api = api_with(integration("sqs:path/000000000000/jobs", json!({"integrationResponses": []})));
    let server = crate::integrations::serve(Functions::default(), api).await;
    let mut client = server.connect().await;
    say(&mut client, "hello").await;
    assert!(is_error(&client.receive().await, "Internal server error"));
}
