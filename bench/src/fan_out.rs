//! Fan-out: what one delivery costs the server, beside what it costs a bare write.
//!
//! The bench gives an order, waits until every client has every message of it, and only then gives the next. So "1 pending"
//! is one write per socket and message, and "8 pending" is eight messages that are there at once.

use crate::Failure;
use crate::command_line::Arguments;
use crate::crowd::{Crowd, Patience};
use crate::machine::Watch;
use crate::pairs::{ATTEMPTS, NOISY};
use crate::payload;
use crate::report::{FanOut, FanOutSide, Report};
use crate::server_process::{Contender, Order, ServerProcess};
use crate::statistics::median;
use std::time::{Duration, Instant};

const PENDING: [u64; 2] = [1, 8];
/// How long each measurement lasts, and how few rounds it may have.
const MEASURED: Duration = Duration::from_millis(800);
const FEWEST_ROUNDS: u32 = 10;
/// Rounds before the first that counts: socket buffers, caches and allocators find their size.
const WARM_UP_ROUNDS: u32 = 5;

/// One contender with one number of pending messages.
#[derive(Clone, Copy, Debug)]
struct Sample {
    cpu_ns_per_delivery: f64,
    deliveries_per_second: f64,
    /// The share of the machine that others used meanwhile.
    others: f64,
}

/// The hub and then the raw writer, each with every number of pending messages.
struct Pair {
    hub: Vec<Sample>,
    raw: Vec<Sample>,
}

pub fn measure(arguments: &Arguments, report: &mut Report) -> Result<(), Failure> {
    for connections in &arguments.connections {
        let pairs = pairs(*connections, arguments.pairs)?;
        let quiet: Vec<&Pair> = pairs.iter().filter(|pair| !pair.is_noisy()).collect();
        // Too few quiet pairs are no better than all of them: the page says that the machine was busy.
        let enough = quiet.len() >= arguments.pairs as usize;
        let counted: Vec<&Pair> = if enough { quiet } else { pairs.iter().collect() };
        for (index, pending) in PENDING.into_iter().enumerate() {
            report.fan_out.push(row(*connections, pending, &counted, index));
        }
    }
    Ok(())
}

fn pairs(connections: usize, wanted: u32) -> Result<Vec<Pair>, Failure> {
    let (mut pairs, mut quiet) = (Vec::new(), 0);
    while quiet < wanted && pairs.len() < (wanted * ATTEMPTS) as usize {
        let pair = Pair { hub: run(Contender::Hub, connections)?, raw: run(Contender::Raw, connections)? };
        quiet += u32::from(!pair.is_noisy());
        eprintln!("fan-out, {connections} connections, pair {}: {pair}", pairs.len() + 1);
        pairs.push(pair);
    }
    Ok(pairs)
}

/// A fresh server, its clients, and every number of pending messages.
fn run(contender: Contender, connections: usize) -> Result<Vec<Sample>, Failure> {
    let mut server = contender.start()?;
    let mut crowd = Crowd::new(server.address, "/prod", payload::intact, 0)?;
    crowd.grow_to(connections)?;
    crowd.wait_by(Patience::Awake);
    let mut next = 0;
    let samples = PENDING.into_iter().map(|pending| sample(&mut server, &mut crowd, &mut next, pending));
    let samples = samples.collect::<Result<_, _>>().map_err(|problem| format!("{}: {problem}", contender.name()))?;
    crowd.expect_silence()?;
    Ok(samples)
}

fn sample(server: &mut ServerProcess, crowd: &mut Crowd, next: &mut u64, pending: u64) -> Result<Sample, Failure> {
    for _ in 0..WARM_UP_ROUNDS {
        round(server, crowd, next, pending)?;
    }
    let (watch, cpu, begun) = (Watch::begin()?, server.cpu()?, Instant::now());
    let mut rounds = 0;
    while rounds < FEWEST_ROUNDS || begun.elapsed() < MEASURED {
        round(server, crowd, next, pending)?;
        rounds += 1;
    }
    let (elapsed, cpu) = (begun.elapsed(), server.cpu()? - cpu);
    let deliveries = f64::from(rounds) * pending as f64 * crowd.len() as f64;
    Ok(Sample {
        cpu_ns_per_delivery: cpu.as_nanos() as f64 / deliveries,
        deliveries_per_second: deliveries / elapsed.as_secs_f64(),
        others: watch.others(cpu)?,
    })
}

fn round(server: &mut ServerProcess, crowd: &mut Crowd, next: &mut u64, pending: u64) -> Result<(), Failure> {
    server.order(Order::of(*next, pending))?;
    *next += pending;
    crowd.receive(pending, || ())?;
    let sent = server.sent()?;
    if sent != crowd.len() as u64 {
        return Err(format!("the server sent to {sent} of {} connections", crowd.len()).into());
    }
    Ok(())
}

fn row(connections: usize, pending: u64, pairs: &[&Pair], index: usize) -> FanOut {
    let side = |of: fn(&Pair) -> &Vec<Sample>| FanOutSide {
        cpu_ns_per_delivery: median(pairs.iter().map(|pair| of(pair)[index].cpu_ns_per_delivery)),
        deliveries_per_second: median(pairs.iter().map(|pair| of(pair)[index].deliveries_per_second)),
    };
    let ratios = pairs.iter().map(|pair| pair.hub[index].cpu_ns_per_delivery / pair.raw[index].cpu_ns_per_delivery);
    FanOut {
        connections,
        pending,
        hub: side(|pair| &pair.hub),
        raw: side(|pair| &pair.raw),
        ratio: median(ratios),
        pairs: pairs.len(),
        noisy_pairs: pairs.iter().filter(|pair| pair.is_noisy()).count(),
    }
}

impl Pair {
    fn is_noisy(&self) -> bool {
        self.hub.iter().chain(&self.raw).any(|sample| sample.others > NOISY)
    }
}

impl std::fmt::Display for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (pending, (hub, raw)) in PENDING.iter().zip(self.hub.iter().zip(&self.raw)) {
            let (hub_us, raw_us) = (hub.cpu_ns_per_delivery / 1000.0, raw.cpu_ns_per_delivery / 1000.0);
            write!(f, "{pending} pending {hub_us:.2} µs, raw {raw_us:.2} µs; ")?;
        }
        let others = self.hub.iter().chain(&self.raw).map(|sample| sample.others).fold(0.0, f64::max);
        write!(f, "others used {:.0} %", 100.0 * others)?;
        f.write_str(if self.is_noisy() { " (noisy)" } else { "" })
    }
}
