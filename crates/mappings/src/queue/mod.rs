//! Mappings of queues: messages in, invocations out.
//!
//! Per mapping one task receives messages and collects a batch; each batch is a task of its own, up to the mapping's
//! concurrency. What the function has handled is deleted. What it has not is left alone: it comes into sight again when the
//! queue's visibility timeout, and before it the mapping's batch window, is over, and goes to the queue's dead letters when
//! that has happened too often.
//!
//! **Invariant.** A message is deleted only after the function has handled it, or when the filter does not let it pass.

mod delivery;
mod event;
mod mappings;
mod outcome;
mod poller;
mod settings;

pub use mappings::{QueueMappings, StartError};
pub use settings::{DEFAULT_CONCURRENCY, QueueMapping, QueueMappingSettings};
