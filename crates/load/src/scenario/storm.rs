//! Reconnect storm: everybody leaves at once and comes back. How long until all are there again, and what it costs.

use super::{Failure, Setup, Stage, findings};
use crate::client::Ending;
use crate::crowd::Listen;
use crate::mark::Run;
use crate::opening::{Opening, Refusals};
use crate::problems::Problems;
use crate::report::{Report, Round};
use crate::stream::Reading;
use crate::tally::per_second;
use std::time::{Duration, Instant};

/// Refusals are counted by the opening itself; what ends once it was open is a loss.
#[derive(Default)]
struct Losses {
    open: Vec<bool>,
    ended: Problems,
}

impl Listen for Losses {
    fn opened(&mut self, place: usize, _: Duration) {
        self.open.resize(self.open.len().max(place + 1), false);
        self.open[place] = true;
    }

    fn message(&mut self, _: usize, _: &[u8], _: Instant) {}

    fn ended(&mut self, place: usize, ending: Ending) {
        if self.open.get_mut(place).is_some_and(std::mem::take) {
            self.ended.add(&ending);
        }
    }
}

pub(super) fn run(setup: &Setup, rounds: u32, farewell: Option<u16>, within: Duration) -> Result<Report, Failure> {
    let mut losses = Losses::default();
    let mut stage = Stage::open(setup, "storm", |_| Reading::AtOnce, &mut losses, Run::new())?;
    let opening = Opening { refusals: Refusals::TriedAgainFor(within), ..setup.opening };
    for number in 1..=rounds {
        if setup.stop.is_asked() {
            break;
        }
        let all = 0..setup.connections;
        stage.meter.lap();
        all.clone().for_each(|place| stage.crowd.leave(place, farewell));
        losses.open.fill(false);
        let places = all.map(|place| (place, Reading::AtOnce));
        let opened = opening.open(&mut stage.crowd, places, &mut losses, &setup.stop)?;
        let returned = stage.crowd.open();
        let used = stage.meter.lap();
        let line = format!("round {number}: {returned} back after {:.2} s", opened.took.as_secs_f64());
        stage.ticker.say(&line);
        if returned < setup.connections && !setup.stop.is_asked() {
            let missing = setup.connections - returned;
            stage.report.findings.push(format!(
                "in round {number} {missing} of {} connections did not come back within {within:?}: {}",
                setup.connections, opened.problems
            ));
        }
        stage.report.rounds.push(Round {
            returned: returned as u64,
            seconds: opened.took.as_secs_f64(),
            per_second: per_second(returned as u64, opened.took),
            refused: opened.problems.lines(),
            latency: opened.latency.percentiles(),
            cpu_us_per_connection: used.map(|used| used.as_secs_f64() * 1e6 / returned.max(1) as f64),
        });
    }
    findings::about_endings(&mut stage.report, &losses.ended);
    Ok(stage.finish())
}
