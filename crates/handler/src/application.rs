//! What an application asks its host to set up: tables, functions, routes, event source mappings.
//!
//! The same things a template says. An application linked into the server says them in Rust, so that there is no
//! template to find at run time.

use crate::Function;
use std::time::Duration;

/// One WebSocket API and everything behind it.
pub struct Application {
    /// The API's id and name, such as `live-metrics`.
    pub name: &'static str,
    pub stage: &'static str,
    /// `CreateTable` requests; a table that exists is left alone.
    pub tables: Vec<serde_json::Value>,
    /// `UpdateTimeToLive` requests, for tables above.
    pub time_to_live: Vec<serde_json::Value>,
    pub functions: Vec<ApplicationFunction>,
    pub routes: Vec<Route>,
    pub mappings: Vec<StreamMapping>,
}

pub struct ApplicationFunction {
    pub name: &'static str,
    pub function: Function,
    pub timeout: Duration,
    /// Invocations at the same time; one more is throttled.
    pub concurrency: usize,
}

/// A route key (`$connect`, `$disconnect`, `$default` or a value of the route selection expression) and its function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    pub route_key: &'static str,
    pub function: &'static str,
}

/// A table's stream and the function that gets its changes, from the moment the mapping is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamMapping {
    /// Names the checkpoint, so it must stay the same for ever.
    pub id: &'static str,
    pub table: &'static str,
    pub function: &'static str,
    pub batch_size: u32,
    pub batch_window: Duration,
    /// Retries after the first attempt; -1 is without end.
    pub maximum_retry_attempts: i32,
    pub bisect_batch_on_function_error: bool,
}
