//! What becomes of a function's events, of which nobody waits for the end.

use sluicegate_protocol::Destination;
use std::time::Duration;

/// Attempts after the first, and how long an event may wait: Lambda's defaults, which are also its most.
pub const MAX_RETRY_ATTEMPTS: u32 = 2;
pub const MAX_EVENT_AGE: Duration = Duration::from_secs(6 * 60 * 60);

/// `EventInvokeConfig` and `DeadLetterConfig` of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventOptions {
    /// After function errors, at most [`MAX_RETRY_ATTEMPTS`].
    pub maximum_retry_attempts: u32,
    /// An older event is given up; at most [`MAX_EVENT_AGE`].
    pub maximum_age: Duration,
    /// Who gets the record of an event that was handled.
    pub on_success: Option<Destination>,
    /// Who gets the record of an event that was given up.
    pub on_failure: Option<Destination>,
    /// Who gets such an event itself.
    pub dead_letters: Option<Destination>,
}

impl Default for EventOptions {
    fn default() -> Self {
        Self {
            maximum_retry_attempts: MAX_RETRY_ATTEMPTS,
            maximum_age: MAX_EVENT_AGE,
            on_success: None,
            on_failure: None,
            dead_letters: None,
        }
    }
}
