//! The Lambda Runtime API of one process: a small HTTP server of its own, on a loopback port that only this process is told.
//!
//! A port for each process, because `AWS_LAMBDA_RUNTIME_API` has no room for a path or a secret, and because then a process
//! that is late, confused or malicious can take and answer its own invocations only. Web pages cannot ask: requests with
//! another `Host`, or with an `Origin`, are refused.

mod exchange;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod http;

pub(crate) use exchange::{Answer, Exchange, Readiness, Request, Work};
pub(crate) use http::{address, listen, serve};
