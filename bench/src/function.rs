//! Functions in processes: how long the first event takes, and what later ones take beside the handler's bare HTTP server.

use crate::Failure;
use crate::command_line::Arguments;
use crate::crowd::connected;
use crate::payload;
use crate::product::{Product, data_folder};
use crate::report::{ColdStart, Functions, WarmFunction};
use crate::statistics::{median, percentile};
use serde_json::{Value, json};
use sluicegate_load::{Crowd, Ending, Kind, Listen, Reading};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long each run is measured, and before.
const MEASURED: Duration = Duration::from_secs(2);
const WARM_UP: Duration = Duration::from_millis(500);
/// No event takes that long; what does is lost.
const DEADLINE: Duration = Duration::from_secs(30);
/// Events in flight.
const CONCURRENCY: [usize; 2] = [1, 4];
/// Each of them starts a process of its own.
const COLD_STARTS: usize = 7;
const RUNTIMES: [(&str, &str); 2] = [("node", "nodejs22.x"), ("python", "python3.12")];
const FILES: [(&str, &str); 3] = [
    ("app.js", include_str!("../functions/app.js")),
    ("app.py", include_str!("../functions/app.py")),
    ("server.js", include_str!("../functions/server.js")),
];

pub fn measure(arguments: &Arguments) -> Result<Functions, Failure> {
    let binary = arguments.server.as_deref();
    let data = data_folder(binary)?;
    for (name, text) in FILES {
        fs::write(data.path().join(name), text)?;
    }
    let api = data.path().join("api.json");
    fs::write(&api, definition().to_string())?;
    let argument = format!("--api={}", api.display());
    let node = NodeServer::start(data.path())?;
    let server = Product::start_with(data, binary, &["--app=none", &argument])?;

    let cold = RUNTIMES.iter().map(|(name, _)| cold(&server, name)).collect::<Result<_, _>>()?;
    let mut warm = Vec::new();
    for clients in CONCURRENCY {
        let mut pairs = Vec::new();
        for number in 1..=arguments.pairs {
            let pair = (through_server(&server, clients)?, bare(node.port, clients)?);
            eprintln!(
                "function, {clients} in flight, pair {number}: {:.0} a second, bare {:.0}",
                pair.0.per_second, pair.1.per_second
            );
            pairs.push(pair);
        }
        warm.push(row(clients, &pairs));
    }
    Ok(Functions { cold, warm })
}

/// An API whose default route echoes, and one route for each process that is started cold.
fn definition() -> Value {
    let cold = RUNTIMES
        .iter()
        .flat_map(|(name, runtime)| (0..COLD_STARTS).map(move |number| (format!("{name}-{number}"), *runtime)));
    let functions: Vec<(String, &str)> = cold.chain([("echo".to_owned(), RUNTIMES[0].1)]).collect();
    let route = |name: &String| {
        let key = if name == "echo" { "$default" } else { name };
        json!({
            "routeKey": key,
            "target": format!("integrations/{name}"),
            "routeResponseSelectionExpression": "$default",
            "routeResponses": [{ "routeResponseKey": "$default" }],
        })
    };
    let described = |runtime: &str| json!({ "runtime": runtime, "handler": "app.handler", "code": ".", "memorySize": 256, "timeoutSeconds": 30 });
    let named = |make: &dyn Fn(&str, &str) -> Value| -> Value {
        functions
            .iter()
            .map(|(name, runtime)| (name.clone(), make(name, runtime)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    json!({
        "apiId": "functions",
        "routeSelectionExpression": "$request.body.action",
        "integrations": named(&|name, _| json!({ "integrationType": "AWS_PROXY", "integrationUri": name })),
        "routes": functions.iter().map(|(name, _)| route(name)).collect::<Vec<_>>(),
        "stages": [{ "stageName": "prod" }],
        "functions": named(&|_, runtime| described(runtime)),
    })
}

/// From a message to its answer when there is no process yet.
fn cold(server: &Product, runtime: &'static str) -> Result<ColdStart, Failure> {
    let mut crowd = connected(server.address, &server.path, vec![Reading::AtOnce])?;
    let mut times_ms = Vec::new();
    for number in 0..COLD_STARTS {
        let message = format!(r#"{{"action":"{runtime}-{number}"}}"#).into_bytes();
        let mut talk = Talk::of(1);
        talk.say(&mut crowd, 0, message)?;
        talk.until_answered(&mut crowd)?;
        times_ms.append(&mut talk.times_ms);
    }
    eprintln!("function, {runtime}, cold: {times_ms:.0?} ms");
    Ok(ColdStart { runtime, starts: times_ms.len(), p50_ms: median(times_ms) })
}

/// One run: events a second, and how long they took.
#[derive(Clone, Copy, Debug)]
struct Run {
    per_second: f64,
    p50_ms: f64,
}

impl Run {
    fn of(mut times_ms: Vec<f64>, elapsed: Duration) -> Self {
        let per_second = times_ms.len() as f64 / elapsed.as_secs_f64();
        Self { per_second, p50_ms: percentile(&mut times_ms, 0.5) }
    }
}

fn row(clients: usize, pairs: &[(Run, Run)]) -> WarmFunction {
    WarmFunction {
        clients,
        per_second: median(pairs.iter().map(|(ours, _)| ours.per_second)),
        p50_ms: median(pairs.iter().map(|(ours, _)| ours.p50_ms)),
        bare_per_second: median(pairs.iter().map(|(_, bare)| bare.per_second)),
        bare_p50_ms: median(pairs.iter().map(|(_, bare)| bare.p50_ms)),
        of_bare: median(pairs.iter().map(|(ours, bare)| ours.per_second / bare.per_second)),
        pairs: pairs.len(),
    }
}

/// Messages to the function and back, one in flight for each client.
fn through_server(server: &Product, clients: usize) -> Result<Run, Failure> {
    let mut crowd = connected(server.address, &server.path, vec![Reading::AtOnce; clients])?;
    let mut talk = Talk::of(clients);
    talk.go_on(&mut crowd, WARM_UP)?;
    talk.times_ms.clear();
    let begun = Instant::now();
    talk.go_on(&mut crowd, MEASURED)?;
    Ok(Run::of(talk.times_ms, begun.elapsed()))
}

/// What clients have said and not been answered yet.
struct Talk {
    said: Vec<Option<(Instant, Vec<u8>)>>,
    number: u64,
    times_ms: Vec<f64>,
    problem: Option<String>,
}

impl Talk {
    fn of(clients: usize) -> Self {
        Self { said: vec![None; clients], number: 0, times_ms: Vec::new(), problem: None }
    }

    /// Everybody says the next thing when answered, for so long; then all are answered.
    fn go_on(&mut self, crowd: &mut Crowd, how_long: Duration) -> Result<(), Failure> {
        let begun = Instant::now();
        while begun.elapsed() < how_long {
            for place in 0..self.said.len() {
                if self.said[place].is_none() {
                    self.number += 1;
                    // Of no route of its own.
                    self.say(crowd, place, payload::message(self.number))?;
                }
            }
            self.turn(crowd)?;
        }
        self.until_answered(crowd)
    }

    fn say(&mut self, crowd: &mut Crowd, place: usize, message: Vec<u8>) -> Result<(), Failure> {
        self.said[place] = Some((Instant::now(), message.clone()));
        match crowd.send(place, Kind::Text, &message, self) {
            true => Ok(()),
            false => Err(format!("client {place} could not send").into()),
        }
    }

    fn until_answered(&mut self, crowd: &mut Crowd) -> Result<(), Failure> {
        let begun = Instant::now();
        while self.said.iter().any(Option::is_some) {
            if begun.elapsed() > DEADLINE {
                return Err(format!("a function did not answer within {} s", DEADLINE.as_secs()).into());
            }
            self.turn(crowd)?;
        }
        Ok(())
    }

    fn turn(&mut self, crowd: &mut Crowd) -> Result<(), Failure> {
        crowd.turn(DEADLINE, self)?;
        self.problem.take().map_or(Ok(()), |problem| Err(problem.into()))
    }
}

impl Listen for Talk {
    fn message(&mut self, place: usize, payload: &[u8], at: Instant) {
        match self.said[place].take() {
            Some((said, message)) if message == payload => {
                self.times_ms.push(at.saturating_duration_since(said).as_secs_f64() * 1000.0);
            }
            _ => {
                let came = String::from_utf8_lossy(payload);
                self.problem.get_or_insert(format!("client {place}: what came back is not what was sent: {came}"));
            }
        }
    }

    fn ended(&mut self, place: usize, ending: Ending) {
        self.problem.get_or_insert(format!("client {place}: {ending}"));
    }
}

/// The handler behind Node's HTTP server.
struct NodeServer {
    child: Child,
    port: u16,
}

impl NodeServer {
    fn start(folder: &Path) -> Result<Self, Failure> {
        let started = Command::new("node").arg("server.js").current_dir(folder).stdout(Stdio::piped()).spawn();
        let mut child = started.map_err(|error| format!("cannot start node: {error}; install it"))?;
        let output = child.stdout.take().ok_or("node has no standard output")?;
        let mut server = Self { child, port: 0 };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        server.port = line.trim().parse().map_err(|_| "node ended before it listened; what it said stands above")?;
        Ok(server)
    }
}

impl Drop for NodeServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Requests to the bare server, one in flight for each client.
fn bare(port: u16, clients: usize) -> Result<Run, Failure> {
    let begun = Instant::now();
    let threads: Vec<_> = (0..clients).map(|_| std::thread::spawn(move || requests(port, begun))).collect();
    let mut times_ms = Vec::new();
    for thread in threads {
        times_ms.extend(thread.join().map_err(|_| "a client of the bare server panicked")??);
    }
    Ok(Run::of(times_ms, MEASURED))
}

/// Those that end within the time that is measured.
fn requests(port: u16, begun: Instant) -> std::io::Result<Vec<f64>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let (mut times_ms, mut number, mut read) = (Vec::new(), 0, Vec::new());
    loop {
        number += 1;
        let message = payload::message(number);
        let body = json!({ "body": String::from_utf8_lossy(&message) }).to_string();
        let head = format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let said = Instant::now();
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
        let answer = response(&mut stream, &mut read)?;
        let answer: Value = serde_json::from_slice(&answer)?;
        if answer["body"].as_str().map(str::as_bytes) != Some(&message) {
            return Err(std::io::Error::other("what came back is not what was sent"));
        }
        match begun.elapsed().checked_sub(WARM_UP) {
            None => {}
            Some(measured) if measured <= MEASURED => times_ms.push(said.elapsed().as_secs_f64() * 1000.0),
            Some(_) => return Ok(times_ms),
        }
    }
}

/// The body of the one response that is on its way.
fn response(stream: &mut TcpStream, read: &mut Vec<u8>) -> std::io::Result<Vec<u8>> {
    read.clear();
    let mut piece = [0; 4096];
    loop {
        let length = stream.read(&mut piece)?;
        if length == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        read.extend_from_slice(&piece[..length]);
        let Some(head) = read.windows(4).position(|end| end == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&read[..head]).to_lowercase();
        let length = text.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse::<usize>().ok());
        let length = length.ok_or_else(|| std::io::Error::other("the response has no length"))?;
        if read.len() >= head + 4 + length {
            return Ok(read[head + 4..head + 4 + length].to_vec());
        }
    }
}
