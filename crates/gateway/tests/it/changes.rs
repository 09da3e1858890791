//! APIs that change while they are served.

use crate::fixture::{CONNECT, DEFAULT, DISCONNECT, ECHO, Functions, Reply, Server, api};
use serde_json::json;
use sluicegate_gateway::api::ApiDefinition;
use sluicegate_gateway::{Clock, HubOptions};
use std::sync::Arc;
use tokio::sync::Notify;

/// The API with another route, whose messages go where those of `echo` go.
fn with_another_route(stage: &serde_json::Value) -> ApiDefinition {
    let mut changed = api();
    let mut another = changed.routes.iter().find(|route| route.route_key == "echo").unwrap().clone();
    another.route_key = "another".to_owned();
    changed.routes.push(another);
    changed.stages = vec![serde_json::from_value(stage.clone()).unwrap()];
    changed
}

async fn server(stage: &serde_json::Value) -> Server {
    let functions = Functions::default().on(ECHO, |_| Reply::Json(json!({"body": "answered"})));
    let mut definition = api();
    definition.stages = vec![serde_json::from_value(stage.clone()).unwrap()];
    Server::with(functions, vec![definition], HubOptions::default(), Clock::System).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_that_deploys_by_itself_follows_at_once() {
    let stage = json!({"stageName": "prod", "autoDeploy": true});
    let server = server(&stage).await;
    let mut client = server.connect().await;
    client.send(r#"{"action":"another"}"#).await;
    server.events(DEFAULT, 1).await;

    server.gateway.put_api(&with_another_route(&stage)).unwrap();

    client.send(r#"{"action":"another"}"#).await;
    assert_eq!(client.receive().await, "answered");
    assert_eq!(server.seen(DEFAULT).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_stages_follow_when_they_are_given_another_deployment() {
    let server = server(&json!({"stageName": "prod", "deploymentId": "one"})).await;
    let mut client = server.connect().await;

    server.gateway.put_api(&with_another_route(&json!({"stageName": "prod", "deploymentId": "one"}))).unwrap();
    client.send(r#"{"action":"another"}"#).await;
    server.events(DEFAULT, 1).await;

    server.gateway.put_api(&with_another_route(&json!({"stageName": "prod", "deploymentId": "two"}))).unwrap();
    client.send(r#"{"action":"another"}"#).await;
    assert_eq!(client.receive().await, "answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_cannot_be_served_changes_nothing() {
    let stage = json!({"stageName": "prod", "autoDeploy": true});
    let server = server(&stage).await;
    let mut broken = with_another_route(&stage);
    broken.routes[0].target = Some("integrations/nowhere".to_owned());
    let problems = server.gateway.put_api(&broken).unwrap_err().to_string();
    assert!(problems.contains("names no integration"), "{problems}");
    let mut client = server.connect().await;
    client.send(r#"{"action":"echo"}"#).await;
    assert_eq!(client.receive().await, "answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_stage_closes_its_connections_and_may_come_back() {
    let stage = json!({"stageName": "prod", "autoDeploy": true});
    let server = server(&stage).await;
    let mut client = server.connect().await;

    server.gateway.remove_api("chat");

    assert_eq!(client.closed().await, Some((1001, "Going away".to_owned())));
    server.events(DISCONNECT, 1).await;
    assert_eq!(server.refusal("/prod").await.0, 403);

    server.gateway.put_api(&with_another_route(&stage)).unwrap();
    let mut client = server.connect().await;
    client.send(r#"{"action":"another"}"#).await;
    assert_eq!(client.receive().await, "answered");
    assert_eq!(server.broadcast(&["to all"]).await.accepted, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_api_is_removed_during_its_connect_is_refused() {
    let gate = Arc::new(Notify::new());
    let handler_gate = gate.clone();
    let functions =
        Functions::default().on(CONNECT, move |_| Reply::After(handler_gate.clone(), json!({"statusCode": 200})));
    let server = Arc::new(Server::start(functions).await);
    let attempt = tokio::spawn({
        let server = server.clone();
        async move { server.refusal("/prod").await.0 }
    });
    let connect = server.events(CONNECT, 1).await.remove(0);

    server.gateway.remove_api("chat");
    gate.notify_one();

    assert_eq!(attempt.await.unwrap(), 403);
    let disconnect = server.events(DISCONNECT, 1).await.remove(0);
    assert_eq!(disconnect["requestContext"]["connectionId"], connect["requestContext"]["connectionId"]);
}
