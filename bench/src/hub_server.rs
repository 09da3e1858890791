//! The contender: the gateway as the server runs it, with a function that answers 200 at once and stores nothing.

use crate::Failure;
use crate::payload;
use crate::server_process::Order;
use bytes::Bytes;
use sluicegate_gateway::api::{ApiDefinition, IntegrationDefinition, RouteDefinition, StageDefinition};
use sluicegate_gateway::{Clock, Gateway, Hub, HubOptions, Parts};
use sluicegate_protocol::{BoxFuture, Connections, Invocation, Invoke, InvokeError, StageId};
use std::io::BufRead;
use std::sync::Arc;
use tokio::net::TcpListener;

const API: &str = "bench";
const STAGE: &str = "prod";

/// Serves until standard input ends.
pub fn run() -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new()?;
    let hub = runtime.block_on(start())?;
    let stage = StageId::new(API, STAGE);
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let order = Order::parse(&line).ok_or_else(|| format!("no order: {line}"))?;
        let messages = order.sequences().map(|sequence| Bytes::from(payload::message(sequence))).collect();
        let sent = runtime.block_on(hub.broadcast(&stage, messages))?;
        println!("sent {}", sent.accepted);
    }
    Ok(())
}

async fn start() -> Result<Hub, Failure> {
    let (hub, threads) = Hub::new(HubOptions::default(), Clock::System)?;
    let gateway = Gateway::start(Parts::new(vec![api()], Arc::new(Agreeable), (hub.clone(), threads)))?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening {}", listener.local_addr()?);
    tokio::spawn(accept(listener, gateway));
    Ok(hub)
}

fn api() -> ApiDefinition {
    const FUNCTION: &str = "agreeable";
    let integration = IntegrationDefinition {
        integration_type: "AWS_PROXY".to_owned(),
        integration_uri: Some(FUNCTION.to_owned()),
        ..IntegrationDefinition::default()
    };
    let route = |key: &str| RouteDefinition {
        route_key: key.to_owned(),
        target: Some(format!("integrations/{FUNCTION}")),
        ..RouteDefinition::default()
    };
    ApiDefinition {
        api_id: API.to_owned(),
        route_selection_expression: "$request.body.action".to_owned(),
        integrations: [(FUNCTION.to_owned(), integration)].into(),
        routes: ["$connect", "$disconnect", "$default"].map(route).into(),
        stages: vec![StageDefinition { stage_name: STAGE.to_owned(), ..StageDefinition::default() }],
        ..ApiDefinition::default()
    }
}

/// Answers every event with 200.
struct Agreeable;

impl Invoke for Agreeable {
    fn invoke(&self, _: Invocation) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
        Box::pin(async { Ok(Bytes::from_static(br#"{"statusCode":200}"#)) })
    }
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
