//! Everything that was measured, in the shape of `--json`.

use crate::Failure;
use crate::machine::{Load, Machine};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub struct Report {
    /// `YYYY-MM-DD`, UTC.
    pub date: String,
    pub machine: Machine,
    pub load_before: Load,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_after: Option<Load>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fan_out: Vec<FanOut>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub idle: Vec<Idle>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept: Option<Accepts>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub post: Vec<Paired>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub echo: Vec<Paired>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub functions: Option<Functions>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub crowd: Vec<Crowded>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_readers: Option<SlowReaders>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub change: Vec<Change>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<Burst>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Starts>,
}

/// Medians over pairs of runs.
#[derive(Debug, Serialize)]
pub struct FanOut {
    pub connections: usize,
    /// Messages that were there at once for each connection.
    pub pending: u64,
    pub hub: FanOutSide,
    pub raw: FanOutSide,
    /// The median of the pairs' own ratios of CPU time per delivery, hub to raw.
    pub ratio: f64,
    pub pairs: usize,
    /// Those among them during which others used the machine.
    pub noisy_pairs: usize,
}

#[derive(Debug, Serialize)]
pub struct FanOutSide {
    pub cpu_ns_per_delivery: f64,
    pub deliveries_per_second: f64,
}

/// Medians over pairs of runs.
#[derive(Debug, Serialize)]
pub struct Paired {
    pub system: &'static str,
    pub ours: Side,
    pub raw: Side,
    /// The median of the pairs' own ratios: how many a second of CPU time does, ours to raw.
    pub per_cpu_of_raw: f64,
    /// The same for a second of the clock.
    pub per_second_of_raw: f64,
    pub pairs: usize,
    /// Those among them during which others used the machine.
    pub noisy_pairs: usize,
}

#[derive(Debug, Serialize)]
pub struct Side {
    pub cpu_us: f64,
    pub per_second: f64,
}

#[derive(Debug, Serialize)]
pub struct Functions {
    pub cold: Vec<ColdStart>,
    pub warm: Vec<WarmFunction>,
}

/// From a message to its answer, where a process has to be started for it.
#[derive(Debug, Serialize)]
pub struct ColdStart {
    pub runtime: &'static str,
    pub starts: usize,
    pub p50_ms: f64,
}

/// Medians over pairs of runs: through the server, and to the handler behind Node's own HTTP server.
#[derive(Debug, Serialize)]
pub struct WarmFunction {
    /// Each with one message in flight.
    pub clients: usize,
    pub per_second: f64,
    pub p50_ms: f64,
    pub bare_per_second: f64,
    pub bare_p50_ms: f64,
    /// The median of the pairs' own ratios.
    pub of_bare: f64,
    pub pairs: usize,
}

#[derive(Debug, Serialize)]
pub struct Accepts {
    /// In each run.
    pub handshakes: usize,
    pub rows: Vec<Paired>,
    pub fsync: Fsync,
}

#[derive(Debug, Serialize)]
pub struct Idle {
    pub system: &'static str,
    pub connections: usize,
    pub private_bytes_per_connection: f64,
    pub resident_bytes_per_connection: f64,
    /// Of the whole process, with all connections.
    pub private_bytes: u64,
}

/// The disk alone, in the same folder, meanwhile.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Fsync {
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub writes: usize,
}

#[derive(Debug, Serialize)]
pub struct Change {
    /// 0: the times are those of the writer's own answer.
    pub clients: usize,
    pub changes: u64,
    /// Over the receipts of all clients.
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// Over the changes, until the last client had it.
    pub last_client_p50_ms: f64,
    pub last_client_p99_ms: f64,
    pub cpu_us_per_change: f64,
    pub fsync: Fsync,
}

#[derive(Debug, Serialize)]
pub struct Crowded {
    pub system: &'static str,
    pub connections: usize,
    /// Of one core, while nothing happens.
    pub idle_share: f64,
    /// Until the last client had the one message.
    pub last_client_ms: f64,
    pub private_bytes_before: u64,
    pub private_bytes_after: u64,
}

/// Medians over pairs of runs, with and without slow readers; memory is the most of any run.
#[derive(Debug, Serialize)]
pub struct SlowReaders {
    pub connections: usize,
    pub slow: usize,
    pub p99_ms_without: f64,
    pub p99_ms_with: f64,
    /// The median of the pairs' own ratios, with to without.
    pub ratio: f64,
    /// Slow readers whose connection the server ended.
    pub ended: f64,
    pub private_bytes_grown: u64,
    pub private_bytes_grown_without: u64,
    /// What the slow readers' queues may hold.
    pub queue_bytes: u64,
    pub pairs: usize,
    pub noisy_pairs: usize,
}

/// Medians over pairs of runs.
#[derive(Debug, Serialize)]
pub struct Rate {
    pub clients: usize,
    /// Changes, and bare broadcasts.
    pub per_second: f64,
    pub server: Times,
    pub raw: Times,
    pub fsync: Fsync,
    pub pairs: usize,
    pub noisy_pairs: usize,
}

/// Over the receipts of all clients.
#[derive(Debug, Serialize)]
pub struct Times {
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// Of which no change was lost.
#[derive(Debug, Serialize)]
pub struct Burst {
    pub changes: u64,
    pub written_per_second: f64,
    /// From the first write to the last receipt.
    pub delivered_per_second: f64,
    /// That the changes came in.
    pub messages: u64,
    pub cpu_us_per_change: f64,
    pub private_bytes_before: u64,
    pub private_bytes_most: u64,
}

#[derive(Debug, Serialize)]
pub struct Starts {
    /// In the data directory.
    pub items: u64,
    /// The only start on an empty one.
    pub empty_ms: f64,
    pub best_ms: f64,
    pub median_ms: f64,
    pub binary_bytes: u64,
}

impl Report {
    pub fn begin() -> Result<Self, Failure> {
        let (machine, load_before) = (Machine::look()?, Load::look()?);
        eprintln!("before: {load_before}");
        Ok(Self {
            date: time::OffsetDateTime::now_utc().date().to_string(),
            machine,
            load_before,
            load_after: None,
            fan_out: Vec::new(),
            idle: Vec::new(),
            accept: None,
            post: Vec::new(),
            echo: Vec::new(),
            functions: None,
            crowd: Vec::new(),
            slow_readers: None,
            change: Vec::new(),
            rate: None,
            burst: None,
            start: None,
        })
    }

    pub fn finish(&mut self) -> Result<(), Failure> {
        let load = Load::look()?;
        eprintln!("after: {load}");
        self.load_after = Some(load);
        Ok(())
    }
}

impl std::fmt::Display for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "load average {:.2}, {:.0} % of the machine in use by others", self.average, 100.0 * self.busy)
    }
}
