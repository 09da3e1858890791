//! What a mapping of a queue is, checked at the door.

use crate::mapping::{BATCH_SIZE, BATCH_WINDOW_SECONDS, within};
use sluicegate_pattern::Filter;
use sluicegate_protocol::ApiError;
use std::sync::Arc;
use std::time::Duration;

/// Batches at the same time, unless the mapping says otherwise.
pub const DEFAULT_CONCURRENCY: usize = 10;
const CONCURRENCY: (i64, i64) = (2, 1_000);
/// Without a window a batch is what one receive can bring.
const BATCH_SIZE_WITHOUT_WINDOW: i64 = 10;

/// A mapping as it is asked for, with the defaults of AWS.
#[derive(Clone, Debug)]
pub struct QueueMappingSettings {
    pub id: String,
    /// The queue's name.
    pub queue: String,
    pub function: String,
    /// Messages per invocation at most: 1 to 10,000; more than 10 need a window.
    pub batch_size: u32,
    /// How long a batch that is not full waits for more: 0 to 300 s.
    pub batch_window: Duration,
    /// Batches at the same time: 2 to 1,000.
    pub maximum_concurrency: Option<u32>,
    /// Whether the function says which messages of a batch it has not handled.
    pub reports_item_failures: bool,
    /// Messages that do not match it are deleted without the function. `None` lets all pass.
    pub filter: Option<Filter>,
    pub enabled: bool,
}

impl QueueMappingSettings {
    pub fn new(id: &str, queue: &str, function: &str) -> Self {
        Self {
            id: id.to_owned(),
            queue: queue.to_owned(),
            function: function.to_owned(),
            batch_size: 10,
            batch_window: Duration::ZERO,
            maximum_concurrency: None,
            reports_item_failures: false,
            filter: None,
            enabled: true,
        }
    }
}

/// A mapping that can run.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueMapping {
    pub(super) id: Arc<str>,
    pub(super) queue: Arc<str>,
    pub(super) function: Arc<str>,
    /// What metrics call it: `{queue}:{function}`.
    pub(super) label: Arc<str>,
    pub(super) batch_size: usize,
    pub(super) batch_window: Duration,
    pub(super) concurrency: usize,
    pub(super) reports_item_failures: bool,
    pub(super) filter: Option<Filter>,
    pub(super) enabled: bool,
}

impl TryFrom<QueueMappingSettings> for QueueMapping {
    type Error = ApiError;

    /// Refuses what AWS refuses, in its words.
    fn try_from(settings: QueueMappingSettings) -> Result<Self, ApiError> {
        let window_seconds = settings.batch_window.as_secs_f64().ceil() as i64;
        within("batchSize", settings.batch_size.into(), BATCH_SIZE)?;
        within("maximumBatchingWindowInSeconds", window_seconds, BATCH_WINDOW_SECONDS)?;
        if window_seconds == 0 && i64::from(settings.batch_size) > BATCH_SIZE_WITHOUT_WINDOW {
            return Err(ApiError::new(
                400,
                "InvalidParameterValueException",
                "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
            ));
        }
        if let Some(concurrency) = settings.maximum_concurrency {
            within("scalingConfig.maximumConcurrency", concurrency.into(), CONCURRENCY)?;
        }
        Ok(Self {
            id: settings.id.into(),
            label: format!("{}:{}", settings.queue, settings.function).into(),
            queue: settings.queue.into(),
            function: settings.function.into(),
            batch_size: settings.batch_size as usize,
            batch_window: settings.batch_window,
            concurrency: settings.maximum_concurrency.map_or(DEFAULT_CONCURRENCY, |most| most as usize),
            reports_item_failures: settings.reports_item_failures,
            filter: settings.filter,
            enabled: settings.enabled,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_those_of_aws() {
        for (batch_size, window, concurrency, refused) in [
            (1, 0, None, None),
            (10, 0, Some(2), None),
            (10_000, 300, Some(1_000), None),
            (0, 0, None, Some("'batchSize'")),
            (10_001, 1, None, Some("'batchSize'")),
            (11, 0, None, Some("must be greater than 0 if maximum batch size")),
            (10, 301, None, Some("'maximumBatchingWindowInSeconds'")),
            (10, 0, Some(1), Some("'scalingConfig.maximumConcurrency'")),
            (10, 0, Some(1_001), Some("'scalingConfig.maximumConcurrency'")),
        ] {
            let asked = QueueMappingSettings {
                batch_size,
                batch_window: Duration::from_secs(window),
                maximum_concurrency: concurrency,
                ..QueueMappingSettings::new("id", "jobs", "function")
            };
            let message = QueueMapping::try_from(asked).err().map(|error| error.to_string());
            match (refused, &message) {
                (None, None) => {}
                (Some(part), Some(message)) if message.contains(part) => {}
                _ => panic!("{batch_size} {window} {concurrency:?}: {message:?}"),
            }
        }
    }
}
