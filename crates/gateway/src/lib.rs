//! WebSocket APIs: sockets, hub, stages, routes, integrations and the `@connections` API.
//!
//! ```text
//! upgrade → connect → $connect ─→ hub ─→ frames in → dispatch → route → integration → Invoke
//!                                  ↑ ↓                                      │
//! @connections → management ───────┘ └→ frames out      route response ←────┘
//! ```
//!
//! Every exchange leaves a `report`, from which metrics and access logs are made, and tells its steps to an `execution_log`
//! where there is one; `traffic` holds a stage's throttles, series and logs.
//!
//! **Boundary:** HTTP requests and sockets on one side, the [`Invoke`](sluicegate_protocol::Invoke) port on the other.
//! **Invariant:** knows of functions nothing but their names and of tables nothing at all. Every client that was admitted
//! by `$connect` is reported to `$disconnect` exactly once.

mod access_log;
mod account;
mod address;
pub mod api;
mod authorizer;
mod body_path;
mod clock;
mod connect;
mod dispatch;
mod domain;
mod event;
mod exchange;
mod execution_log;
mod gateway;
#[cfg(feature = "hot-paths")]
#[doc(hidden)]
pub mod hot_paths;
mod http_connection;
mod hub;
mod integration;
mod log_file;
mod management;
mod metrics;
mod model;
mod pace;
mod peer;
mod proxy_result;
mod reply;
mod report;
mod selection_expression;
mod stage;
mod tap;
mod throttle;
mod traffic;
mod user_agents;
pub mod websocket;

pub use account::Account;
pub use clock::Clock;
pub use gateway::{Gateway, GatewayOptions, NoServices, Parts, StartError};
pub use http_connection::{Caller, ConnectionError, serve_connection};
pub use hub::{Hub, HubOptions, HubThreads};
pub use log_file::LogFileError;
pub use throttle::{AccountLimits, Rate};
pub use websocket::FrameLimits;
