//! `@connections`: a signed POST over HTTP to a client, beside the same HTTP stack answering an empty 200.
//!
//! Both servers get the same bytes, which are signed before the clock runs. A request is done when it is answered; after
//! each round every client must have its message.

use crate::Failure;
use crate::command_line::Arguments;
use crate::crowd::{Crowd, connected};
use crate::pairs::{Meter, Sample, in_turns};
use crate::payload;
use crate::report::Paired;
use crate::server_process::{Contender, ServerProcess};
use crate::signing::signed_post;
use crate::writer::answer;
use sluicegate_load::{Ending, Kind, Listen, Reading};
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Clients that are posted to, one after the other.
const RECIPIENTS: usize = 96;
/// Connections that stay open, each with one request at a time.
const SENDERS: usize = 16;
const WARM_UP_ROUNDS: u64 = 2;
const DEADLINE: Duration = Duration::from_secs(10);

pub fn measure(arguments: &Arguments) -> Result<Vec<Paired>, Failure> {
    let rounds = WARM_UP_ROUNDS + arguments.posts.div_ceil(RECIPIENTS) as u64;
    let raw = || {
        let server = Contender::Http.start()?;
        // As long as those of the hub.
        let ids = vec!["AAAAAAAAAAAAAAA=".to_owned(); RECIPIENTS];
        exchange(&server, &requests(server.address, &ids, rounds)?, |_| Ok(()))
    };
    let to_hub = |arguments: &[&str]| {
        let server = Contender::Hub.start_with(arguments)?;
        // Who is who does not matter: in each round everybody gets the same number.
        let identities = Identities::default();
        let mut askers = connected(server.address, "/prod", vec![Reading::AtOnce; RECIPIENTS])?;
        let ids = identities.ask(&mut askers)?;
        let requests = requests(server.address, &ids, rounds)?;
        let mut crowd = Crowd::of(askers, payload::intact, 0);
        exchange(&server, &requests, |_| crowd.receive(1, || ()))
    };
    Ok(vec![
        in_turns("post", "hub, signature not verified", arguments.pairs, || to_hub(&[]), raw)?,
        in_turns("post", "hub, signature verified", arguments.pairs, || to_hub(&["--credentials"]), raw)?,
    ])
}

/// All requests, by round.
fn requests(server: SocketAddr, ids: &[String], rounds: u64) -> Result<Vec<Vec<Vec<u8>>>, Failure> {
    let round = |number| {
        let body = payload::message(number);
        ids.iter().map(|id| signed_post(server, &format!("/prod/%40connections/{}", escaped(id)), &body)).collect()
    };
    (0..rounds).map(round).collect()
}

/// Ids are base64; of its signs these two mean something else in a path.
fn escaped(id: &str) -> String {
    id.replace('=', "%3D").replace('/', "%2F").replace('+', "%2B")
}

fn exchange(
    server: &ServerProcess,
    requests: &[Vec<Vec<u8>>],
    mut delivered: impl FnMut(u64) -> Result<(), Failure>,
) -> Result<Sample, Failure> {
    let mut senders = (0..SENDERS).map(|_| sender(server.address)).collect::<Result<Vec<_>, _>>()?;
    let mut meter = Meter::begin(server.pid())?;
    for (number, round) in (0..).zip(requests) {
        if number == WARM_UP_ROUNDS {
            meter = Meter::begin(server.pid())?;
        }
        for some in round.chunks(SENDERS) {
            for (sender, request) in senders.iter_mut().zip(some) {
                sender.get_mut().write_all(request)?;
            }
            for (sender, _) in senders.iter_mut().zip(some) {
                answer(sender)?;
            }
        }
        delivered(number)?;
    }
    meter.end((requests.len() as u64 - WARM_UP_ROUNDS) * RECIPIENTS as u64)
}

fn sender(server: SocketAddr) -> Result<BufReader<TcpStream>, Failure> {
    let socket = TcpStream::connect(server)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(DEADLINE))?;
    Ok(BufReader::new(socket))
}

/// The clients' connection ids, which a function tells who asks.
#[derive(Default)]
struct Identities {
    ids: Vec<String>,
    problem: Option<String>,
}

impl Identities {
    fn ask(mut self, crowd: &mut sluicegate_load::Crowd) -> Result<Vec<String>, Failure> {
        for place in 0..RECIPIENTS {
            // Who cannot send has no answer either.
            crowd.send(place, Kind::Text, payload::WHO_AM_I, &mut self);
        }
        let deadline = Instant::now() + DEADLINE;
        while self.ids.len() < RECIPIENTS {
            let left = deadline.checked_duration_since(Instant::now()).ok_or("the clients were not told their ids")?;
            crowd.turn(left, &mut self)?;
            if let Some(problem) = self.problem.take() {
                return Err(problem.into());
            }
        }
        Ok(self.ids)
    }
}

impl Listen for Identities {
    fn message(&mut self, _: usize, payload: &[u8], _: Instant) {
        self.ids.push(String::from_utf8_lossy(payload).into_owned());
    }

    fn ended(&mut self, place: usize, ending: Ending) {
        self.problem.get_or_insert(format!("client {place}: {ending}"));
    }
}
