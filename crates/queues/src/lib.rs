//! Queues and topics: the standard queues of SQS and the standard topics of SNS, in one file, behind their own wire
//! protocols.
//!
//! A request goes `surface` (HTTP, both protocols, signatures) → `sqs` or `sns` (operations, on JSON whichever protocol it was)
//! → `records`, `messages`, `topics` (SQL) on the one thread of `store`, which commits what came together together.
//!
//! **Boundary:** HTTP of SQS and SNS, and typed calls for event source mappings; functions are reached through
//! `protocol::Deliver`.
//! **Invariant:** a message is on disk before it is acknowledged, and stays until it is deleted, its retention is over or its
//! queue is gone.

mod attributes;
mod clock;
mod dialled;
pub mod limits;
mod messages;
mod names;
mod queues;
mod receipt;
mod records;
mod refusal;
mod request;
mod settings;
mod sns;
mod sqs;
mod store;
mod surface;
mod sweep;
mod waiting;

pub use attributes::MessageAttributes;
pub use clock::Clock;
pub use messages::{NewMessage, Received};
pub use queues::{OpenError, Options, QueueChange, QueueDescription, Queues, Receive};
pub use refusal::{Fault, Refusal};
pub use settings::{DeadLetters, QueueSettings};
pub use sns::SubscriptionSettings;
