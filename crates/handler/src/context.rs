//! What a handler may know about its invocation, and what it may reach.

use crate::{MessageSender, TableClient};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The clients a host gives to a function: the connections of one stage, and the tables.
#[derive(Clone, Debug)]
pub struct Clients {
    pub connections: MessageSender,
    pub tables: TableClient,
}

/// One invocation, as the handler sees it. Cheap to clone, so that work a handler spawns can keep it.
#[derive(Clone, Debug)]
pub struct Context {
    request_id: Arc<str>,
    function_name: Arc<str>,
    deadline_ms: u64,
    clients: Clients,
}

impl Context {
    /// Built by the host. `deadline_ms` is milliseconds since the epoch, as in `Lambda-Runtime-Deadline-Ms`.
    pub fn new(
        request_id: impl Into<Arc<str>>,
        function_name: impl Into<Arc<str>>,
        deadline_ms: u64,
        clients: Clients,
    ) -> Self {
        Self { request_id: request_id.into(), function_name: function_name.into(), deadline_ms, clients }
    }

    /// A UUID, new for every attempt.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    pub fn function_name(&self) -> &str {
        &self.function_name
    }

    /// When the host ends the invocation: milliseconds since the epoch.
    pub fn deadline_ms(&self) -> u64 {
        self.deadline_ms
    }

    /// What is left until the deadline; zero once it has passed.
    pub fn remaining(&self) -> Duration {
        let deadline = UNIX_EPOCH + Duration::from_millis(self.deadline_ms);
        deadline.duration_since(SystemTime::now()).unwrap_or_default()
    }

    /// The connections of the stage this function belongs to.
    pub fn connections(&self) -> &MessageSender {
        &self.clients.connections
    }

    pub fn tables(&self) -> &TableClient {
        &self.clients.tables
    }
}
