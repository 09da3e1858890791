//! An echo server with everything a stage may relax, to be looked at with a browser or judged by a protocol test suite.
//!
//! `cargo run -p sluicegate-gateway --example echo -- 127.0.0.1:9001`, then connect to `ws://127.0.0.1:9001/echo`. The stage
//! `strict` beside it takes what API Gateway takes. Whatever comes goes back as it came, text as text and binary as binary.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sluicegate_gateway::{Arrived, Clock, Gateway, Hub, HubOptions, Parts, Tapped};
use sluicegate_protocol::{BoxFuture, ConnectionId, Connections, Invocation, Invoke, InvokeError, StageId};
use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use tokio::net::TcpListener;

const API: &str = "echo";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let (hub, threads) = Hub::new(HubOptions::default(), Clock::System)?;
    let definition = json!({
        "apiId": API,
        "routeSelectionExpression": "$request.body.action",
        "integrations": {"echo": {"integrationType": "AWS_PROXY", "integrationUri": "echo"}},
        "routes": [{"routeKey": "$default", "target": "integrations/echo"}],
        "stages": [
            {"stageName": "strict"},
            {
                "stageName": "echo",
                "sluicegate": {"frameBytes": 131_072, "binaryFrames": true, "permessageDeflate": true},
            },
        ],
    });
    let apis = vec![serde_json::from_value(definition)?];
    let gateway = Gateway::start(Parts::new(apis, Arc::new(Echo(hub.clone())), (hub, threads)))?;
    let listener = TcpListener::bind(&address).await?;
    println!("echoing on ws://{address}/echo and ws://{address}/strict");
    loop {
        let (socket, remote) = listener.accept().await?;
        let (gateway, local) = (gateway.clone(), socket.local_addr()?);
        let (socket, head) = Tapped::new(socket);
        let service = service_fn(move |request| {
            let (gateway, head) = (gateway.clone(), head.clone());
            async move {
                let arrived = Arrived { remote, local, head: &head };
                Ok::<_, Infallible>(gateway.respond(request, arrived).await)
            }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service).with_upgrades());
    }
}

/// The function: posts every message back to where it came from.
struct Echo(Hub);

impl Invoke for Echo {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
        Box::pin(async move {
            if let Some((stage, connection, message)) = read(&invocation.payload) {
                // Who left meanwhile misses its echo.
                let _ = self.0.post(&stage, connection, message).await;
            }
            Ok(Bytes::from_static(b"{}"))
        })
    }
}

fn read(event: &[u8]) -> Option<(StageId, ConnectionId, Bytes)> {
    let event: Value = serde_json::from_slice(event).ok()?;
    let body = event["body"].as_str()?;
    let message = if event["isBase64Encoded"] == true { STANDARD.decode(body).ok()? } else { body.into() };
    let context = &event["requestContext"];
    let stage = StageId::new(API, context["stage"].as_str()?);
    Some((stage, ConnectionId::parse(context["connectionId"].as_str()?)?, message.into()))
}
