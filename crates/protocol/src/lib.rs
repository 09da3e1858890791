//! The words everyone speaks: ids, event payloads we emit, AWS error names, close codes, limits, and the ports that join
//! crates which must not know each other.
//!
//! Nothing in this crate does I/O, spawns a task or reads a clock: time and randomness arrive as arguments.

pub mod close;
mod destination;
pub mod error;
pub mod event;
pub mod id;
pub mod json;
pub mod limits;
pub mod port;

pub use close::CloseReason;
pub use destination::{Destination, NotADestination};
pub use error::ApiError;
pub use id::{ConnectionId, RequestId};
pub use port::{
    AwsService, BoxFuture, Broadcast, CallService, CallTable, ConnectionDetails, Connections, Deliver, DeliverError,
    FunctionError, Invocation, Invoke, InvokeError, PostError, StageId,
};
