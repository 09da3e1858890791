//! The real server in a test: in this process on free ports, or as a child process; with a WebSocket client and an HTTP
//! client that send exactly what a test says.
//!
//! ```no_run
//! # async fn example() {
//! use serde_json::json;
//! use sluicegate_testkit::TestServer;
//!
//! let server = TestServer::start().await;
//! let mut dashboard = server.connect("/live-metrics/prod").await;
//! server.call("PutItem", json!({ "TableName": "iops-dashboard-metrics", "Item": { "entity_id": { "S": "cpu" } } })).await;
//! assert_eq!(dashboard.json().await["updates"][0]["eventType"], "INSERT");
//! server.stop().await;
//! # }
//! ```
//!
//! Everything here panics with a sentence when the server does not do what the test waits for: in tests that is the point.
//! Nothing waits longer than [`PATIENCE`].

mod http;
mod process;
mod server;
mod websocket;

pub use http::{HttpResponse, raw, request};
pub use process::ServerProcess;
pub use server::TestServer;
pub use websocket::{Received, WebSocket};

use std::time::Duration;

/// How long a test waits for something that should happen at once; long enough for a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for `what`, but not for ever.
pub(crate) async fn patiently<T>(what: &str, wait: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, wait).await {
        Ok(outcome) => outcome,
        Err(_) => panic!("waited {} s for {what}", PATIENCE.as_secs()),
    }
}
