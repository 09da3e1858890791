//! The contender: the gateway as the server runs it, with functions that answer at once and store nothing.

use crate::Failure;
use crate::command_line::HubServer;
use crate::payload;
use crate::server_process::Order;
use crate::signing;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sluicegate_endpoint::{Credential, Credentials, Policy, Secret};
use sluicegate_gateway::api::{
    ApiDefinition, IntegrationDefinition, RouteDefinition, RouteResponseDefinition, StageDefinition,
};
use sluicegate_gateway::{Clock, Gateway, Hub, HubOptions, Parts};
use sluicegate_protocol::{BoxFuture, Connections, Invocation, Invoke, InvokeError, StageId};
use std::borrow::Cow;
use std::io::BufRead;
use std::sync::Arc;
use tokio::net::TcpListener;

const API: &str = "bench";
const STAGE: &str = "prod";
const AGREEABLE: &str = "agreeable";
/// Routes and the functions behind them.
const ECHO: &str = "echo";
const WHO_AM_I: &str = "who-am-i";

/// Serves until standard input ends.
pub fn run(options: HubServer) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new()?;
    let hub = runtime.block_on(start(options))?;
    let stage = StageId::new(API, STAGE);
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let order = Order::parse(&line).ok_or_else(|| format!("no order: {line}"))?;
        let messages =
            order.sequences().map(|sequence| Bytes::from(payload::message_of(sequence, order.bytes))).collect();
        let sent = runtime.block_on(hub.broadcast(&stage, messages))?;
        println!("sent {}", sent.accepted);
    }
    Ok(())
}

async fn start(server: HubServer) -> Result<Hub, Failure> {
    let mut options = HubOptions::default();
    options.outbound_queue_bytes = server.outbound_queue_bytes.unwrap_or(options.outbound_queue_bytes);
    let (hub, threads) = Hub::new(options, Clock::System)?;
    let mut parts = Parts::new(vec![api()], Arc::new(Functions), (hub.clone(), threads));
    if server.credentials {
        parts.credentials = Credentials::new([credential(&parts.account.account_id)?]);
    }
    let gateway = Gateway::start(parts)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening {}", listener.local_addr()?);
    tokio::spawn(accept(listener, gateway));
    Ok(hub)
}

/// Who signs the requests of the bench.
fn credential(account: &str) -> Result<Credential, Failure> {
    const MAY_POST: &str =
        r#"{"Statement": {"Effect": "Allow", "Action": "execute-api:ManageConnections", "Resource": "*"}}"#;
    Ok(Credential {
        access_key_id: signing::ACCESS_KEY_ID.to_owned(),
        secret: Secret::new(signing::SECRET),
        account_id: account.into(),
        user_name: "bench".to_owned(),
        policies: vec![Policy::parse(MAY_POST)?],
    })
}

fn api() -> ApiDefinition {
    let integration = |function: &str| IntegrationDefinition {
        integration_type: "AWS_PROXY".to_owned(),
        integration_uri: Some(function.to_owned()),
        ..IntegrationDefinition::default()
    };
    let route = |key: &str, function: &str| RouteDefinition {
        route_key: key.to_owned(),
        target: Some(format!("integrations/{function}")),
        ..RouteDefinition::default()
    };
    let answering = |key: &str| RouteDefinition {
        route_response_selection_expression: Some("$default".to_owned()),
        route_responses: vec![RouteResponseDefinition {
            route_response_key: "$default".to_owned(),
            ..RouteResponseDefinition::default()
        }],
        ..route(key, key)
    };
    let mut routes: Vec<_> = ["$connect", "$disconnect", "$default"].map(|key| route(key, AGREEABLE)).into();
    routes.extend([ECHO, WHO_AM_I].map(answering));
    ApiDefinition {
        api_id: API.to_owned(),
        route_selection_expression: "$request.body.action".to_owned(),
        integrations: [AGREEABLE, ECHO, WHO_AM_I].map(|name| (name.to_owned(), integration(name))).into(),
        routes,
        stages: vec![StageDefinition { stage_name: STAGE.to_owned(), ..StageDefinition::default() }],
        ..ApiDefinition::default()
    }
}

/// What of an event the function behind `echo` looks at.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    body: Cow<'a, str>,
}

/// And the one behind `who-am-i`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sender {
    request_context: RequestContext,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    connection_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    status_code: u16,
    body: &'a str,
}

/// The functions by name: one answers every event with 200 alone, one with the event's body, one with who sent it.
struct Functions;

impl Invoke for Functions {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
        Box::pin(async move {
            match &*invocation.function {
                AGREEABLE => Ok(Bytes::from_static(br#"{"statusCode":200}"#)),
                ECHO => answer(&read::<Message<'_>>(&invocation.payload)?.body),
                WHO_AM_I => answer(&read::<Sender>(&invocation.payload)?.request_context.connection_id),
                _ => Err(InvokeError::NotFound),
            }
        })
    }
}

fn read<'a, T: Deserialize<'a>>(event: &'a [u8]) -> Result<T, InvokeError> {
    serde_json::from_slice(event).map_err(|_| InvokeError::NotFound)
}

fn answer(body: &str) -> Result<Bytes, InvokeError> {
    let answer = serde_json::to_vec(&Answer { status_code: 200, body });
    answer.map(Bytes::from).map_err(|_| InvokeError::NotFound)
}

async fn accept(listener: TcpListener, gateway: Gateway) {
    loop {
        // A client that left before it was accepted is no reason to stop.
        let Ok((socket, remote)) = listener.accept().await else { continue };
        // As the server has it: small writes leave at once.
        if socket.set_nodelay(true).is_ok() {
            tokio::spawn(gateway.clone().serve((socket, remote)));
        }
    }
}
