//! A change: one `PutItem` over HTTP, through table, stream, mapping and handler, to every client.
//!
//! The loop is closed: the next change is written when the last one has been received by everybody.

use crate::Failure;
use crate::command_line::Arguments;
use crate::crowd::Crowd;
use crate::disk::Disk;
use crate::payload;
use crate::product::Product;
use crate::report::Change;
use crate::statistics::percentile;
use crate::writer::Writer;
use sluicegate_load::process::cpu;
use std::time::{Duration, Instant};

/// How long each number of clients is measured, and how many changes at most.
const MEASURED: Duration = Duration::from_secs(6);
const MOST_CHANGES: u64 = 2_000;
const WARM_UP_CHANGES: u64 = 50;
/// Parts of a measurement, each after a look at the disk alone.
const TURNS: u32 = 5;
/// The writer and what is beside it.
struct Bench {
    server: Product,
    writer: Writer,
    /// The number of the next change.
    next: u64,
    disk: Disk,
}

pub fn measure(arguments: &Arguments, rows: &mut Vec<Change>) -> Result<(), Failure> {
    let server = Product::start(arguments.server.as_deref())?;
    let (writer, disk) = (Writer::connect(server.address)?, Disk::new(server.data())?);
    let mut bench = Bench { server, writer, next: 1, disk };
    // Without clients first: how long the writer waits for its own answer.
    for clients in std::iter::once(0).chain(arguments.clients.iter().copied()) {
        let row = bench.with_clients(clients)?;
        eprintln!(
            "change, {clients} clients: p50 {:.2} ms, p99 {:.2} ms; fsync alone {:.3} and {:.3} ms",
            row.p50_ms, row.p99_ms, row.fsync.p50_ms, row.fsync.p99_ms
        );
        rows.push(row);
    }
    Ok(())
}

impl Bench {
    fn with_clients(&mut self, clients: usize) -> Result<Change, Failure> {
        let mut crowd = Crowd::new(self.server.address, &self.server.path, payload::sequence, self.next)?;
        crowd.grow_to(clients)?;
        for _ in 0..WARM_UP_CHANGES {
            self.change(&mut crowd, &mut Vec::new())?;
        }
        let mut used = Duration::ZERO;
        let (mut changes, mut receipts, mut last_receipts) = (0, Vec::new(), Vec::new());
        // The disk alone and the changes in turns.
        for _ in 0..TURNS {
            self.disk.probe()?;
            let (cpu_before, begun) = (cpu(self.server.pid())?, Instant::now());
            let until = changes + MOST_CHANGES / u64::from(TURNS);
            while changes < until && begun.elapsed() < MEASURED / TURNS {
                last_receipts.push(self.change(&mut crowd, &mut receipts)?);
                changes += 1;
            }
            used += cpu(self.server.pid())? - cpu_before;
        }
        crowd.expect_silence()?;
        let times = if clients == 0 { &mut last_receipts.clone() } else { &mut receipts };
        Ok(Change {
            clients,
            changes,
            p50_ms: percentile(times, 0.5),
            p99_ms: percentile(times, 0.99),
            last_client_p50_ms: percentile(&mut last_receipts, 0.5),
            last_client_p99_ms: percentile(&mut last_receipts, 0.99),
            cpu_us_per_change: used.as_nanos() as f64 / 1000.0 / changes as f64,
            fsync: self.disk.figures(),
        })
    }

    /// Writes one change and waits for everybody. Adds each client's time to `receipts` and returns the time until all had it,
    /// or until the answer if nobody waits; in milliseconds.
    fn change(&mut self, crowd: &mut Crowd, receipts: &mut Vec<f64>) -> Result<f64, Failure> {
        let begun = Instant::now();
        let elapsed = || begun.elapsed().as_secs_f64() * 1000.0;
        self.writer.put(self.next)?;
        self.next += 1;
        crowd.receive(1, || receipts.push(elapsed()))?;
        let received = elapsed();
        self.writer.confirm()?;
        Ok(if crowd.len() == 0 { elapsed() } else { received })
    }
}
