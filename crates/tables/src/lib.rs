//! Tables and their change streams: the DynamoDB and DynamoDB Streams endpoints over an engine, and the stream reader.
//!
//! A request goes `surface` (HTTP, shapes) → `core` (order of checks, wake-up) → `engine` for tables and items, or `stream`
//! for the Streams API, which is our own from end to end.
//!
//! **Boundary:** JSON of the DynamoDB API in and out; what lies behind the engine's seam stays there.
//! **Invariant:** never acknowledges a write whose stream record could be lost: both are one transaction, and on disk,
//! before the call returns.

mod arns;
mod background;
mod checkpoints;
mod clock;
mod core;
mod definitions;
mod engine;
mod ensure;
#[cfg(feature = "hot-paths")]
#[doc(hidden)]
pub mod hot_paths;
mod open;
mod refusal;
mod retention;
mod stream;
mod surface;
mod wake;

pub use checkpoints::{CheckpointError, Checkpoints};
pub use clock::Clock;
pub use engine::schema::SchemaError;
pub use ensure::TableChange;
pub use open::{OpenError, Options};
pub use stream::position::{Position, SequenceNumber};
pub use stream::reader::StreamReader;
pub use stream::record::{StreamRecord, UserIdentity, ViewType};
pub use stream::store::{Batch, Remainder, StreamError};

use crate::core::Core;
use bytes::Bytes;
use open::Running;
use sluicegate_endpoint::Response;
use sluicegate_protocol::{ApiError, BoxFuture, CallTable};
use std::sync::Arc;
use surface::operation::Operation;

/// All tables of a data directory. Clones are handles to the same tables.
#[derive(Clone)]
pub struct Tables {
    core: Arc<Core>,
    checkpoints: Checkpoints,
    running: Arc<Running>,
}

impl Tables {
    /// Opens the tables below `options.data_dir`, and makes them if they are not there. Needs a Tokio runtime.
    pub async fn open(options: Options) -> Result<Self, OpenError> {
        open::open(options).await
    }

    fn new(core: Arc<Core>, checkpoints: Checkpoints, running: Running) -> Self {
        Self { core, checkpoints, running: Arc::new(running) }
    }

    /// Answers a request of the DynamoDB or the DynamoDB Streams API.
    pub async fn respond<B>(&self, request: http::Request<B>) -> Response
    where
        B: hyper::body::Body<Data = Bytes>,
    {
        surface::respond(&self.core, request).await
    }

    /// Answers a request of this process to the DynamoDB API. It is trusted: neither signature nor permission is asked for.
    pub async fn answer(&self, request: http::Request<Bytes>) -> http::Response<Bytes> {
        surface::answer_trusted(&self.core, request).await
    }

    /// A reader of the stream that `table` has now.
    pub fn stream(&self, table: &str) -> Result<StreamReader, ApiError> {
        // Before the look-up, so that no write between the two goes unnoticed.
        let writes = self.core.wake().subscribe(table);
        let stream = self.core.store().latest(table).map_err(stream::operations::refusal)?;
        let stream = stream.filter(|stream| stream.is_enabled()).ok_or_else(|| {
            ApiError::not_found(format!("Requested resource not found: Table: {table} has no enabled stream"))
        })?;
        let (store, threads) = (Arc::clone(self.core.store()), Arc::clone(self.core.stream_threads()));
        Ok(StreamReader::new(stream, store, threads, writes))
    }

    /// Where event source mappings keep their place.
    pub fn checkpoints(&self) -> Checkpoints {
        self.checkpoints.clone()
    }

    /// Lets running calls finish and stops everything. Calls through other handles are refused from now on.
    pub async fn close(self) {
        self.running.close().await;
    }
}

impl CallTable for Tables {
    fn call(&self, operation: &'static str, request: Bytes) -> BoxFuture<'_, Result<Bytes, ApiError>> {
        Box::pin(async move {
            let operation = Operation::parse(operation).ok_or_else(refusal::Refusal::unknown_operation)?;
            Ok(self.core.call(operation, request).await?)
        })
    }
}
