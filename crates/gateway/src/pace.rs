//! How long a route's messages keep a thread: short ones are worked on where they were read, the others by the runtime.

use crate::hub::LEISURE;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// On average; handing a message to another thread costs about a fifth of it.
const SHORT_NS: u32 = 20_000;
/// What has been short stays so up to here: a busy machine makes everything longer.
const NO_LONGER_SHORT_NS: u32 = 3 * SHORT_NS;
/// A message that had to wait for something: going on elsewhere costs a little, so this may happen now and then.
const WAITED_NS: u32 = 2 * NO_LONGER_SHORT_NS;
/// What took longer counts as this: a thread that the system held up for a moment is no reason to hand all messages on. Beyond
/// what a reactor's thread has time for, it is.
const LONGEST_NS: u32 = 1_000_000;
/// The average changes by so much of the difference.
const INERTIA: i64 = 64;
/// Beside the average.
const IS_SHORT: u32 = 1 << 31;

/// A moving average of nanoseconds. It begins far from short, and becomes so after some three hundred short messages.
#[derive(Debug)]
pub(crate) struct Pace(AtomicU32);

impl Default for Pace {
    fn default() -> Self {
        Self(AtomicU32::new(LONGEST_NS))
    }
}

impl Pace {
    pub(crate) fn is_short(&self) -> bool {
        self.0.load(Ordering::Relaxed) & IS_SHORT != 0
    }

    /// A message kept its thread for so long, until it was done or, `None`, had to wait. Of two at the same time one may be lost.
    pub(crate) fn note(&self, done_after: Option<Duration>) {
        let before = self.0.load(Ordering::Relaxed);
        if done_after.is_some_and(|time| time > LEISURE) {
            return self.0.store(LONGEST_NS, Ordering::Relaxed);
        }
        let (was_short, average) = (before & IS_SHORT != 0, i64::from(before & !IS_SHORT));
        let sample = match done_after {
            Some(time) => u32::try_from(time.as_nanos()).unwrap_or(u32::MAX).min(LONGEST_NS),
            None => WAITED_NS,
        };
        let average = (average + (i64::from(sample) - average) / INERTIA) as u32;
        let is_short = average < if was_short { NO_LONGER_SHORT_NS } else { SHORT_NS };
        self.0.store(average | if is_short { IS_SHORT } else { 0 }, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(pace: &Pace, messages: usize, done_after: Option<Duration>) -> bool {
        (0..messages).for_each(|_| pace.note(done_after));
        pace.is_short()
    }

    #[test]
    fn a_route_must_have_been_short_for_long() {
        let (short, long) = (Some(Duration::from_micros(5)), Some(Duration::from_millis(2)));
        let pace = Pace::default();
        assert!(!after(&pace, 200, short));
        assert!(after(&pace, 200, short));
        // One that waits now and then is still short, one that always waits is not.
        assert!(after(&pace, 20, None));
        assert!(!after(&pace, 100, None));
        assert!(after(&pace, 200, short));
        // One that is long for once is forgiven.
        assert!(after(&pace, 3, long));
        assert!(!after(&pace, 10, long));
        assert!(!after(&pace, 60, short));
        assert!(after(&pace, 200, short));
        // One that others had to wait for is not, for the time being.
        assert!(!after(&pace, 1, Some(Duration::MAX)));
        assert!(!after(&pace, 200, short));
        assert!(after(&pace, 200, short));
    }
}
