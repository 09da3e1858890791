//! When the next message is due: in a closed loop when one is answered, in an open loop when its time has come.

use std::time::{Duration, Instant};

/// The shortest wait that the poller can be told; what is nearer is waited for awake.
const POLLER_TICK: Duration = Duration::from_millis(1);

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// So many messages are under way at all times.
    InFlight(usize),
    /// So many begin each second, whatever becomes of them.
    PerSecond(f64),
}

/// A pace that has begun.
#[derive(Clone, Debug)]
pub struct Schedule {
    pace: Pace,
    begun: Instant,
    given: u64,
}

impl Schedule {
    pub fn begin(pace: Pace, at: Instant) -> Self {
        Self { pace, begun: at, given: 0 }
    }

    /// When the next message is to be sent, if it is time. In an open loop that may lie in the past: what a message waits for
    /// its turn belongs to its latency.
    pub fn due(&mut self, now: Instant, under_way: usize) -> Option<Instant> {
        let at = match self.pace {
            Pace::InFlight(limit) => (under_way < limit).then_some(now),
            Pace::PerSecond(_) => Some(self.next()).filter(|next| *next <= now),
        };
        self.given += u64::from(at.is_some());
        at
    }

    /// How long the poller may sleep before the next message; `most` if none is due by then.
    pub fn patience(&self, now: Instant, most: Duration) -> Duration {
        match self.pace {
            Pace::InFlight(_) => most,
            Pace::PerSecond(_) => {
                let left = self.next().saturating_duration_since(now).min(most);
                // The poller rounds up to its tick, and a message must not be late because of that.
                if left < POLLER_TICK { Duration::ZERO } else { left - POLLER_TICK }
            }
        }
    }

    fn next(&self) -> Instant {
        match self.pace {
            Pace::InFlight(_) => self.begun,
            Pace::PerSecond(rate) => self.begun + Duration::from_secs_f64(self.given as f64 / rate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn a_closed_loop_waits_for_answers() {
        let now = Instant::now();
        let mut schedule = Schedule::begin(Pace::InFlight(2), now);
        assert_eq!([0, 1, 2].map(|under_way| schedule.due(now, under_way).is_some()), [true, true, false]);
    }

    #[test]
    fn an_open_loop_goes_on_and_remembers_when_it_should_have() {
        let begun = Instant::now();
        let mut schedule = Schedule::begin(Pace::PerSecond(100.0), begun);
        let late = begun + 25 * MILLISECOND;
        let due: Vec<_> = std::iter::from_fn(|| schedule.due(late, usize::MAX)).collect();
        assert_eq!(due, [begun, begun + 10 * MILLISECOND, begun + 20 * MILLISECOND]);
        assert_eq!(schedule.patience(late, Duration::from_secs(1)), 4 * MILLISECOND);
        assert_eq!(
            schedule.patience(begun + 29 * MILLISECOND + MILLISECOND / 2, Duration::from_secs(1)),
            Duration::ZERO
        );
    }
}
