//! Event source mappings of a template: those that can run, and why others cannot.

use sluicegate_mappings::{Mapping, MappingSettings, OnFailure, StartingPosition};
use sluicegate_pattern::{Filter, FilterError};
use sluicegate_protocol::Destination;
use sluicegate_template::{self as template, EventSource, EventSourceMapping, Problem, Stack};
use std::time::Duration;

/// All mappings of all stacks. One that asks for what is not there becomes a problem: to leave that out would call functions
/// with events they are not meant for, or lose some.
pub(super) fn asked(stacks: &[Stack], problems: &mut Vec<Problem>) -> Vec<Mapping> {
    let mut mappings = Vec::new();
    // A mapping that is off does no harm, whatever it asks for.
    for written in stacks.iter().flat_map(|stack| &stack.mappings).filter(|written| written.enabled) {
        let mut refuse = |message: String, remedy: &str| {
            problems.push(Problem { place: written.place.clone(), message, remedy: remedy.to_owned() });
        };
        let table = match &written.source {
            EventSource::TableStream(table) => table,
            EventSource::Queue(_) => continue,
        };
        for property in missing(written) {
            refuse(
                format!("{property} of event source mappings is not served yet"),
                "remove it, or set Enabled: false",
            );
        }
        let filter = match filter(written) {
            Ok(filter) => filter,
            Err(error) => {
                refuse(error.to_string(), r#"write patterns such as {"eventName": ["INSERT"]}"#);
                continue;
            }
        };
        let on_failure = match on_failure(written, stacks) {
            Ok(on_failure) => on_failure,
            Err(message) => {
                refuse(message, "name a standard queue or topic of this template, or remove it");
                continue;
            }
        };
        match Mapping::try_from(MappingSettings { filter, on_failure, ..settings(written, table) }) {
            Ok(mapping) => mappings.push(mapping),
            Err(error) => refuse(error.to_string(), "choose a value within these limits"),
        }
    }
    mappings
}

/// The properties that change what a function gets to see, and that nothing here obeys.
fn missing(written: &EventSourceMapping) -> impl Iterator<Item = &'static str> {
    let windows = written.tumbling_window_in_seconds.is_some_and(|seconds| seconds > 0);
    windows.then_some("TumblingWindowInSeconds").into_iter()
}

/// The error says what is wrong with it.
fn on_failure(written: &EventSourceMapping, stacks: &[Stack]) -> Result<Option<OnFailure>, String> {
    let Some(arn) = &written.on_failure else { return Ok(None) };
    let destination = Destination::parse(arn).map_err(|error| format!("the destination `{arn}`: {error}"))?;
    let function = stacks.iter().find_map(|stack| stack.function(&written.function));
    let function_arn = function.map_or_else(|| written.function.clone(), |function| function.arn.clone());
    Ok(Some(OnFailure { destination, function_arn }))
}

/// Without patterns everything passes.
fn filter(written: &EventSourceMapping) -> Result<Option<Filter>, FilterError> {
    match &written.filters[..] {
        [] => Ok(None),
        patterns => Filter::compile(patterns).map(Some),
    }
}

fn settings(written: &EventSourceMapping, table: &str) -> MappingSettings {
    let position = match written.starting_position {
        Some(template::StartingPosition::TrimHorizon) => StartingPosition::TrimHorizon,
        // The template is refused if it says neither.
        Some(template::StartingPosition::Latest) | None => StartingPosition::Latest,
    };
    let defaults = MappingSettings::new(&written.id, table, &written.function, position);
    // The template is refused if a number is out of its range, which is far within these types.
    MappingSettings {
        batch_size: written.batch_size.map_or(defaults.batch_size, |size| size.try_into().unwrap_or(0)),
        batch_window: Duration::from_secs(written.maximum_batching_window_in_seconds.map_or(0, i64::unsigned_abs)),
        maximum_retry_attempts: written
            .maximum_retry_attempts
            .map_or(defaults.maximum_retry_attempts, |attempts| attempts.try_into().unwrap_or(i32::MIN)),
        // -1 is without end, as is nothing.
        maximum_record_age: written
            .maximum_record_age_in_seconds
            .and_then(|seconds| seconds.try_into().ok())
            .map(Duration::from_secs),
        reports_batch_item_failures: !written.function_response_types.is_empty(),
        bisect_batch_on_function_error: written.bisect_batch_on_function_error.unwrap_or(false),
        ..defaults
    }
}
