//! The table of linked applications: the only place where the server knows one by name.

use sluicegate_handler::Application;
use std::time::Duration;

/// A bundled application and how to build it.
#[derive(Debug)]
pub struct App {
    pub name: &'static str,
    /// Says what to set up, with this batch window in its mappings.
    pub application: fn(Duration) -> Application,
    /// What the collector and the curious can write to see this application move.
    pub input: Option<Input>,
}

/// The table that an application shows.
#[derive(Clone, Copy, Debug)]
pub struct Input {
    /// The table into which the collector writes this machine's metrics.
    pub table: &'static str,
    /// An item to begin with, as `aws dynamodb put-item` takes it.
    pub sample_item: &'static str,
}

pub const LINKED: &[App] = &[App {
    name: "live-metrics",
    application: sluicegate_live_metrics::application,
    input: Some(Input {
        table: sluicegate_live_metrics::METRICS_TABLE,
        sample_item: r#"{"entity_id": {"S": "hello"}, "metric_value": {"N": "42"}, "unit": {"S": "percent"}}"#,
    }),
}];

pub fn find(name: &str) -> Option<&'static App> {
    LINKED.iter().find(|app| app.name == name)
}
