//! Wall-clock time as an argument, so that timeouts can be tested without waiting for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since the epoch, from the system or from a test.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    #[default]
    System,
    /// Stands still until it is advanced.
    Manual(Arc<AtomicU64>),
}

impl Clock {
    pub fn manual(start_ms: u64) -> Self {
        Self::Manual(Arc::new(AtomicU64::new(start_ms)))
    }

    pub fn now_ms(&self) -> u64 {
        match self {
            Self::System => {
                let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                since_epoch.as_millis() as u64
            }
            Self::Manual(now) => now.load(Ordering::Acquire),
        }
    }

    /// Moves a manual clock; the system's cannot be moved.
    pub fn advance(&self, by: Duration) {
        if let Self::Manual(now) = self {
            now.fetch_add(by.as_millis() as u64, Ordering::AcqRel);
        }
    }

    /// How long a thread that watches deadlines may sleep: a manual clock moves without notice.
    pub(crate) fn longest_sleep(&self) -> Duration {
        match self {
            Self::System => Duration::from_secs(1),
            Self::Manual(_) => Duration::from_millis(2),
        }
    }
}
