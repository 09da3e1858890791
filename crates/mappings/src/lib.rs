//! Event source mappings: a table's stream in, invocations of a function out.
//!
//! Per mapping one task reads the stream, collects a batch, invokes the function and waits for its end, writes down how
//! far it got, and goes on. Failed batches are retried, halved or given up as the mapping says. Records arrive in the
//! order of the stream and at least once: what was not written down when the process ended is delivered again.
//!
//! **Boundary.** Sees the stream through `tables::StreamReader` and `tables::Checkpoints`, and the function through
//! `protocol::Invoke`.
//!
//! **Invariant.** The checkpoint never passes a record that was neither handled nor given up.

mod backoff;
mod batch;
mod delivery;
mod mapping;
mod mappings;
mod poller;

pub use backoff::RetryPace;
pub use mapping::{Mapping, MappingSettings, StartingPosition};
pub use mappings::{Mappings, StartError};
