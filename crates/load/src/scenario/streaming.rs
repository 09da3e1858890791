//! The loop of a stream: messages go out at their pace, deliveries are checked against the ledger, nothing is waited for
//! longer than its deadline.

use super::stream::SENT_AS;
use super::{Failure, Span, Stage};
use crate::client::Ending;
use crate::crowd::Listen;
use crate::latency::Latency;
use crate::ledger::{Ledger, Receipt, Sequence};
use crate::mark::{Found, Mark, Run, Scanner, Template};
use crate::opening::LOOK_EVERY;
use crate::pace::{Pace, Schedule};
use crate::problems::Problems;
use crate::requests::{Order, Recipient, Requests};
use crate::tally::Tally;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Messages that begin between two looks at the sockets.
const MAX_BURST: usize = 64;
/// Everybody's sequence.
const CHANNEL: u32 = 0;

/// Everybody who must receive the stream.
pub(super) struct Audience {
    run: Run,
    scanner: Scanner,
    pub ledger: Ledger,
    pub tally: Tally,
    pub ended: Problems,
    /// The connection that sends; what it receives does not count.
    pub publisher: usize,
    pub publisher_ended: Option<Ending>,
    /// Messages that were not sent because the server had not read those before them.
    pub held_back: u64,
    /// Those that stopped reading, and what they have got since.
    pub slow: HashMap<usize, Sequence>,
    pub slow_ended: Problems,
    last_receipt: Option<Instant>,
}

impl Audience {
    pub(super) fn new(run: Run, connections: usize) -> Self {
        Self {
            run,
            scanner: run.scanner(),
            ledger: Ledger::default(),
            tally: Tally::default(),
            ended: Problems::default(),
            publisher: connections,
            publisher_ended: None,
            held_back: 0,
            slow: HashMap::new(),
            slow_ended: Problems::default(),
            last_receipt: None,
        }
    }
}

impl Listen for Audience {
    fn message(&mut self, place: usize, payload: &[u8], at: Instant) {
        if place == self.publisher {
            return;
        }
        let now = self.run.microseconds(at);
        let Self { scanner, ledger, tally, slow, .. } = self;
        if let Some(sequence) = slow.get_mut(&place) {
            return scanner.scan(payload, |found| {
                if let Found::Mark(mark) = found {
                    sequence.take(mark.sequence);
                }
            });
        }
        let mut marks = 0;
        scanner.scan(payload, |found| {
            marks += 1;
            match found {
                Found::Damaged => tally.damaged += 1,
                Found::Mark(mark) if mark.channel != CHANNEL => tally.misdirected += 1,
                Found::Mark(mark) => match ledger.receive(place, mark.sequence) {
                    Receipt::Strange => tally.misdirected += 1,
                    Receipt::Taken(arrival) | Receipt::Complete(arrival) => {
                        tally.take(arrival, now.saturating_sub(mark.sent_us));
                    }
                },
            }
        });
        self.tally.bytes += payload.len() as u64;
        self.tally.unmarked += u64::from(marks == 0);
        self.last_receipt = Some(at);
    }

    fn ended(&mut self, place: usize, ending: Ending) {
        if place == self.publisher {
            self.publisher_ended.get_or_insert(ending);
        } else if self.slow.contains_key(&place) {
            self.slow_ended.add(ending);
        } else {
            self.ended.add(ending);
            self.ledger.leave(place);
        }
    }
}

/// Who sends.
pub(super) enum Origin {
    Connection {
        place: usize,
    },
    Requests(Requests),
    /// One to each connection, by its name at the server.
    Posts {
        requests: Requests,
        names: Vec<String>,
    },
}

impl Origin {
    fn has_room(&self) -> bool {
        match self {
            Self::Connection { .. } => true,
            Self::Requests(requests) => requests.has_room(1),
            Self::Posts { requests, names } => requests.has_room(names.len()),
        }
    }

    /// Messages that are not through because their request is not answered.
    fn unanswered(&self) -> usize {
        match self {
            // Posts to connections are through when they arrive.
            Self::Connection { .. } | Self::Posts { .. } => 0,
            Self::Requests(requests) => requests.under_way(),
        }
    }

    fn awaits_answers(&self) -> bool {
        match self {
            Self::Connection { .. } => false,
            Self::Requests(requests) | Self::Posts { requests, .. } => requests.under_way() > 0,
        }
    }

    fn requests(&mut self) -> Option<&mut Requests> {
        match self {
            Self::Connection { .. } => None,
            Self::Requests(requests) | Self::Posts { requests, .. } => Some(requests),
        }
    }
}

pub(super) struct Streaming<'a> {
    pub stage: Stage<'a>,
    pub audience: Audience,
    pub origin: Origin,
    pub message: &'a Template,
    pub pace: Pace,
    /// Requests, by why they failed.
    pub failed: Problems,
    /// Requests that succeeded.
    pub answered: Latency,
}

/// What a phase came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Phase {
    pub sent: u64,
    /// From the first message to the last receipt.
    pub took: Duration,
}

impl Streaming<'_> {
    /// Sends for as long as `span` says and waits for what is under way then.
    pub(super) fn phase(&mut self, span: Span) -> Result<Phase, Failure> {
        let begun = Instant::now();
        if span.time.is_zero() {
            return Ok(Phase { sent: 0, took: Duration::ZERO });
        }
        let timeout = self.stage.setup.timeout;
        let mut schedule = Schedule::begin(self.pace, begun);
        let (mut sent, mut last_sent) = (0, begun);
        self.audience.last_receipt = None;
        loop {
            let now = Instant::now();
            let sending = now < begun + span.time && span.messages.is_none_or(|most| sent < most) && self.can_go_on();
            let waiting = self.audience.ledger.incomplete() > 0 || self.origin.awaits_answers();
            if !sending && (!waiting || now >= last_sent + timeout || self.stage.crowd.open() == 0) {
                break;
            }
            let mut burst = 0;
            while sending && burst < MAX_BURST && span.messages.is_none_or(|most| sent < most) {
                let under_way = self.audience.ledger.incomplete().max(self.origin.unanswered());
                let room = self.audience.ledger.has_room() && self.origin.has_room();
                let Some(at) = (if room { schedule.due(now, under_way) } else { None }) else { break };
                self.send(at);
                (burst, sent, last_sent) = (burst + 1, sent + 1, now);
            }
            let most = if burst == MAX_BURST { Duration::ZERO } else { LOOK_EVERY };
            let patience = if sending { schedule.patience(Instant::now(), most) } else { most };
            self.stage.crowd.turn(patience, &mut self.audience)?;
            self.take_answers();
            self.audience.ledger.give_up(now.checked_sub(timeout).unwrap_or(begun));
            self.tick();
        }
        // Whoever lacks something now lacks it; the next phase does not wait for it.
        self.audience.ledger.give_up(Instant::now() + timeout);
        let last = self.audience.last_receipt.map_or(last_sent, |receipt| receipt.max(last_sent));
        Ok(Phase { sent, took: last.saturating_duration_since(begun) })
    }

    fn can_go_on(&self) -> bool {
        let open = self.stage.crowd.open() > usize::from(matches!(self.origin, Origin::Connection { .. }));
        open && !self.stage.setup.stop.is_asked() && self.audience.publisher_ended.is_none()
    }

    fn send(&mut self, at: Instant) {
        let number = self.audience.ledger.send(Instant::now());
        let mark = Mark { channel: CHANNEL, sequence: number, sent_us: self.stage.run.microseconds(at) };
        let body = self.message.render(&self.stage.run, mark);
        match &mut self.origin {
            Origin::Connection { place } => {
                if !self.stage.crowd.send(*place, SENT_AS, body.as_bytes(), &mut self.audience) {
                    self.audience.ledger.void(number);
                    self.audience.held_back += u64::from(self.stage.crowd.is_open(*place));
                }
            }
            Origin::Requests(requests) => requests.order(Order { number, body, to: None }),
            Origin::Posts { requests, names } => {
                for (place, id) in names.iter().enumerate().filter(|(place, _)| self.stage.crowd.is_open(*place)) {
                    let to = Some(Recipient { place, id: id.clone() });
                    requests.order(Order { number, body: body.clone(), to });
                }
            }
        }
    }

    fn take_answers(&mut self) {
        let answers = self.origin.requests().map(Requests::answers).unwrap_or_default();
        for answer in answers {
            match (answer.outcome, answer.place) {
                (Ok(()), _) => self.answered.record_duration(answer.took),
                (Err(why), Some(place)) => {
                    self.failed.add(why);
                    self.audience.ledger.abandon(place, answer.number);
                }
                (Err(why), None) => {
                    self.failed.add(why);
                    self.audience.ledger.void(answer.number);
                }
            }
        }
    }

    fn tick(&mut self) {
        let Self { stage, audience, .. } = self;
        stage.ticker.tick(audience.tally.received, |rate| {
            let (open, sent, under_way) = (stage.crowd.open(), audience.ledger.sent(), audience.ledger.incomplete());
            let p99 = audience.tally.latency.quantile_ms(0.99);
            format!("{open} open, {sent} sent, {rate:.0} deliveries/s, {under_way} under way, p99 {p99:.2} ms")
        });
    }
}
