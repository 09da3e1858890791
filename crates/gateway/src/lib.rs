//! WebSocket APIs: sockets, hub, stages, routes, integrations and the `@connections` API.
//!
//! ```text
//! upgrade → connect → $connect ─→ hub ─→ frames in → dispatch → route → integration → Invoke
//!                                  ↑ ↓                                      │
//! @connections → management ───────┘ └→ frames out      route response ←────┘
//! ```
//!
//! **Boundary:** HTTP requests and sockets on one side, the [`Invoke`](sluicegate_protocol::Invoke) port on the other.
//! **Invariant:** knows of functions nothing but their names and of tables nothing at all. Every client that was admitted
//! by `$connect` is reported to `$disconnect` exactly once.

mod address;
pub mod api;
mod authorizer;
mod body_path;
mod clock;
mod connect;
mod dispatch;
mod event;
mod exchange;
mod gateway;
mod head;
mod hub;
mod integration;
mod management;
mod model;
mod peer;
mod proxy_result;
mod reply;
mod selection_expression;
mod stage;
mod throttle;
mod user_agents;
mod websocket;

pub use clock::Clock;
pub use gateway::{Arrived, Gateway, Parts, StartError};
pub use head::{Head, Tapped};
pub use hub::{Hub, HubOptions, HubThreads};
pub use websocket::FrameLimits;
