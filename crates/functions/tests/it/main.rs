//! Functions of all hosts.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should fail where it stands")]

mod code;
mod destinations;
mod endpoint;
mod fixture;
mod http;
mod in_process;
mod interception;
mod lambda;
mod lifecycle;
mod node;
mod python;
mod replace;
