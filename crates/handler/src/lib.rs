//! What a Rust handler is written against: the event it gets, the context it works in, the answer it gives.
//!
//! ```
//! use sluicegate_handler::{Context, Error, Response, WebSocketEvent, function};
//!
//! async fn greet(event: WebSocketEvent, context: Context) -> Result<Response, Error> {
//!     context.connections().post(event.connection_id(), "hello").await?;
//!     Ok(Response::ok())
//! }
//!
//! let greet = function(greet);
//! # drop(greet);
//! ```
//!
//! A handler has one shape, `async fn(Event, Context) -> Result<Answer, Error>`, whatever its event and answer are;
//! [`function`] turns it into the bytes-to-bytes [`Function`] that a host runs.
//!
//! **Boundary.** Depends on `protocol` only. Connections and tables arrive behind its ports, in [`Clients`]; which
//! process implements them, and whether the handler runs in the server or elsewhere, cannot be seen from here.
//!
//! **Invariant.** It never knows which host it runs in: no sockets, no files, no configuration.

pub mod application;
mod connections;
mod context;
mod error;
pub mod event;
mod function;
mod response;
pub mod table;

pub use application::Application;
pub use connections::MessageSender;
pub use context::{Clients, Context};
pub use error::Error;
pub use event::{EventName, StreamEvent, StreamRecord, WebSocketEvent};
pub use function::{Function, function};
pub use response::Response;
pub use sluicegate_protocol::{Broadcast, ConnectionDetails, PostError, StageId, limits};
pub use table::{AttributeValue, Item, TableClient, TableError};
