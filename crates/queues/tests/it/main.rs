//! Queues and topics through their HTTP surface, on a clock of the test's own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod durability;
mod fixture;
mod query;
mod queues;
mod rights;
mod signatures;
mod topics;
mod visibility;
