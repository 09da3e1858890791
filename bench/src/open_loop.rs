//! An open loop: messages at a fixed rate, whatever becomes of them, and how long each takes to everybody who reads.
//!
//! Times run from the moment a message was due, so that what it waits for its turn belongs to its latency.

use crate::Failure;
use sluicegate_load::{Crowd, Ending, Latency, Listen, Pace, Schedule};
use std::time::{Duration, Instant};

/// How long the poller may sleep.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Nothing takes that long; what does is lost.
const DEADLINE: Duration = Duration::from_secs(30);

/// Tells the numbers in a message, in order.
pub type Numbers = fn(&[u8], &mut dyn FnMut(u64));

/// What is sent when, and who must get it.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    pub per_second: f64,
    pub messages: u64,
    /// The number of the first.
    pub first: u64,
    /// All clients.
    pub readers: usize,
    pub numbers: Numbers,
}

impl Flow {
    pub fn run(&self, crowd: &mut Crowd, mut send: impl FnMut(u64) -> Result<(), Failure>) -> Result<Latency, Failure> {
        let mut receipts = Receipts {
            flow: *self,
            due: Vec::new(),
            next: vec![self.first; self.readers],
            missing: self.messages * self.readers as u64,
            latency: Latency::default(),
            problem: None,
        };
        let begun = Instant::now();
        let mut schedule = Schedule::begin(Pace::PerSecond(self.per_second), begun);
        let deadline = begun + Duration::from_secs_f64(self.messages as f64 / self.per_second) + DEADLINE;
        while receipts.missing > 0 {
            if Instant::now() > deadline {
                return Err(format!("{} receipts are missing", receipts.missing).into());
            }
            while (receipts.due.len() as u64) < self.messages
                && let Some(due) = schedule.due(Instant::now(), 0)
            {
                receipts.due.push(due);
                send(self.first + receipts.due.len() as u64 - 1)?;
            }
            crowd.turn(schedule.patience(Instant::now(), LOOK_EVERY), &mut receipts)?;
            if let Some(problem) = receipts.problem.take() {
                return Err(problem.into());
            }
        }
        Ok(receipts.latency)
    }
}

struct Receipts {
    flow: Flow,
    due: Vec<Instant>,
    /// The number that each reader must get next.
    next: Vec<u64>,
    missing: u64,
    latency: Latency,
    problem: Option<String>,
}

impl Listen for Receipts {
    fn message(&mut self, place: usize, payload: &[u8], at: Instant) {
        let Some(next) = self.next.get_mut(place) else { return };
        (self.flow.numbers)(payload, &mut |came| {
            match self.due.get(came.wrapping_sub(self.flow.first) as usize) {
                Some(due) if came == *next => self.latency.record_duration(at.saturating_duration_since(*due)),
                _ => {
                    self.problem.get_or_insert(format!("client {place}: {came} came instead of {next}"));
                }
            }
            *next = came + 1;
            self.missing = self.missing.saturating_sub(1);
        });
    }

    fn ended(&mut self, place: usize, ending: Ending) {
        self.problem.get_or_insert(format!("client {place}: {ending}"));
    }
}
