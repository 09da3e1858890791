//! An echo server with everything a stage may relax, to be looked at with a browser or judged by a protocol test suite.
//!
//! `cargo run -p sluicegate-gateway --example echo -- 127.0.0.1:9001`, then connect to `ws://127.0.0.1:9001/echo`. The stage
//! `strict` beside it takes what API Gateway takes. Whatever comes goes back as it came, text as text and binary as binary.

use bytes::Bytes;
use serde_json::{Value, json};
use sluicegate_gateway::{Clock, Gateway, Hub, HubOptions, Parts};
use sluicegate_protocol::{BoxFuture, Invocation, Invoke, InvokeError};
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
        "routes": [{
            "routeKey": "$default", "target": "integrations/echo",
            "routeResponseSelectionExpression": "$default", "routeResponses": [{"routeResponseKey": "$default"}],
        }],
        "stages": [
            {"stageName": "strict"},
            {
                "stageName": "echo",
                "sluicegate": {"frameBytes": 131_072, "binaryFrames": true, "permessageDeflate": true},
            },
        ],
    });
    let apis = vec![serde_json::from_value(definition)?];
    let gateway = Gateway::start(Parts::new(apis, Arc::new(Echo), (hub, threads)))?;
    let listener = TcpListener::bind(&address).await?;
    println!("echoing on ws://{address}/echo and ws://{address}/strict");
    loop {
        tokio::spawn(gateway.clone().serve(listener.accept().await?));
    }
}

/// The function: what it is sent is its answer.
struct Echo;

impl Invoke for Echo {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
        Box::pin(async move {
            let event: Value = serde_json::from_slice(&invocation.payload).unwrap_or_default();
            let result = json!({"body": event["body"], "isBase64Encoded": event["isBase64Encoded"]});
            Ok(result.to_string().into())
        })
    }
}
