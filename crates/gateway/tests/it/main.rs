//! The gateway over real sockets, with functions that record what they are sent.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod authorization;
mod connections_api;
mod disconnects;
mod fixture;
mod handshake;
mod limits;
mod messages;
mod signatures;
mod tokens;
