//! Echo: every connection sends and awaits its own reply.

use super::{Failure, Setup, Span, Stage, findings};
use crate::client::Ending;
use crate::crowd::Listen;
use crate::frame::Kind;
use crate::ledger::{MAX_UNDER_WAY, Sequence};
use crate::mark::{Found, Mark, Run, Scanner, Template};
use crate::opening::LOOK_EVERY;
use crate::pace::{Pace, Schedule};
use crate::problems::Problems;
use crate::report::{Messages, Report};
use crate::stream::Reading;
use crate::tally::{Tally, per_second};
use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// Messages that begin between two looks at the sockets.
const MAX_BURST: usize = 256;

/// What every connection has sent and got back.
struct Echoes {
    run: Run,
    scanner: Scanner,
    conversations: Vec<Conversation>,
    /// Connections that may send again, in a closed loop.
    ready: VecDeque<usize>,
    under_way: usize,
    /// Messages that were not sent because the server had not read those before them.
    held_back: u64,
    tally: Tally,
    ended: Problems,
    last_receipt: Option<Instant>,
}

#[derive(Clone, Debug, Default)]
struct Conversation {
    sequence: Sequence,
    sent: u64,
    /// Numbers that are waited for, and since when.
    waiting: VecDeque<(u64, Instant)>,
}

impl Listen for Echoes {
    fn message(&mut self, place: usize, payload: &[u8], at: Instant) {
        self.tally.bytes += payload.len() as u64;
        let (now, mut marks) = (self.run.microseconds(at), 0);
        let Self { scanner, conversations, ready, under_way, tally, .. } = self;
        scanner.scan(payload, |found| {
            marks += 1;
            match found {
                Found::Mark(mark) if mark.channel as usize == place && mark.sequence < conversations[place].sent => {
                    let conversation = &mut conversations[place];
                    tally.take(conversation.sequence.take(mark.sequence), now.saturating_sub(mark.sent_us));
                    if let Some(index) = conversation.waiting.iter().position(|(number, _)| *number == mark.sequence) {
                        conversation.waiting.remove(index);
                        *under_way -= 1;
                        ready.push_back(place);
                    }
                }
                Found::Mark(_) => tally.misdirected += 1,
                Found::Damaged => tally.damaged += 1,
            }
        });
        self.tally.unmarked += u64::from(marks == 0);
        self.last_receipt = Some(at);
    }

    fn ended(&mut self, place: usize, ending: Ending) {
        self.ended.add(&ending);
        if let Some(conversation) = self.conversations.get_mut(place) {
            self.under_way -= conversation.waiting.len();
            conversation.waiting.clear();
        }
    }
}

impl Echoes {
    /// Stops waiting for replies to what was sent before `deadline`. They are still missing.
    fn give_up(&mut self, deadline: Instant) {
        for (place, conversation) in self.conversations.iter_mut().enumerate() {
            while conversation.waiting.front().is_some_and(|(_, sent)| *sent < deadline) {
                conversation.waiting.pop_front();
                self.under_way -= 1;
                self.ready.push_back(place);
            }
        }
    }

    /// What each connection lacks.
    fn lacks(&self) -> Vec<findings::Lack> {
        let none = BTreeSet::new();
        let lack = |(place, conversation): (usize, &Conversation)| {
            let missing = conversation.sequence.missing(conversation.sent, &none);
            (missing > 0).then(|| (place, missing, conversation.sequence.first_missing(conversation.sent, &none)))
        };
        self.conversations.iter().enumerate().filter_map(lack).collect()
    }
}

pub(super) fn run(
    setup: &Setup,
    message: &Template,
    pace: Pace,
    span: Span,
    warm_up: Duration,
) -> Result<Report, Failure> {
    let run = Run::new();
    let mut echoes = Echoes {
        run,
        scanner: run.scanner(),
        conversations: vec![Conversation::default(); setup.connections],
        ready: VecDeque::new(),
        under_way: 0,
        held_back: 0,
        tally: Tally::default(),
        ended: Problems::default(),
        last_receipt: None,
    };
    let mut stage = Stage::open(setup, "echo", |_| Reading::AtOnce, &mut echoes, run)?;
    converse(&mut stage, &mut echoes, message, pace, Span { time: warm_up, messages: None })?;
    echoes.tally.latency = Default::default();
    let before = echoes.tally.received;
    stage.meter.lap();
    let (sent, took) = converse(&mut stage, &mut echoes, message, pace, span)?;
    let used = stage.meter.lap();
    let measured = echoes.tally.received - before;
    if let (Some(server), Some(used)) = (&mut stage.report.server, used) {
        server.cpu_us_per_message = Some(used.as_secs_f64() * 1e6 / measured.max(1) as f64);
        server.cpu_share = Some(used.as_secs_f64() / took.as_secs_f64().max(f64::EPSILON));
    }
    let lacks = echoes.lacks();
    let lost = lacks.iter().map(|(_, count, _)| count).sum();
    let mut deliveries = echoes.tally.deliveries(echoes.tally.received + lost, lost, took);
    deliveries.per_second = per_second(measured, took);
    findings::about_deliveries(&mut stage.report, &deliveries, &lacks);
    findings::about_endings(&mut stage.report, &echoes.ended);
    findings::about_held_back(&mut stage.report, echoes.held_back);
    stage.report.messages = Some(Messages { sent, seconds: took.as_secs_f64(), per_second: per_second(sent, took) });
    stage.report.deliveries = Some(deliveries);
    Ok(stage.finish())
}

/// Sends for as long as `span` says and waits for what is under way then. How many were sent, and how long it took.
fn converse(
    stage: &mut Stage<'_>,
    echoes: &mut Echoes,
    message: &Template,
    pace: Pace,
    span: Span,
) -> Result<(u64, Duration), Failure> {
    let (begun, mut sent, mut last_sent) = (Instant::now(), 0, Instant::now());
    if span.time.is_zero() {
        return Ok((0, Duration::ZERO));
    }
    let (connections, timeout) = (stage.setup.connections, stage.setup.timeout);
    let mut schedule = Schedule::begin(pace, begun);
    let (mut next, mut looked) = (0, begun);
    echoes.last_receipt = None;
    echoes.ready = match pace {
        Pace::InFlight(each) => (0..each).flat_map(|_| 0..connections).collect(),
        Pace::PerSecond(_) => VecDeque::new(),
    };
    loop {
        let now = Instant::now();
        let wanted = span.messages.is_none_or(|most| sent < most);
        let sending = wanted && now < begun + span.time && !stage.setup.stop.is_asked() && stage.crowd.open() > 0;
        if !sending && (echoes.under_way == 0 || now >= last_sent + timeout || stage.crowd.open() == 0) {
            break;
        }
        let mut burst = 0;
        while sending && burst < MAX_BURST && span.messages.is_none_or(|most| sent < most) {
            let (place, at) = match pace {
                Pace::InFlight(_) => match echoes.ready.pop_front() {
                    Some(place) => (place, Instant::now()),
                    None => break,
                },
                Pace::PerSecond(_) if echoes.under_way >= MAX_UNDER_WAY => break,
                Pace::PerSecond(_) => match schedule.due(now, 0) {
                    Some(at) => {
                        next += 1;
                        ((next - 1) % connections, at)
                    }
                    None => break,
                },
            };
            burst += 1;
            sent += u64::from(send(stage, echoes, message, place, at));
            last_sent = now;
        }
        let most = if burst == MAX_BURST { Duration::ZERO } else { LOOK_EVERY };
        let patience = if sending { schedule.patience(Instant::now(), most) } else { most };
        stage.crowd.turn(patience, echoes)?;
        if now >= looked + LOOK_EVERY {
            looked = now;
            echoes.give_up(now.checked_sub(timeout).unwrap_or(begun));
        }
        stage.ticker.tick(echoes.tally.received, |rate| {
            let p99 = echoes.tally.latency.quantile_ms(0.99);
            format!("{sent} sent, {rate:.0} replies/s, {} under way, p99 {p99:.2} ms", echoes.under_way)
        });
    }
    echoes.give_up(Instant::now() + timeout);
    Ok((sent, echoes.last_receipt.unwrap_or(last_sent).saturating_duration_since(begun)))
}

fn send(stage: &mut Stage<'_>, echoes: &mut Echoes, message: &Template, place: usize, at: Instant) -> bool {
    let sequence = echoes.conversations[place].sent;
    let mark = Mark { channel: place as u32, sequence, sent_us: stage.run.microseconds(at) };
    let text = message.render(&stage.run, mark);
    if !stage.crowd.is_open(place) {
        return false;
    }
    // Counted before it is sent: a connection that ends because of it has lost it.
    let conversation = &mut echoes.conversations[place];
    conversation.sent += 1;
    conversation.waiting.push_back((sequence, Instant::now()));
    echoes.under_way += 1;
    let sent = stage.crowd.send(place, Kind::Text, text.as_bytes(), echoes);
    if !sent && stage.crowd.is_open(place) {
        // The server does not read: what was not sent cannot be lost. Its turn comes again.
        let conversation = &mut echoes.conversations[place];
        conversation.sent -= 1;
        conversation.waiting.pop_back();
        echoes.under_way -= 1;
        echoes.held_back += 1;
        echoes.ready.push_back(place);
    }
    sent
}
