//! Echo: a message through route selection and a function that answers by route response, beside a bare echo loop.

use crate::Failure;
use crate::command_line::Arguments;
use crate::crowd::connected;
use crate::pairs::{Meter, Sample, in_turns};
use crate::payload;
use crate::report::Paired;
use crate::server_process::Contender;
use sluicegate_load::{Crowd, Ending, Kind, Listen, Reading};
use std::time::{Duration, Instant};

/// How long each run is measured, and how many echoes of each client come before.
const MEASURED: Duration = Duration::from_millis(800);
const WARM_UP_ECHOES: u64 = 5;
/// No echo takes that long; what does is lost.
const DEADLINE: Duration = Duration::from_secs(10);

pub fn measure(arguments: &Arguments) -> Result<Vec<Paired>, Failure> {
    let clients = arguments.echo_connections;
    let row =
        in_turns("echo", "hub", arguments.pairs, || run(Contender::Hub, clients), || run(Contender::Raw, clients))?;
    Ok(vec![row])
}

fn run(contender: Contender, clients: usize) -> Result<Sample, Failure> {
    let server = contender.start()?;
    let mut crowd = connected(server.address, "/prod", vec![Reading::AtOnce; clients])?;
    let mut echoes = Echoes { next: vec![0; clients], answered: (0..clients).collect(), count: 0, problem: None };
    while echoes.count < WARM_UP_ECHOES * clients as u64 {
        turn(&mut crowd, &mut echoes)?;
    }
    let (meter, before) = (Meter::begin(server.pid())?, echoes.count);
    while meter.elapsed() < MEASURED {
        turn(&mut crowd, &mut echoes)?;
    }
    meter.end(echoes.count - before)
}

/// Sends the next message of everybody who was answered, and takes what answers come.
fn turn(crowd: &mut Crowd, echoes: &mut Echoes) -> Result<(), Failure> {
    for place in std::mem::take(&mut echoes.answered) {
        let message = payload::question(echoes.next[place]);
        if !crowd.send(place, Kind::Text, &message, echoes) {
            return Err(format!("client {place} could not send").into());
        }
    }
    let begun = Instant::now();
    while echoes.answered.is_empty() {
        if begun.elapsed() > DEADLINE {
            return Err(format!("no echo came within {} s", DEADLINE.as_secs()).into());
        }
        crowd.turn(DEADLINE, echoes)?;
        if let Some(problem) = echoes.problem.take() {
            return Err(problem.into());
        }
    }
    Ok(())
}

struct Echoes {
    /// The number of each client's next message.
    next: Vec<u64>,
    /// Clients that may speak.
    answered: Vec<usize>,
    count: u64,
    problem: Option<String>,
}

impl Listen for Echoes {
    fn message(&mut self, place: usize, payload: &[u8], _: Instant) {
        if payload != payload::question(self.next[place]) {
            self.problem.get_or_insert(format!("client {place}: what came back is not what was sent"));
        }
        self.next[place] += 1;
        self.count += 1;
        self.answered.push(place);
    }

    fn ended(&mut self, place: usize, ending: Ending) {
        self.problem.get_or_insert(format!("client {place}: {ending}"));
    }
}
