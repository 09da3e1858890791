//! The table of linked applications: the only place where the server knows one by name.

use sluicegate_handler::Application;
use std::time::Duration;

/// A bundled application and how to build it.
#[derive(Debug)]
pub struct App {
    pub name: &'static str,
    /// Says what to set up, with this batch window in its mappings.
    pub application: fn(Duration) -> Application,
    /// The table into which the collector writes this machine's metrics, if this application shows them.
    pub metrics_table: Option<&'static str>,
}

pub const LINKED: &[App] = &[App {
    name: "live-metrics",
    application: sluicegate_live_metrics::application,
    metrics_table: Some(sluicegate_live_metrics::METRICS_TABLE),
}];

pub fn find(name: &str) -> Option<&'static App> {
    LINKED.iter().find(|app| app.name == name)
}
