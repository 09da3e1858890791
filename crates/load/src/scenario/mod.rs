//! What can be done to a server, and what all of it has in common: connections are opened, a report is begun.

mod echo;
mod findings;
mod idle;
mod storm;
mod stream;
mod streaming;

pub use stream::{SlowReaders, Source, Stream};

use crate::client::Ending;
use crate::crowd::{Crowd, Listen};
use crate::files::{TooFewFiles, make_room};
use crate::frame::Kind;
use crate::mark::{Mark, Run, Template};
use crate::meter::Meter;
use crate::opening::{LOOK_EVERY, Opening, Stop};
use crate::pace::Pace;
use crate::problems::Problems;
use crate::progress::{Progress, Ticker};
use crate::report::{Connections, Outcome, Report};
use crate::stream::Reading;
use crate::tally::per_second;
use crate::target::{Target, TargetError};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What every scenario needs to know.
#[derive(Clone, Debug)]
pub struct Setup {
    pub target: Target,
    pub connections: usize,
    pub opening: Opening,
    /// For each handshake.
    pub handshake_timeout: Duration,
    /// Sent on every connection once it is open.
    pub greeting: Option<Template>,
    /// What the answer to the greeting contains.
    pub awaited: Option<String>,
    /// How long anything may take to arrive.
    pub timeout: Duration,
    /// Root certificates instead of the system's.
    pub roots: Option<PathBuf>,
    /// The server's process, if it is on this machine.
    pub pid: Option<u32>,
    pub progress: Progress,
    pub stop: Stop,
}

/// A scenario with what only it needs to know.
#[derive(Clone, Debug)]
pub enum Scenario {
    Stream(Box<Stream>),
    Echo { message: Template, pace: Pace, span: Span, warm_up: Duration },
    Idle { hold: Duration },
    Storm { rounds: u32, farewell: Option<u16>, within: Duration },
}

/// How long messages are sent.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub time: Duration,
    /// Ends it sooner.
    pub messages: Option<u64>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Files(#[from] TooFewFiles),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error("only {open} of {wanted} connections could be opened: {problems}{}", remedy(.problems))]
    Unopened { open: usize, wanted: usize, problems: Problems },
    #[error("after {timeout:?} {missing} of {connections} connections had no answer to their {what}{}", because(.ended))]
    Unanswered { what: &'static str, missing: usize, connections: usize, timeout: Duration, ended: Problems },
    #[error(
        "the figures of process {pid} cannot be read ({error}): give the server's own process, as its user or as root"
    )]
    Process { pid: u32, error: io::Error },
    #[error("{0}")]
    Plan(String),
    #[error("the operating system refused: {0}")]
    Io(#[from] io::Error),
}

fn remedy(problems: &Problems) -> &'static str {
    let text = problems.to_string();
    if text.contains("HTTP 429") || text.contains("HTTP 503") {
        "; servers limit how many connect at a time: slow down with --connect-rate"
    } else {
        ""
    }
}

fn because(ended: &Problems) -> String {
    if ended.total() == 0 { String::new() } else { format!("; connections ended: {ended}") }
}

impl Scenario {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Stream(stream) => stream.name(),
            Self::Echo { .. } => "echo",
            Self::Idle { .. } => "idle",
            Self::Storm { .. } => "storm",
        }
    }

    /// Runs to its end, which comes whatever the server does.
    pub fn run(&self, setup: &Setup) -> Result<Report, Failure> {
        match self {
            Self::Stream(stream) => stream.run(setup),
            Self::Echo { message, pace, span, warm_up } => echo::run(setup, message, *pace, *span, *warm_up),
            Self::Idle { hold } => idle::run(setup, *hold),
            Self::Storm { rounds, farewell, within } => storm::run(setup, *rounds, *farewell, *within),
        }
    }
}

/// A run whose connections are open.
pub(crate) struct Stage<'a> {
    setup: &'a Setup,
    run: Run,
    crowd: Crowd,
    meter: Meter,
    ticker: Ticker,
    report: Report,
}

impl<'a> Stage<'a> {
    /// Opens all connections and greets on each of them.
    fn open(
        setup: &'a Setup,
        scenario: &'static str,
        reading: impl Fn(usize) -> Reading,
        listener: &mut impl Listen,
        run: Run,
    ) -> Result<Self, Failure> {
        make_room(setup.connections)?;
        let mut meter =
            Meter::start(setup.pid).map_err(|error| Failure::Process { pid: setup.pid.unwrap_or_default(), error })?;
        let mut crowd = Crowd::new(setup.target.clone(), setup.handshake_timeout)?;
        let ticker = Ticker::new(setup.progress);
        ticker.say(&format!("opening {} connections to {}", setup.connections, setup.target.url));
        let places: Vec<_> = crowd.add_places(setup.connections).map(|place| (place, reading(place))).collect();
        let opened = setup.opening.open(&mut crowd, places, listener, &setup.stop)?;
        if crowd.open() < setup.connections && !setup.stop.is_asked() {
            let (open, wanted) = (crowd.open(), setup.connections);
            return Err(Failure::Unopened { open, wanted, problems: opened.problems });
        }
        let server = meter.opened(crowd.open());
        let connections = Connections {
            opened: crowd.open() as u64,
            seconds: opened.took.as_secs_f64(),
            per_second: per_second(crowd.open() as u64, opened.took),
            latency: opened.latency.percentiles(),
            ended: Vec::new(),
        };
        let report = Report {
            scenario,
            url: setup.target.url.clone(),
            run: run.name(),
            outcome: Outcome::Complete,
            connections,
            messages: None,
            requests: None,
            deliveries: None,
            slow_readers: None,
            idle: None,
            rounds: Vec::new(),
            server,
            findings: Vec::new(),
            notes: Vec::new(),
        };
        let mut stage = Self { setup, run, crowd, meter, ticker, report };
        stage.greet(listener)?;
        Ok(stage)
    }

    fn greet(&mut self, listener: &mut impl Listen) -> Result<(), Failure> {
        let Some(greeting) = &self.setup.greeting else { return Ok(()) };
        let awaited = self.setup.awaited.as_deref();
        let contains = |payload: &[u8]| {
            let text = awaited.unwrap_or_default();
            memchr::memmem::find(payload, text.as_bytes()).map(|_| String::new())
        };
        let places = 0..self.setup.connections;
        match awaited {
            None => places.for_each(|place| self.say(place, greeting, listener)),
            Some(_) => drop(self.ask("greeting", greeting, contains, listener)?),
        }
        Ok(())
    }

    fn say(&mut self, place: usize, message: &Template, listener: &mut impl Listen) {
        let mark = Mark { channel: place as u32, sequence: 0, sent_us: self.run.microseconds(Instant::now()) };
        self.crowd.send(place, Kind::Text, message.render(&self.run, mark).as_bytes(), listener);
    }

    /// Sends a message on every connection and waits until `wanted` found something in an answer to each.
    fn ask(
        &mut self,
        what: &'static str,
        message: &Template,
        wanted: impl Fn(&[u8]) -> Option<String>,
        listener: &mut impl Listen,
    ) -> Result<Vec<String>, Failure> {
        let connections = self.setup.connections;
        let mut asking = Asking {
            listener,
            wanted,
            answers: vec![None; connections],
            missing: connections,
            ended: Problems::default(),
        };
        (0..connections).for_each(|place| self.say(place, message, &mut asking));
        let deadline = Instant::now() + self.setup.timeout;
        while asking.missing > 0 && !self.setup.stop.is_asked() {
            if Instant::now() >= deadline || self.crowd.open() == 0 {
                let (missing, timeout, ended) = (asking.missing, self.setup.timeout, asking.ended);
                return Err(Failure::Unanswered { what, missing, connections, timeout, ended });
            }
            self.crowd.turn(LOOK_EVERY, &mut asking)?;
        }
        Ok(asking.answers.into_iter().map(Option::unwrap_or_default).collect())
    }

    fn finish(mut self) -> Report {
        self.report.conclude(self.setup.stop.is_asked());
        self.report
    }
}

/// Looks for answers, and passes everything on.
struct Asking<'a, L, W> {
    listener: &'a mut L,
    wanted: W,
    answers: Vec<Option<String>>,
    missing: usize,
    ended: Problems,
}

impl<L: Listen, W: Fn(&[u8]) -> Option<String>> Listen for Asking<'_, L, W> {
    fn message(&mut self, place: usize, payload: &[u8], at: Instant) {
        match self.answers.get_mut(place) {
            Some(answer @ None) => {
                *answer = (self.wanted)(payload);
                self.missing -= usize::from(answer.is_some());
            }
            _ => self.listener.message(place, payload, at),
        }
    }

    fn ended(&mut self, place: usize, ending: Ending) {
        self.ended.add(&ending);
        self.listener.ended(place, ending);
    }
}
