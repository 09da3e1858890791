//! A line a second on standard error while a run is under way.

use std::io::Write;
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Shown,
    Hidden,
}

/// What is shown, and when it was last.
#[derive(Debug)]
pub(crate) struct Ticker {
    progress: Progress,
    begun: Instant,
    last: Instant,
    last_received: u64,
}

impl Ticker {
    pub(crate) fn new(progress: Progress) -> Self {
        let now = Instant::now();
        Self { progress, begun: now, last: now, last_received: 0 }
    }

    /// Shows the line that `say` makes of the deliveries per second, if it is time. `received` counts from the beginning.
    pub(crate) fn tick(&mut self, received: u64, say: impl FnOnce(f64) -> String) {
        let now = Instant::now();
        let passed = now - self.last;
        if self.progress == Progress::Hidden || passed < EVERY {
            return;
        }
        let rate = received.saturating_sub(self.last_received) as f64 / passed.as_secs_f64();
        (self.last, self.last_received) = (now, received);
        self.say(&say(rate));
    }

    pub(crate) fn say(&self, text: &str) {
        if self.progress == Progress::Shown {
            // Who closed standard error does not want to know.
            let _ = writeln!(std::io::stderr(), "{:>5.0} s  {text}", self.begun.elapsed().as_secs_f64());
        }
    }
}
