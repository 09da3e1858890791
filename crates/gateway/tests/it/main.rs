//! The gateway over real sockets, with functions that record what they are sent.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access_logs;
mod authorization;
mod backend;
mod changes;
mod compression;
mod connections_api;
mod default_endpoint;
mod disconnects;
mod execution_logs;
mod fixture;
mod handshake;
mod http_integrations;
mod integrations;
mod limits;
mod messages;
mod metrics;
mod models;
mod protocol;
mod raw;
mod service_integrations;
mod signatures;
mod throttling;
mod tokens;
