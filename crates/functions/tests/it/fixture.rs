//! What handlers of these tests could reach, if they tried.

use bytes::Bytes;
use sluicegate_handler::{Clients, MessageSender, StageId, TableClient};
use sluicegate_protocol::{
    ApiError, BoxFuture, Broadcast, CallTable, ConnectionDetails, ConnectionId, Connections, PostError,
};
use std::sync::Arc;

/// No function of these tests reaches anything.
struct Nothing;

impl Connections for Nothing {
    fn post<'a>(&'a self, _: &'a StageId, _: ConnectionId, _: Bytes) -> BoxFuture<'a, Result<(), PostError>> {
        Box::pin(async { Err(PostError::Gone) })
    }
    fn get<'a>(&'a self, _: &'a StageId, _: ConnectionId) -> BoxFuture<'a, Option<ConnectionDetails>> {
        Box::pin(async { None })
    }
    fn delete<'a>(&'a self, _: &'a StageId, _: ConnectionId) -> BoxFuture<'a, bool> {
        Box::pin(async { false })
    }
    fn broadcast<'a>(&'a self, _: &'a StageId, _: Vec<Bytes>) -> BoxFuture<'a, Result<Broadcast, PostError>> {
        Box::pin(async { Ok(Broadcast::default()) })
    }
}

impl CallTable for Nothing {
    fn call(&self, _: &'static str, _: Bytes) -> BoxFuture<'_, Result<Bytes, ApiError>> {
        Box::pin(async { Err(ApiError::internal()) })
    }
}

pub fn clients() -> Clients {
    let connections = MessageSender::new(Arc::new(Nothing), StageId::new("api", "prod"));
    Clients { connections, tables: TableClient::new(Arc::new(Nothing)) }
}
