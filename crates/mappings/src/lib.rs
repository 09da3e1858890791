//! Event source mappings: a table's stream or a queue in, invocations of a function out. Mappings of queues are in [`queue`]; the
//! rest of this page is about streams.
//!
//! Per mapping one thread reads the stream, collects a batch, invokes the function and waits for its end, writes down how
//! far it got, and goes on. It has a thread of its own because reading and writing down block, for so short that handing
//! them to another thread would cost more than they do; and a handler that computes holds up its own mapping only. Failed batches
//! are retried, halved or given up as the mapping says. Records arrive in the order of the stream and at least once: what was not
//! written down when the process ended is delivered again.
//!
//! **Boundary.** Sees the stream through `tables::StreamReader` and `tables::Checkpoints`, a queue as `queues::Queues`, the function through
//! `protocol::Invoke`, and the destination of what was given up through `protocol::Deliver`.
//!
//! **Invariant.** The checkpoint never passes a record that was neither handled nor given up.

mod backoff;
mod batch;
mod delivery;
mod mapping;
mod mappings;
mod notice;
mod poller;
pub mod queue;
mod report;
mod worker;

pub use backoff::RetryPace;
pub use mapping::{Mapping, MappingSettings, OnFailure, StartingPosition};
pub use mappings::{MappingChanges, Mappings, Ports, StartError};
