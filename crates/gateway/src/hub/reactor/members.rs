//! The open connections of a stage, and what all of them have in common.

use crate::metrics::messages_to_clients;
use crate::websocket::{Compression, Wire};
use metrics::{Counter, Gauge, counter, gauge};
use sluicegate_protocol::StageId;

pub(super) struct Members {
    pub(super) wire: Wire,
    /// Places of connections that take messages as they are, and of those that negotiated compression: two lists, so that
    /// a broadcast asks nobody.
    pub(super) plain: Vec<u32>,
    pub(super) deflated: Vec<u32>,
    pub(super) connections: Gauge,
    pub(super) received: Counter,
    sent: Counter,
    /// The same, as API Gateway counts it.
    messages: Counter,
    pub(super) too_slow: Counter,
}

impl Members {
    pub(super) fn new(stage: &StageId, wire: Wire) -> Self {
        let labels = || [("api", stage.api.to_string()), ("stage", stage.stage.to_string())];
        Self {
            wire,
            plain: Vec::new(),
            deflated: Vec::new(),
            connections: gauge!("sluicegate_connections", &labels()),
            received: counter!("sluicegate_messages_received_total", &labels()),
            sent: counter!("sluicegate_messages_sent_total", &labels()),
            messages: messages_to_clients(stage),
            too_slow: counter!("sluicegate_slow_connections_closed_total", &labels()),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.plain.len() + self.deflated.len()
    }

    pub(super) fn count_sent(&self, messages: u64) {
        self.sent.increment(messages);
        self.messages.increment(messages);
    }

    pub(super) fn places(&mut self, compression: Compression) -> &mut Vec<u32> {
        match compression {
            Compression::None => &mut self.plain,
            Compression::Deflate => &mut self.deflated,
        }
    }
}
