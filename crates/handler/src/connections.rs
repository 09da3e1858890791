//! Messages to connected clients.

use bytes::Bytes;
use serde::Serialize;
use sluicegate_protocol::{Broadcast, ConnectionDetails, ConnectionId, Connections, PostError, StageId};
use std::fmt;
use std::sync::Arc;

/// Sends to the connections of one stage.
///
/// Connection ids are opaque text here, as they are in events and in table rows. Text that cannot be an id names a
/// connection that is gone.
#[derive(Clone)]
pub struct MessageSender {
    connections: Arc<dyn Connections>,
    stage: StageId,
}

impl MessageSender {
    pub fn new(connections: Arc<dyn Connections>, stage: StageId) -> Self {
        Self { connections, stage }
    }

    pub fn stage(&self) -> &StageId {
        &self.stage
    }

    /// Hands a message of at most 128 KB to one connection. `Ok` means accepted, not received.
    pub async fn post(&self, connection_id: &str, message: impl Into<Bytes>) -> Result<(), PostError> {
        let connection = ConnectionId::parse(connection_id).ok_or(PostError::Gone)?;
        self.connections.post(&self.stage, connection, message.into()).await
    }

    /// [`post`](Self::post) of a message as JSON text.
    pub async fn post_json(&self, connection_id: &str, message: &impl Serialize) -> Result<(), PostError> {
        // A message that is not JSON (a map with keys that are not text) is the handler's mistake, found by its tests.
        let message = serde_json::to_vec(message).expect("a message type serialises to JSON");
        self.post(connection_id, message).await
    }

    /// `None` when the connection is gone.
    pub async fn get(&self, connection_id: &str) -> Option<ConnectionDetails> {
        self.connections.get(&self.stage, ConnectionId::parse(connection_id)?).await
    }

    /// Closes the connection. `false` when it was gone already.
    pub async fn delete(&self, connection_id: &str) -> bool {
        match ConnectionId::parse(connection_id) {
            Some(connection) => self.connections.delete(&self.stage, connection).await,
            None => false,
        }
    }

    /// Hands the messages, in order, to every connection of the stage. Each is encoded once, whatever their number.
    pub async fn broadcast(&self, messages: Vec<Bytes>) -> Result<Broadcast, PostError> {
        self.connections.broadcast(&self.stage, messages).await
    }
}

impl fmt::Debug for MessageSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageSender({})", self.stage)
    }
}
