//! Functions of both hosts.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should fail where it stands")]

mod fixture;
mod http;
mod in_process;
