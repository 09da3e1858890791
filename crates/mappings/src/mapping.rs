//! What a mapping is, checked at the door.

use sluicegate_pattern::Filter;
use sluicegate_protocol::{ApiError, Destination};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const BATCH_SIZE: (i64, i64) = (1, 10_000);
pub(crate) const BATCH_WINDOW_SECONDS: (i64, i64) = (0, 300);
const MAXIMUM_RETRY_ATTEMPTS: (i64, i64) = (-1, 10_000);
const MAXIMUM_RECORD_AGE_SECONDS: (i64, i64) = (60, 604_800);

/// Where a mapping begins that has never run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartingPosition {
    /// With the first change after the mapping was started.
    Latest,
    /// With the oldest change the stream still has.
    TrimHorizon,
}

/// A mapping as it is asked for, with the defaults of AWS.
#[derive(Clone, Debug)]
pub struct MappingSettings {
    /// Names the checkpoint; stays the same over restarts.
    pub id: String,
    /// The table whose stream is read.
    pub table: String,
    pub function: String,
    pub starting_position: StartingPosition,
    /// Records per invocation at most: 1 to 10,000.
    pub batch_size: u32,
    /// How long a batch that is not full waits for more: 0 to 300 s.
    pub batch_window: Duration,
    /// Retries after the first attempt; -1 is without end.
    pub maximum_retry_attempts: i32,
    pub bisect_batch_on_function_error: bool,
    /// Older records are given up: 60 s to 7 days. `None` is without end.
    pub maximum_record_age: Option<Duration>,
    /// Whether the function may say which records it handled (`ReportBatchItemFailures`).
    pub reports_batch_item_failures: bool,
    /// Who is told of records that are given up.
    pub on_failure: Option<OnFailure>,
    /// Records that do not match it are handled without the function. `None` lets all pass.
    pub filter: Option<Filter>,
    pub enabled: bool,
}

/// Who is told of records that are given up, and what the function is called there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnFailure {
    /// A standard queue or topic.
    pub destination: Destination,
    pub function_arn: String,
}

impl MappingSettings {
    pub fn new(id: &str, table: &str, function: &str, starting_position: StartingPosition) -> Self {
        Self {
            id: id.to_owned(),
            table: table.to_owned(),
            function: function.to_owned(),
            starting_position,
            batch_size: 100,
            batch_window: Duration::ZERO,
            maximum_retry_attempts: -1,
            bisect_batch_on_function_error: false,
            maximum_record_age: None,
            reports_batch_item_failures: false,
            on_failure: None,
            filter: None,
            enabled: true,
        }
    }
}

/// A mapping that can run.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    pub(crate) id: Arc<str>,
    pub(crate) table: Arc<str>,
    pub(crate) function: Arc<str>,
    /// What metrics call it: `{table}:{function}`.
    pub(crate) label: Arc<str>,
    pub(crate) starting_position: StartingPosition,
    pub(crate) batch_size: usize,
    pub(crate) batch_window: Duration,
    /// `None` is without end.
    pub(crate) maximum_retry_attempts: Option<u32>,
    pub(crate) bisects: bool,
    pub(crate) maximum_record_age: Option<Duration>,
    pub(crate) reports_batch_item_failures: bool,
    pub(crate) on_failure: Option<OnFailure>,
    pub(crate) filter: Option<Filter>,
    pub(crate) enabled: bool,
}

impl TryFrom<MappingSettings> for Mapping {
    type Error = ApiError;

    /// Refuses what AWS refuses, in its words.
    fn try_from(settings: MappingSettings) -> Result<Self, ApiError> {
        // Seconds in the control plane; a fraction over the limit is over it as well.
        let window_seconds = settings.batch_window.as_secs_f64().ceil() as i64;
        within("batchSize", settings.batch_size.into(), BATCH_SIZE)?;
        within("maximumBatchingWindowInSeconds", window_seconds, BATCH_WINDOW_SECONDS)?;
        within("maximumRetryAttempts", settings.maximum_retry_attempts.into(), MAXIMUM_RETRY_ATTEMPTS)?;
        if let Some(age) = settings.maximum_record_age {
            within("maximumRecordAgeInSeconds", age.as_secs() as i64, MAXIMUM_RECORD_AGE_SECONDS)?;
        }
        if let Some(OnFailure { destination, .. }) = &settings.on_failure
            && (destination.is_fifo() || matches!(destination, Destination::Function(_)))
        {
            return Err(ApiError::validation(format!(
                "{destination} is neither a standard queue nor a standard topic"
            )));
        }
        Ok(Self {
            id: settings.id.into(),
            label: format!("{}:{}", settings.table, settings.function).into(),
            table: settings.table.into(),
            function: settings.function.into(),
            starting_position: settings.starting_position,
            batch_size: settings.batch_size as usize,
            batch_window: settings.batch_window,
            maximum_retry_attempts: u32::try_from(settings.maximum_retry_attempts).ok(),
            bisects: settings.bisect_batch_on_function_error,
            maximum_record_age: settings.maximum_record_age,
            reports_batch_item_failures: settings.reports_batch_item_failures,
            on_failure: settings.on_failure,
            filter: settings.filter,
            enabled: settings.enabled,
        })
    }
}

pub(crate) fn within(member: &str, value: i64, (least, most): (i64, i64)) -> Result<(), ApiError> {
    let (bound, limit) = match value {
        _ if value < least => ("greater", least),
        _ if value > most => ("less", most),
        _ => return Ok(()),
    };
    Err(ApiError::validation(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: \
         Member must have value {bound} than or equal to {limit}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> MappingSettings {
        MappingSettings::new("id", "table", "function", StartingPosition::Latest)
    }

    #[test]
    fn the_limits_are_those_of_aws() {
        for (batch_size, window, attempts, refused) in [
            (1, 0, -1, None),
            (100, 0, 3, None),
            (10_000, 300_000, 10_000, None),
            (0, 0, 0, Some("Value '0' at 'batchSize'")),
            (
                10_001,
                0,
                0,
                Some("'batchSize' failed to satisfy constraint: Member must have value less than or equal to 10000"),
            ),
            (1, 300_001, 0, Some("Value '301' at 'maximumBatchingWindowInSeconds'")),
            (1, 0, -2, Some("Value '-2' at 'maximumRetryAttempts'")),
            (1, 0, 10_001, Some("less than or equal to 10000")),
        ] {
            let asked = MappingSettings {
                batch_size,
                batch_window: Duration::from_millis(window),
                maximum_retry_attempts: attempts,
                ..settings()
            };
            let message = Mapping::try_from(asked).err().map(|error| error.to_string());
            match (refused, message) {
                (None, None) => {}
                (Some(part), Some(message)) if message.contains(part) => {}
                (_, message) => panic!("{batch_size} {window} {attempts}: {message:?}"),
            }
        }
    }

    #[test]
    fn minus_one_is_without_end() {
        assert_eq!(Mapping::try_from(settings()).unwrap().maximum_retry_attempts, None);
    }
}
