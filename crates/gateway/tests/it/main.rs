//! The gateway over real sockets, with functions that record what they are sent.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod backend;
mod connections_api;
mod disconnects;
mod fixture;
mod handshake;
mod http_integrations;
mod integrations;
mod limits;
mod messages;
mod models;
