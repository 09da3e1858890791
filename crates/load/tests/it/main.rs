//! The load generator against servers that do as they should, and against those that do not.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod hostile;
mod requests;
mod room;
mod scenarios;
mod secure;
mod server;
