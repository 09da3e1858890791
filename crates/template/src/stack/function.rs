//! Functions, their layers, and what calls them: event source mappings.

use crate::problem::Place;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Function {
    pub logical_id: String,
    pub place: Place,
    pub name: String,
    pub arn: String,
    pub description: Option<String>,
    /// `nodejs22.x`; a function cannot be run without.
    pub runtime: String,
    pub handler: String,
    pub code: Code,
    pub build: Option<Build>,
    pub environment: BTreeMap<String, String>,
    pub timeout_seconds: u32,
    pub memory_mb: u32,
    /// `/tmp`
    pub ephemeral_storage_mb: u32,
    pub reserved_concurrency: Option<u32>,
    /// ARNs; those of this stack are found in [`Stack::layers`](super::Stack::layers) by theirs.
    pub layers: Vec<String>,
    /// `x86_64` or `arm64`
    pub architecture: String,
    pub aliases: Vec<Alias>,
    pub asynchronous: AsyncInvocation,
    /// `Text` or `JSON`
    pub log_format: Option<String>,
    pub log_level: Option<String>,
    #[serde(skip)]
    pub places: FunctionPlaces,
}

/// Where a function's properties are written that have to do with its code; where one is not, the function's own place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FunctionPlaces {
    pub code: Place,
    pub handler: Place,
    pub runtime: Place,
    pub layers: Place,
}

/// Where a function's code is. Paths begin where the template's does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Code {
    Folder(PathBuf),
    Zip(PathBuf),
    /// A single file: the folder it is in is not code.
    File(PathBuf),
    /// `ZipFile` or `InlineCode`: the text of `index.js` or `index.py`.
    Inline(String),
}

/// How code becomes what runs, by the template's `Metadata`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Build {
    /// `esbuild`, `makefile`, `rust-cargolambda`, `go1.x`, …
    pub method: String,
    /// As they are written.
    pub properties: serde_json::Value,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alias {
    pub logical_id: String,
    pub name: String,
    pub version: String,
}

/// What becomes of events that nobody waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AsyncInvocation {
    pub maximum_retry_attempts: Option<u32>,
    pub maximum_event_age_seconds: Option<u32>,
    /// ARNs.
    pub on_success: Option<String>,
    pub on_failure: Option<String>,
    pub dead_letter: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Layer {
    pub logical_id: String,
    pub place: Place,
    pub name: String,
    pub arn: String,
    pub content: Code,
    pub build: Option<Build>,
    pub compatible_runtimes: Vec<String>,
}

/// An event source mapping as it is written; the reader of the stream knows the defaults and ranges.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventSourceMapping {
    pub logical_id: String,
    pub place: Place,
    /// A UUID, always the same for the same resource.
    pub id: String,
    pub source: EventSource,
    /// The function's name.
    pub function: String,
    /// Version or alias, if it names one.
    pub qualifier: Option<String>,
    pub enabled: bool,
    pub starting_position: Option<StartingPosition>,
    pub batch_size: Option<i64>,
    pub maximum_batching_window_in_seconds: Option<i64>,
    pub maximum_retry_attempts: Option<i64>,
    pub maximum_record_age_in_seconds: Option<i64>,
    pub bisect_batch_on_function_error: Option<bool>,
    pub parallelization_factor: Option<i64>,
    pub tumbling_window_in_seconds: Option<i64>,
    /// At most `ReportBatchItemFailures`.
    pub function_response_types: Vec<String>,
    /// An ARN.
    pub on_failure: Option<String>,
    /// Patterns, each JSON text.
    pub filters: Vec<String>,
    /// For queues.
    pub maximum_concurrency: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EventSource {
    /// A table, by name.
    TableStream(String),
    /// A queue, by name.
    Queue(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StartingPosition {
    TrimHorizon,
    Latest,
}
