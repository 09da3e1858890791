//! Live metrics: metric rows change, every connected dashboard shows it.
//!
//! ```text
//! browser ─socket→ $connect → connect      → row in the connections table
//!                  message  → default      → pong, or the present rows
//!                  close    → disconnect   → row removed
//! metrics table ─stream→ mapping → stream_processor → broadcast → browsers
//! ```
//!
//! **Boundary.** Ordinary handlers over `handler`: nothing here knows the server, and the server knows nothing of what
//! is here but [`application`].
//!
//! **Invariant.** A client problem (gone, slow, talking nonsense) never fails an invocation of the stream processor.

mod client_message;
mod connect;
mod connection_row;
mod disconnect;
mod outgoing;
mod packing;
mod snapshot;
mod stale_connections;
mod stream_processor;
mod tables;

pub use client_message::default;
pub use connect::connect;
pub use connection_row::CONNECTION_TTL;
pub use disconnect::disconnect;
pub use stale_connections::{ADMISSION_GRACE, STALE_SWEEP_INTERVAL};
pub use stream_processor::stream_processor;
pub use tables::{CONNECTED_AT_INDEX, CONNECTIONS_TABLE, METRICS_TABLE, tables, time_to_live};

use sluicegate_handler::application::{Application, ApplicationFunction, Route, StreamMapping};
use sluicegate_handler::{Function, function};
use std::time::Duration;

/// How long changes are collected before they are sent, unless the run says otherwise.
pub const DEFAULT_BATCH_WINDOW: Duration = Duration::from_secs(5);
/// Changes sent together at most.
const BATCH_SIZE: u32 = 100;
/// Attempts after the first one, before a batch is given up.
const MAXIMUM_RETRY_ATTEMPTS: i32 = 3;
/// Names the checkpoint in the data directory: changing it would start the stream anew.
const MAPPING_ID: &str = "5f0d3c5e-6a51-4a53-9b0a-1f6f0c7f2a11";

/// Connects arrive in storms, when a server comes back; each waits for one durable write.
const CONNECTION_CONCURRENCY: usize = 20_000;
/// The gateway waits 29 s for `$connect`; a row that takes this long is a table in trouble.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(20);
/// Pings come from every client; snapshots limit themselves.
const MESSAGE_CONCURRENCY: usize = 20_000;
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(20);
const STREAM_TIMEOUT: Duration = Duration::from_secs(300);

/// The API, its tables, functions, routes and mapping.
///
/// `batch_window` is how long changes are collected before they are sent; zero sends each at once.
pub fn application(batch_window: Duration) -> Application {
    Application {
        name: "live-metrics",
        stage: "prod",
        tables: tables(),
        time_to_live: time_to_live(),
        functions: vec![
            on_connection("live-metrics-connect", function(connect)),
            on_connection("live-metrics-disconnect", function(disconnect)),
            ApplicationFunction {
                name: "live-metrics-default",
                function: function(default),
                timeout: MESSAGE_TIMEOUT,
                concurrency: MESSAGE_CONCURRENCY,
            },
            ApplicationFunction {
                name: "live-metrics-stream-processor",
                function: stream_processor(),
                timeout: STREAM_TIMEOUT,
                concurrency: 1,
            },
        ],
        routes: vec![
            Route { route_key: "$connect", function: "live-metrics-connect" },
            Route { route_key: "$disconnect", function: "live-metrics-disconnect" },
            Route { route_key: "$default", function: "live-metrics-default" },
        ],
        mappings: vec![StreamMapping {
            id: MAPPING_ID,
            table: METRICS_TABLE,
            function: "live-metrics-stream-processor",
            batch_size: BATCH_SIZE,
            batch_window,
            maximum_retry_attempts: MAXIMUM_RETRY_ATTEMPTS,
            bisect_batch_on_function_error: true,
        }],
    }
}

fn on_connection(name: &'static str, function: Function) -> ApplicationFunction {
    ApplicationFunction { name, function, timeout: CONNECTION_TIMEOUT, concurrency: CONNECTION_CONCURRENCY }
}
