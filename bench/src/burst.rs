//! A burst: many changes at once through table, stream, mapping and function, and one client that must get each of them.

use crate::Failure;
use crate::command_line::Arguments;
use crate::crowd::connected;
use crate::payload;
use crate::peak::Peak;
use crate::product::Product;
use crate::report::Burst;
use crate::writer::{BATCH_ROWS, Writer};
use sluicegate_load::process::{cpu, memory};
use sluicegate_load::{Ending, Listen, Reading};
use std::net::SocketAddr;
use std::ops::Range;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Connections that write at a time, each to rows of its own, so that the order of a row's changes is known.
const WRITERS: u64 = 4;
/// Rows that the burst changes, again and again.
const ROWS: u64 = WRITERS * BATCH_ROWS;
/// The client gets nothing for so long: the rest is lost.
const SILENCE: Duration = Duration::from_secs(15);

pub fn measure(arguments: &Arguments) -> Result<Burst, Failure> {
    let server = Product::start(arguments.server.as_deref())?;
    // The first change of a server sets up more than itself. Numbers go on: writing a row as it is changes nothing.
    pour(&server, 0, ROWS, ROWS)?;
    let before = memory(server.pid())?;
    let peak = Peak::watch(server.pid());
    let used = cpu(server.pid())?;
    let poured = pour(&server, ROWS, arguments.changes, ROWS)?;
    let used = cpu(server.pid())? - used;
    let burst = Burst {
        changes: poured.changes,
        written_per_second: poured.changes as f64 / poured.written.as_secs_f64(),
        delivered_per_second: poured.changes as f64 / poured.delivered.as_secs_f64(),
        messages: poured.messages,
        cpu_us_per_change: used.as_nanos() as f64 / 1000.0 / poured.changes as f64,
        private_bytes_before: before.private,
        private_bytes_most: peak.end()?,
    };
    eprintln!("burst: {:.0} changes a second", burst.delivered_per_second);
    Ok(burst)
}

/// What became of changes of which none was lost.
pub struct Poured {
    pub changes: u64,
    pub written: Duration,
    pub delivered: Duration,
    pub messages: u64,
}

/// Writes changes, numbered from `first`, to so many rows in turns, and waits until one client has each of them exactly once,
/// those of a row in order.
pub fn pour(server: &Product, first: u64, changes: u64, rows: u64) -> Result<Poured, Failure> {
    let round = WRITERS * BATCH_ROWS;
    let changes = changes.div_ceil(round) * round;
    let mut crowd = connected(server.address, &server.path, vec![Reading::AtOnce])?;
    let mut dashboard = Dashboard::new(first, changes, rows);
    let begun = Instant::now();
    let writers: Vec<_> =
        (0..WRITERS).map(|writer| write(server.address, first + writer * BATCH_ROWS..first + changes, rows)).collect();
    let mut heard = Instant::now();
    while dashboard.missing > 0 {
        let before = dashboard.messages;
        crowd.turn(SILENCE / 10, &mut dashboard)?;
        if let Some(problem) = dashboard.problem.take() {
            return Err(problem.into());
        }
        if dashboard.messages > before {
            heard = Instant::now();
        } else if heard.elapsed() > SILENCE {
            return Err(format!("{} of {changes} changes were lost", dashboard.missing).into());
        }
    }
    let delivered = begun.elapsed();
    let mut written = Duration::ZERO;
    for writer in writers {
        let ended = writer.join().map_err(|_| "a writer panicked")??;
        written = written.max(ended.duration_since(begun));
    }
    Ok(Poured { changes, written, delivered, messages: dashboard.messages })
}

/// Every [`WRITERS`]th batch; when the last of them was answered.
fn write(server: SocketAddr, numbers: Range<u64>, rows: u64) -> JoinHandle<Result<Instant, String>> {
    let write = move || -> Result<Instant, Failure> {
        let mut connection = Writer::connect(server)?;
        for first in numbers.step_by((WRITERS * BATCH_ROWS) as usize) {
            connection
                .put_batch((first..first + BATCH_ROWS).map(|number| (format!("row-{}", number % rows), number)))?;
            connection.confirm()?;
        }
        Ok(Instant::now())
    };
    std::thread::spawn(move || write().map_err(|failure| failure.to_string()))
}

/// The one client.
struct Dashboard {
    first: u64,
    arrived: Vec<bool>,
    /// Of each row, the number that must be below the next.
    last: Vec<Option<u64>>,
    missing: u64,
    messages: u64,
    problem: Option<String>,
}

impl Dashboard {
    fn new(first: u64, changes: u64, rows: u64) -> Self {
        let (arrived, last) = (vec![false; changes as usize], vec![None; rows as usize]);
        Self { first, arrived, last, missing: changes, messages: 0, problem: None }
    }

    fn take(&mut self, number: u64) -> Result<(), String> {
        let place = number.checked_sub(self.first).and_then(|place| self.arrived.get_mut(place as usize));
        let arrived = place.ok_or(format!("change {number} was never made"))?;
        if std::mem::replace(arrived, true) {
            return Err(format!("change {number} came again"));
        }
        let rows = self.last.len() as u64;
        let last = self.last[(number % rows) as usize].replace(number);
        if last.is_some_and(|last| last > number) {
            return Err(format!("change {number} of a row came after a later one"));
        }
        self.missing -= 1;
        Ok(())
    }
}

impl Listen for Dashboard {
    fn message(&mut self, _: usize, payload: &[u8], _: Instant) {
        self.messages += 1;
        let outcome = payload::sequences(payload).try_for_each(|number| self.take(number));
        self.problem = self.problem.take().or(outcome.err());
    }

    fn ended(&mut self, _: usize, ending: Ending) {
        self.problem.get_or_insert(format!("the client: {ending}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_repetition_and_disorder_of_a_row_are_seen() {
        for (numbers, missing, problem) in [
            (&[4, 5, 6, 7][..], 0, None),
            (&[5, 4, 7, 6], 0, None),
            (&[4, 5, 6], 1, None),
            (&[4, 4], 3, Some("again")),
            (&[6, 4], 3, Some("later")),
            (&[8], 4, Some("never")),
            (&[3], 4, Some("never")),
        ] {
            let mut dashboard = Dashboard::new(4, 4, 2);
            let outcome = numbers.iter().try_for_each(|number| dashboard.take(*number));
            assert_eq!(dashboard.missing, missing, "{numbers:?}");
            match (outcome, problem) {
                (Ok(()), None) => {}
                (Err(said), Some(part)) => assert!(said.contains(part), "{said}"),
                (outcome, _) => panic!("{numbers:?}: {outcome:?}"),
            }
        }
    }
}
