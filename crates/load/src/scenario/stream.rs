//! A stream of messages that everybody must receive: fan-out, change-to-client, and both with readers that stop.

use super::streaming::{Audience, Origin, Streaming};
use super::{Failure, Setup, Span, Stage, findings};
use crate::frame::Kind;
use crate::latency::Latency;
use crate::ledger::Sequence;
use crate::mark::{Run, Template};
use crate::opening::{LOOK_EVERY, Opening, Stop};
use crate::pace::Pace;
use crate::process::Memory;
use crate::report::{Messages, Report, Requests as RequestFigures, SlowReaders as SlowFigures};
use crate::requests::{Call, Requesting, Requests};
use crate::stream::Reading;
use crate::tally::per_second;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A name for a connection that is longer is none.
const MAX_ID_BYTES: usize = 128;

#[derive(Clone, Debug)]
pub struct Stream {
    pub source: Source,
    pub message: Template,
    pub pace: Pace,
    pub span: Span,
    pub warm_up: Duration,
    pub slow_readers: Option<SlowReaders>,
}

/// Where messages come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// One more connection sends them, and the server passes them on to all.
    Connection,
    /// Requests make the server send them.
    Requests(Requesting),
    /// As before, one to each connection, by the name under which the server knows it. The message asks for that name.
    Posts { requesting: Requesting, ask: Template },
}

/// The share of connections that stop reading, between 0 and 1; at least one does.
#[derive(Clone, Copy, Debug)]
pub struct SlowReaders {
    pub share: f64,
}

impl Stream {
    pub(super) fn name(&self) -> &'static str {
        match (&self.slow_readers, &self.source) {
            (Some(_), _) => "slow-readers",
            (None, Source::Requests(Requesting { call: Call::PutItem { .. }, .. })) => "change",
            (None, _) => "fan-out",
        }
    }

    pub(super) fn run(&self, setup: &Setup) -> Result<Report, Failure> {
        self.check()?;
        let run = Run::new();
        let mut audience = Audience::new(run, setup.connections);
        let slow_from = self.slow_from(setup.connections);
        let reading = |place| if place < slow_from { Reading::AtOnce } else { Reading::Reluctantly };
        let mut stage = Stage::open(setup, self.name(), reading, &mut audience, run)?;
        let origin = self.origin(&mut stage, &mut audience)?;
        (0..setup.connections)
            .filter(|place| stage.crowd.is_open(*place))
            .for_each(|place| audience.ledger.join(place));
        let mut streaming = Streaming {
            stage,
            audience,
            origin,
            message: &self.message,
            pace: self.pace,
            failed: <_>::default(),
            answered: <_>::default(),
        };
        streaming.phase(Span { time: self.warm_up, messages: None })?;
        streaming.audience.tally.latency = Latency::default();
        streaming.answered = Latency::default();
        let slow = match self.slow_readers {
            Some(_) => Some(streaming.with_slow_readers(slow_from, self.span)?),
            None => {
                streaming.measured_phase(self.span)?;
                None
            }
        };
        Ok(streaming.report(slow))
    }

    fn check(&self) -> Result<(), Failure> {
        match &self.source {
            Source::Requests(requesting) => requesting.call.check(&self.message).map_err(Failure::Plan),
            _ => Ok(()),
        }
    }

    /// The first place whose client will stop reading.
    fn slow_from(&self, connections: usize) -> usize {
        let slow = |SlowReaders { share }: SlowReaders| ((connections as f64 * share).round() as usize).max(1);
        connections - self.slow_readers.map_or(0, slow).min(connections)
    }

    fn origin(&self, stage: &mut Stage<'_>, audience: &mut Audience) -> Result<Origin, Failure> {
        let start = |requesting: &Requesting, stage: &Stage<'_>| {
            Requests::start(requesting.clone(), stage.setup.roots.as_deref(), stage.crowd.waker())
        };
        match &self.source {
            Source::Connection => {
                let place = stage.crowd.add_places(1).start;
                audience.publisher = place;
                let dialed = [(place, Reading::AtOnce)];
                let opened = Opening::default().open(&mut stage.crowd, dialed, audience, &Stop::default())?;
                if !stage.crowd.is_open(place) {
                    return Err(Failure::Unopened { open: 0, wanted: 1, problems: opened.problems });
                }
                stage.meter.lap();
                Ok(Origin::Connection { place })
            }
            Source::Requests(requesting) => Ok(Origin::Requests(start(requesting, stage)?)),
            Source::Posts { requesting, ask } => {
                let names = stage.ask("question for their connectionId", ask, connection_id, audience)?;
                Ok(Origin::Posts { requests: start(requesting, stage)?, names })
            }
        }
    }
}

/// The value of the first `"connectionId"` in a message.
fn connection_id(payload: &[u8]) -> Option<String> {
    const KEY: &str = "\"connectionId\"";
    let text = std::str::from_utf8(payload).ok()?;
    let rest = text[text.find(KEY)? + KEY.len()..].trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let id = &rest[..rest.find('"')?];
    (!id.is_empty() && id.len() <= MAX_ID_BYTES).then(|| id.to_owned())
}

impl Streaming<'_> {
    /// A phase whose cost goes into the report.
    fn measured_phase(&mut self, span: Span) -> Result<(), Failure> {
        self.stage.meter.lap();
        let before = self.audience.tally.received;
        let phase = self.phase(span)?;
        let received = self.audience.tally.received - before;
        let used = self.stage.meter.lap();
        if let (Some(server), Some(used)) = (&mut self.stage.report.server, used) {
            let microseconds = used.as_secs_f64() * 1e6;
            server.cpu_us_per_delivery = Some(microseconds / received.max(1) as f64);
            server.cpu_us_per_message = Some(microseconds / phase.sent.max(1) as f64);
            server.cpu_share = Some(used.as_secs_f64() / phase.took.as_secs_f64().max(f64::EPSILON));
        }
        self.stage.report.messages = Some(Messages {
            sent: phase.sent,
            seconds: phase.took.as_secs_f64(),
            per_second: per_second(phase.sent, phase.took),
        });
        let rate = per_second(received, phase.took);
        self.stage.report.deliveries = Some(self.audience.tally.deliveries(0, 0, phase.took));
        self.stage.report.deliveries.iter_mut().for_each(|deliveries| deliveries.per_second = rate);
        Ok(())
    }

    /// A phase in which everybody reads, one in which some do not, and what becomes of those afterwards.
    fn with_slow_readers(&mut self, slow_from: usize, span: Span) -> Result<SlowFigures, Failure> {
        self.phase(span)?;
        let before = std::mem::take(&mut self.audience.tally.latency).percentiles();
        let slow = slow_from..self.stage.setup.connections;
        self.stage.ticker.say(&format!("{} connections stop reading", slow.len()));
        let first = self.audience.ledger.sent();
        for place in slow.clone() {
            self.audience.ledger.dismiss(place);
            self.audience.slow.insert(place, Sequence::starting_at(first));
            self.stage.crowd.set_reading(place, false);
        }
        let memory = self.stage.meter.memory();
        self.measured_phase(span)?;
        let grown =
            |Memory { private, .. }: Memory| self.stage.meter.memory().map(|now| now.private.saturating_sub(private));
        let private_bytes_grown = memory.and_then(grown);
        self.stage.ticker.say(&format!("{} connections read again", slow.len()));
        slow.for_each(|place| self.stage.crowd.set_reading(place, true));
        let (caught_up, behind) = self.catch_up()?;
        let after = self.audience.tally.latency.percentiles();
        let p99_ratio = before.zip(after).map(|(before, after)| after.p99_ms / before.p99_ms.max(f64::EPSILON));
        Ok(SlowFigures {
            connections: self.audience.slow.len(),
            latency_before: before,
            p99_ratio,
            private_bytes_grown,
            ended: self.audience.slow_ended.lines(),
            caught_up,
            behind,
        })
    }

    /// Waits until every slow reader has everything or is gone; how many have, and how many are there and have not.
    fn catch_up(&mut self) -> Result<(usize, usize), Failure> {
        let (sent, none) = (self.audience.ledger.sent(), BTreeSet::new());
        let deadline = Instant::now() + self.stage.setup.timeout;
        loop {
            let there = self.audience.slow.iter().filter(|(place, _)| self.stage.crowd.is_open(**place));
            let missing: Vec<bool> = there.map(|(_, sequence)| sequence.missing(sent, &none) > 0).collect();
            let behind = missing.iter().filter(|missing| **missing).count();
            if behind == 0 || Instant::now() >= deadline || self.stage.setup.stop.is_asked() {
                return Ok((missing.len() - behind, behind));
            }
            self.stage.crowd.turn(LOOK_EVERY, &mut self.audience)?;
        }
    }

    fn report(self, slow: Option<SlowFigures>) -> Report {
        let Self { mut stage, audience, origin, failed, answered, .. } = self;
        let lacks: Vec<findings::Lack> = audience.ledger.missing().collect();
        let lost: u64 = lacks.iter().map(|(_, count, _)| count).sum();
        let rate = stage.report.deliveries.take().map_or(0.0, |deliveries| deliveries.per_second);
        let mut deliveries = audience.tally.deliveries(audience.tally.received + lost, lost, Duration::ZERO);
        deliveries.per_second = rate;
        findings::about_deliveries(&mut stage.report, &deliveries, &lacks);
        findings::about_endings(&mut stage.report, &audience.ended);
        if let Some(ending) = &audience.publisher_ended {
            stage.report.findings.push(format!("the connection that sends ended: {ending}"));
        }
        if audience.held_back > 0 {
            findings::about_held_back(&mut stage.report, audience.held_back);
        }
        if let Origin::Requests(_) | Origin::Posts { .. } = origin {
            if failed.total() > 0 {
                stage.report.findings.push(format!("{} requests failed: {failed}", failed.total()));
            }
            if deliveries.out_of_order > 0 {
                stage.report.notes.push("requests were made at the same time, so their order was open".to_owned());
            }
            stage.report.requests = Some(RequestFigures {
                answered: answered.count(),
                failed: failed.lines(),
                latency: answered.percentiles(),
            });
        }
        if let Some(slow) = &slow
            && slow.behind > 0
        {
            stage.report.findings.push(format!("{} slow readers are connected but never got everything", slow.behind));
        }
        stage.report.slow_readers = slow;
        stage.report.deliveries = Some(deliveries);
        stage.finish()
    }
}

/// What the connection that sends sends.
pub(super) const SENT_AS: Kind = Kind::Text;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_id_is_found_in_what_api_gateway_answers() {
        for (payload, id) in [
            (r#"{"message":"Forbidden","connectionId":"abc=","requestId":"x"}"#, Some("abc=")),
            (r#"{"connectionId" : "a"}"#, Some("a")),
            (r#"{"connectionId":""}"#, None),
            (r#"{"connectionId":"never ends"#, None),
            (r#"{"other":1}"#, None),
        ] {
            assert_eq!(connection_id(payload.as_bytes()).as_deref(), id, "{payload}");
        }
    }
}
