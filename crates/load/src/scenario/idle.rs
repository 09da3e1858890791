//! Idle: connections are opened and held. What each holds of the server's memory, and what holding them costs.

use super::{Failure, Setup, Stage, findings};
use crate::client::Ending;
use crate::crowd::Listen;
use crate::mark::Run;
use crate::opening::LOOK_EVERY;
use crate::problems::Problems;
use crate::report::{Idle, Report};
use crate::stream::Reading;
use std::time::{Duration, Instant};

/// What comes while nothing should: messages are counted, connections must stay.
#[derive(Default)]
struct Silence {
    messages: u64,
    ended: Problems,
}

impl Listen for Silence {
    fn message(&mut self, _: usize, _: &[u8], _: Instant) {
        self.messages += 1;
    }

    fn ended(&mut self, _: usize, ending: Ending) {
        self.ended.add(&ending);
    }
}

pub(super) fn run(setup: &Setup, hold: Duration) -> Result<Report, Failure> {
    let mut silence = Silence::default();
    let mut stage = Stage::open(setup, "idle", |_| Reading::AtOnce, &mut silence, Run::new())?;
    let begun = Instant::now();
    stage.meter.lap();
    while begun.elapsed() < hold && stage.crowd.open() > 0 && !setup.stop.is_asked() {
        stage.crowd.turn(LOOK_EVERY.min(hold.saturating_sub(begun.elapsed())), &mut silence)?;
        let open = stage.crowd.open();
        stage.ticker.tick(silence.messages, |_| format!("{open} open"));
    }
    let held = begun.elapsed();
    let cpu_share = stage.meter.lap().map(|used| used.as_secs_f64() / held.as_secs_f64().max(f64::EPSILON));
    stage.report.idle = Some(Idle { held_seconds: held.as_secs_f64(), cpu_share });
    findings::about_endings(&mut stage.report, &silence.ended);
    if silence.messages > 0 {
        stage.report.notes.push(format!("{} messages came meanwhile", silence.messages));
    }
    Ok(stage.finish())
}
