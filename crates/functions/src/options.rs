//! How a function may run.

use std::time::Duration;

/// Lambda's default.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);
/// Lambda's longest: fifteen minutes.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(900);
/// Invocations of one function at the same time, unless it says otherwise; what a new Lambda account has.
pub const DEFAULT_CONCURRENCY: usize = 1_000;
/// As many as the counter of places can hold.
const MAX_CONCURRENCY: usize = tokio::sync::Semaphore::MAX_PERMITS;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionOptions {
    pub timeout: Duration,
    /// Invocations at the same time; one more is throttled. Zero throttles every one.
    pub concurrency: usize,
}

impl Default for FunctionOptions {
    fn default() -> Self {
        Self { timeout: DEFAULT_TIMEOUT, concurrency: DEFAULT_CONCURRENCY }
    }
}

/// Why functions cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    #[error("function {0} is registered twice; give one of them another name")]
    Duplicate(String),
    #[error("function {0}: the timeout must be more than nothing and at most 900 s")]
    Timeout(String),
    #[error("function {0}: the concurrency is larger than can be counted")]
    Concurrency(String),
}

impl FunctionOptions {
    pub(crate) fn check(&self, function: &str) -> Result<(), RegisterError> {
        if self.timeout.is_zero() || self.timeout > MAX_TIMEOUT {
            return Err(RegisterError::Timeout(function.to_owned()));
        }
        if self.concurrency > MAX_CONCURRENCY {
            return Err(RegisterError::Concurrency(function.to_owned()));
        }
        Ok(())
    }
}
