//! Opening many connections: so many handshakes at once, so many a second, and an end to it when too many fail.

use crate::client::Ending;
use crate::crowd::{Crowd, Listen};
use crate::latency::Latency;
use crate::problems::Problems;
use crate::stream::Reading;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Handshakes under way at a time unless asked otherwise; well below the backlog of a listening socket.
pub const HANDSHAKES_AT_ONCE: usize = 64;
/// How often those who wait look whether they should stop.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a place rests between a refusal and the next attempt.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// How connections are opened.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    pub at_once: usize,
    /// New handshakes per second at most.
    pub per_second: Option<f64>,
    pub refusals: Refusals,
}

/// What a refused connection leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusals {
    /// So many are tolerated before the rest is not tried; a refused one is not tried again.
    UpTo(usize),
    /// Each is tried again, for so long.
    TriedAgainFor(Duration),
}

/// What became of an opening.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    pub latency: Latency,
    pub problems: Problems,
    pub took: Duration,
}

/// Asks a run to end early. Clones ask the same run.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Default for Opening {
    fn default() -> Self {
        Self { at_once: HANDSHAKES_AT_ONCE, per_second: None, refusals: Refusals::UpTo(0) }
    }
}

impl Opening {
    /// Opens a connection in each of these places; whether all of them are open is the crowd's to say.
    pub fn open<L: Listen>(
        &self,
        crowd: &mut Crowd,
        places: impl IntoIterator<Item = (usize, Reading)>,
        listener: &mut L,
        stop: &Stop,
    ) -> io::Result<Opened> {
        let begun = Instant::now();
        let mut watch = Watch { listener, opened: Opened::default(), refused: Vec::new() };
        let mut waiting: VecDeque<(usize, Reading)> = places.into_iter().collect();
        let all: Vec<Option<Reading>> = self.readings(crowd, &waiting);
        let mut resting: VecDeque<(Instant, usize)> = VecDeque::new();
        let mut dialed = 0u64;
        while !stop.is_asked() && !self.is_hopeless(&watch.opened.problems, begun) {
            let now = Instant::now();
            while resting.front().is_some_and(|(until, _)| *until <= now) {
                let place = resting.pop_front().map(|(_, place)| place);
                waiting.extend(place.and_then(|place| Some((place, all[place]?))));
            }
            while crowd.dialing() < self.at_once && self.is_due(dialed, begun) {
                let Some((place, reading)) = waiting.pop_front() else { break };
                crowd.dial(place, reading, &mut watch);
                dialed += 1;
            }
            if crowd.dialing() == 0 && waiting.is_empty() && resting.is_empty() && watch.refused.is_empty() {
                break;
            }
            let pacing = self.per_second.is_some() && !waiting.is_empty();
            let patience = if pacing || !resting.is_empty() { Duration::from_millis(1) } else { LOOK_EVERY };
            crowd.turn(patience, &mut watch)?;
            let refused = std::mem::take(&mut watch.refused);
            if let Refusals::TriedAgainFor(_) = self.refusals {
                let until = Instant::now() + RETRY_AFTER;
                resting.extend(refused.into_iter().filter(|place| all[*place].is_some()).map(|place| (until, place)));
            }
        }
        watch.opened.took = begun.elapsed();
        Ok(watch.opened)
    }

    fn readings(&self, crowd: &Crowd, waiting: &VecDeque<(usize, Reading)>) -> Vec<Option<Reading>> {
        let mut all = vec![None; crowd.places()];
        waiting.iter().for_each(|(place, reading)| all[*place] = Some(*reading));
        all
    }

    fn is_hopeless(&self, problems: &Problems, begun: Instant) -> bool {
        match self.refusals {
            Refusals::UpTo(tolerated) => problems.total() > tolerated as u64,
            Refusals::TriedAgainFor(time) => begun.elapsed() >= time,
        }
    }

    fn is_due(&self, dialed: u64, begun: Instant) -> bool {
        self.per_second.is_none_or(|rate| begun.elapsed().as_secs_f64() * rate >= dialed as f64)
    }
}

/// Hears what the scenario hears, and counts.
struct Watch<'a, L> {
    listener: &'a mut L,
    opened: Opened,
    refused: Vec<usize>,
}

impl<L: Listen> Listen for Watch<'_, L> {
    fn opened(&mut self, place: usize, took: Duration) {
        self.opened.latency.record_duration(took);
        self.listener.opened(place, took);
    }

    fn message(&mut self, place: usize, payload: &[u8], at: Instant) {
        self.listener.message(place, payload, at);
    }

    fn ended(&mut self, place: usize, ending: Ending) {
        self.opened.problems.add(&ending);
        self.refused.push(place);
        self.listener.ended(place, ending);
    }
}
