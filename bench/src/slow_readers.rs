//! Slow readers: a stream of broadcasts during which one client in a hundred stops reading, beside the same stream while
//! everybody reads.

use crate::Failure;
use crate::command_line::Arguments;
use crate::crowd::connected;
use crate::machine::Watch;
use crate::open_loop::{Flow, Numbers};
use crate::pairs::NOISY;
use crate::payload;
use crate::peak::Peak;
use crate::report::SlowReaders;
use crate::server_process::{Contender, Order};
use crate::statistics::median;
use sluicegate_load::Reading;
use sluicegate_load::process::{cpu, settled_memory};

const ONE_IN: usize = 100;
/// Large messages in a short stream, and a queue that it overruns: what matters is what happens to those who are behind.
const MESSAGE_BYTES: usize = 8 * 1024;
const PER_SECOND: f64 = 4.0;
const QUEUE_BYTES: usize = 64 * 1024;
/// Broadcasts before the first that counts, with everybody reading, and those that count.
const WARM_UP: u64 = 4;
const MESSAGES: u64 = 40;
/// What slow readers get before the others connect: Linux holds almost 3 MB for a socket that nobody reads, and to overrun that
/// with what everybody gets would take minutes.
const FILL_MESSAGES: u64 = 45;
const FILL_BYTES: usize = 60 * 1024;

struct Run {
    p99_ms: f64,
    /// Of the server's private memory, at most.
    grown_bytes: u64,
    /// Connections that the server ended.
    ended: usize,
    others: f64,
}

pub fn measure(arguments: &Arguments) -> Result<SlowReaders, Failure> {
    let connections = arguments.slow_connections;
    let slow = connections.div_ceil(ONE_IN);
    let mut pairs = Vec::new();
    for number in 1..=arguments.pairs {
        let pair = (run(connections, slow)?, run(connections, 0)?);
        eprintln!(
            "slow-readers, {connections} connections, pair {number}: p99 {:.1} ms, {:.1} ms without them; {} of {slow} were \
             ended; others used {:.0} %",
            pair.0.p99_ms,
            pair.1.p99_ms,
            pair.0.ended,
            100.0 * pair.0.others.max(pair.1.others)
        );
        pairs.push(pair);
    }
    Ok(SlowReaders {
        connections,
        slow,
        p99_ms_without: median(pairs.iter().map(|pair| pair.1.p99_ms)),
        p99_ms_with: median(pairs.iter().map(|pair| pair.0.p99_ms)),
        ratio: median(pairs.iter().map(|(with, without)| with.p99_ms / without.p99_ms)),
        ended: median(pairs.iter().map(|pair| pair.0.ended as f64)),
        private_bytes_grown: pairs.iter().map(|pair| pair.0.grown_bytes).max().unwrap_or(0),
        private_bytes_grown_without: pairs.iter().map(|pair| pair.1.grown_bytes).max().unwrap_or(0),
        queue_bytes: (QUEUE_BYTES * slow) as u64,
        pairs: pairs.len(),
        noisy_pairs: pairs.iter().filter(|pair| pair.0.others.max(pair.1.others) > NOISY).count(),
    })
}

fn run(connections: usize, slow: usize) -> Result<Run, Failure> {
    let mut server = Contender::Hub.start_with(&["--outbound-queue-bytes", &QUEUE_BYTES.to_string()])?;
    let (pid, readers) = (server.pid(), connections - slow);
    // Nobody looks at this crowd again, so none of it reads.
    let _slow = connected(server.address, "/prod", vec![Reading::Reluctantly; slow])?;
    for number in 0..if slow > 0 { FILL_MESSAGES } else { 0 } {
        server.order(Order { first: number, messages: 1, bytes: FILL_BYTES })?;
        if server.sent()? < slow as u64 {
            return Err("slow readers were ended before the stream; fill less before it".into());
        }
    }
    let mut crowd = connected(server.address, "/prod", vec![Reading::AtOnce; readers])?;
    let numbers: Numbers = |payload, each| payload::undamaged(payload).into_iter().for_each(each);
    let flow = |first, messages| Flow { per_second: PER_SECOND, messages, first, readers, numbers };
    let mut send = |first| server.order(Order { first, messages: 1, bytes: MESSAGE_BYTES });
    flow(0, WARM_UP).run(&mut crowd, &mut send)?;
    let before = settled_memory(pid)?;
    let (watch, used, peak) = (Watch::begin()?, cpu(pid)?, Peak::watch(pid));
    let latency = flow(WARM_UP, MESSAGES).run(&mut crowd, &mut send)?;
    let others = watch.others(cpu(pid)? - used)?;
    let grown_bytes = peak.end()?.saturating_sub(before.private);
    let mut took = connections as u64;
    for _ in 0..WARM_UP + MESSAGES {
        took = took.min(server.sent()?);
    }
    Ok(Run { p99_ms: latency.quantile_ms(0.99), grown_bytes, ended: connections - took as usize, others })
}
