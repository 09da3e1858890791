//! The clients of the benches: those of `sluicegate load`, each of which knows exactly what it must receive next. Whatever is
//! not as it must be ends the bench.

use crate::Failure;
use sluicegate_load::{Arrival, Ending, Listen, Opening, Reading, Sequence, Stop, Target};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Nothing here takes that long; what does has failed.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long silence is listened to before it counts as silence.
const SILENCE: Duration = Duration::from_millis(50);

/// Reads the number of a message; `None` for one that is not as it was sent.
pub type Check = fn(&[u8]) -> Option<u64>;

/// What the clients' thread does while nothing comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Sleeps, and leaves its core to the server.
    Asleep,
    /// Looks again at once. On loopback the one who writes pays for waking the one who reads, about as much as for the write
    /// itself; real clients sleep on other machines. So a server's own cost shows only if nobody needs to be woken.
    Awake,
}

pub struct Crowd {
    sockets: sluicegate_load::Crowd,
    patience: Patience,
    check: Check,
    sequences: Vec<Sequence>,
    /// The number of the next message of everybody.
    next: u64,
}

impl Crowd {
    /// Nobody yet. Messages are numbered from `first`.
    pub fn new(server: SocketAddr, path: &str, check: Check, first: u64) -> Result<Self, Failure> {
        let sockets = sluicegate_load::Crowd::new(Target::plain(server, path), DEADLINE)?;
        Ok(Self { sockets, patience: Patience::Asleep, check, sequences: Vec::new(), next: first })
    }

    /// Clients that are there already.
    pub fn of(sockets: sluicegate_load::Crowd, check: Check, first: u64) -> Self {
        let sequences = vec![Sequence::starting_at(first); sockets.open()];
        Self { sockets, patience: Patience::Asleep, check, sequences, next: first }
    }

    /// How [`Self::receive`] waits from now on.
    pub fn wait_by(&mut self, patience: Patience) {
        self.patience = patience;
    }

    pub fn len(&self) -> usize {
        self.sequences.len()
    }

    /// Connects until there are `count` clients.
    pub fn grow_to(&mut self, count: usize) -> Result<(), Failure> {
        let places = self.sockets.add_places(count - self.sequences.len());
        self.sequences.resize(count, Sequence::starting_at(self.next));
        let mut strict = Strict::new(&mut self.sequences, self.check, self.next);
        let places = places.map(|place| (place, Reading::AtOnce));
        let opened = Opening::default().open(&mut self.sockets, places, &mut strict, &Stop::default())?;
        strict.verdict()?;
        match self.sockets.open() {
            all if all == count => Ok(()),
            open => Err(format!("only {open} of {count} clients could connect: {}", opened.problems).into()),
        }
    }

    /// Waits until everybody has the next `messages` messages; calls `on_last` as each client gets its last one.
    pub fn receive(&mut self, messages: u64, mut on_last: impl FnMut()) -> Result<(), Failure> {
        let (deadline, until) = (Instant::now() + DEADLINE, self.next + messages);
        self.next = until;
        let mut strict = Strict::new(&mut self.sequences, self.check, until);
        strict.on_last = Some(&mut on_last);
        strict.waiting = strict.sequences.len();
        while strict.waiting > 0 {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return Err(format!(
                    "after {} s {} clients lack messages up to number {}",
                    DEADLINE.as_secs(),
                    strict.waiting,
                    until - 1
                )
                .into());
            };
            let sleep = if self.patience == Patience::Awake { Duration::ZERO } else { left };
            self.sockets.turn(sleep, &mut strict)?;
            strict.verdict()?;
        }
        Ok(())
    }

    /// Makes sure that nobody gets anything more.
    pub fn expect_silence(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + SILENCE;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            let mut strict = Strict::new(&mut self.sequences, self.check, self.next);
            self.sockets.turn(left, &mut strict)?;
            strict.verdict()?;
        }
        Ok(())
    }
}

/// Clients of a server, each of which reads in its own way; for scenarios that speak or listen in theirs.
pub fn connected(server: SocketAddr, path: &str, readings: Vec<Reading>) -> Result<sluicegate_load::Crowd, Failure> {
    let mut sockets = sluicegate_load::Crowd::new(Target::plain(server, path), DEADLINE)?;
    let (count, check): (_, Check) = (readings.len(), |_| None);
    let places = sockets.add_places(count).zip(readings);
    // Nothing is sent yet, so any message is a problem.
    let mut sequences = vec![Sequence::starting_at(0); count];
    let mut strict = Strict::new(&mut sequences, check, 0);
    let opened = Opening::default().open(&mut sockets, places, &mut strict, &Stop::default())?;
    strict.verdict()?;
    match sockets.open() {
        all if all == count => Ok(sockets),
        open => Err(format!("only {open} of {count} clients could connect: {}", opened.problems).into()),
    }
}

/// Takes only what must come, each once and in order.
struct Strict<'a> {
    sequences: &'a mut [Sequence],
    check: Check,
    until: u64,
    waiting: usize,
    on_last: Option<&'a mut dyn FnMut()>,
    problem: Option<String>,
}

impl<'a> Strict<'a> {
    fn new(sequences: &'a mut [Sequence], check: Check, until: u64) -> Self {
        Self { sequences, check, until, waiting: 0, on_last: None, problem: None }
    }

    fn verdict(&mut self) -> Result<(), Failure> {
        self.problem.take().map_or(Ok(()), |problem| Err(problem.into()))
    }
}

impl Listen for Strict<'_> {
    fn message(&mut self, place: usize, payload: &[u8], _: Instant) {
        let sequence = &mut self.sequences[place];
        let expected = sequence.next();
        let problem = match (self.check)(payload) {
            None => "a message was not as it was sent".to_owned(),
            Some(came) if came >= self.until => format!("message {came} came before it was sent"),
            Some(came) if came > expected => format!("message {came} came, but {expected} is missing"),
            Some(came) => match sequence.take(came) {
                Arrival::New => {
                    if came + 1 == self.until
                        && let Some(on_last) = &mut self.on_last
                    {
                        self.waiting -= 1;
                        on_last();
                    }
                    return;
                }
                Arrival::Again | Arrival::OutOfOrder => format!("message {came} came again (expected {expected})"),
            },
        };
        self.problem.get_or_insert(format!("client {place}: {problem}"));
    }

    fn ended(&mut self, place: usize, ending: Ending) {
        self.problem.get_or_insert(format!("client {place}: {ending}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_next_message_is_accepted() {
        for (came, problem) in [
            (Some(5), None),
            (Some(4), Some("came again")),
            (Some(6), Some("5 is missing")),
            (Some(8), Some("before it was sent")),
            (None, Some("not as it was sent")),
        ] {
            let mut sequences = [Sequence::starting_at(5)];
            let check = |payload: &[u8]| payload.first().map(|number| u64::from(*number));
            let mut strict = Strict::new(&mut sequences, check, 8);
            strict.message(0, &came.map_or(Vec::new(), |number: u8| vec![number]), Instant::now());
            let said = strict.verdict().err().map(|problem| problem.to_string());
            match problem {
                None => assert_eq!(said, None, "{came:?}"),
                Some(part) => assert!(said.as_deref().is_some_and(|said| said.contains(part)), "{came:?}: {said:?}"),
            }
        }
    }
}
