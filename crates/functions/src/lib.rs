//! The function runtime behind the `Invoke` port: local processes, Rust handlers in this process, and HTTP endpoints.
//!
//! An invocation takes a place of its function's concurrency or is throttled at once; comes to its end even when the caller
//! has gone; and ends by returning, failing, panicking, exiting or at its deadline.
//! Callers learn the failure as Lambda words it.
//!
//! **Boundary.** Implements `protocol::Invoke` over `handler::Function` and over processes. Payload and result are bytes here.
//!
//! **Invariant.** It never interprets a payload.

mod catch_panic;
mod event_options;
mod functions;
mod http_function;
mod invocation;
mod lambda_api;
mod options;
mod outcome;
pub mod process;

pub use event_options::{EventOptions, MAX_EVENT_AGE, MAX_RETRY_ATTEMPTS};
pub use functions::{FunctionChanges, Functions, FunctionsBuilder};
pub use http_function::{UrlError, http_function};
pub use lambda_api::{EventPace, LambdaApi, LambdaOptions, NotAccepted};
pub use options::{DEFAULT_CONCURRENCY, DEFAULT_TIMEOUT, FunctionOptions, MAX_TIMEOUT, RegisterError};
