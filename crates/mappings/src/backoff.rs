//! How long to wait before the next attempt.

use std::time::Duration;

/// The waits double from `first` to `longest`. Each is up to a fifth shorter or longer, so that mappings that failed
/// together do not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPace {
    pub first: Duration,
    pub longest: Duration,
}

impl Default for RetryPace {
    /// 1, 2, 4, … 60 s: what recordings of the original suggest.
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(60) }
    }
}

const JITTER: f64 = 0.2;

/// The waits of one batch.
#[derive(Debug)]
pub(crate) struct Backoff {
    pace: RetryPace,
    waits: u32,
}

impl Backoff {
    pub(crate) fn new(pace: RetryPace) -> Self {
        Self { pace, waits: 0 }
    }

    /// `random` is between 0 and 1.
    pub(crate) fn next(&mut self, random: f64) -> Duration {
        let doubled = self.pace.first.saturating_mul(2u32.saturating_pow(self.waits)).min(self.pace.longest);
        self.waits = self.waits.saturating_add(1);
        doubled.mul_f64(1.0 - JITTER + 2.0 * JITTER * random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut backoff = Backoff::new(RetryPace::default());
        let waits: Vec<u64> = (0..9).map(|_| backoff.next(0.5).as_millis() as u64).collect();
        assert_eq!(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    }

    #[test]
    fn waits_are_spread_by_a_fifth() {
        let first = |random| Backoff::new(RetryPace::default()).next(random);
        assert_eq!((first(0.0), first(1.0)), (Duration::from_millis(800), Duration::from_millis(1_200)));
    }

    #[test]
    fn the_count_of_waits_has_no_end() {
        let mut backoff = Backoff { pace: RetryPace::default(), waits: u32::MAX };
        assert_eq!(backoff.next(0.5), Duration::from_secs(60));
    }
}
