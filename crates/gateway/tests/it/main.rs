//! The gateway over real sockets, with functions that record what they are sent.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod compression;
mod connections_api;
mod disconnects;
mod fixture;
mod handshake;
mod limits;
mod messages;
mod protocol;
mod raw;
