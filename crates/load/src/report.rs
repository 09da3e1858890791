//! Everything a run found out, in the shape of `--json`.

use crate::latency::Percentiles;
use crate::problems::Problem;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub struct Report {
    pub scenario: &'static str,
    pub url: String,
    /// The run's name, which stands in every mark.
    pub run: String,
    pub outcome: Outcome,
    pub connections: Connections,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<Messages>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<Requests>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliveries: Option<Deliveries>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_readers: Option<SlowReaders>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<Idle>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rounds: Vec<Round>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<Server>,
    /// What makes the run a failed one, in sentences. Empty exactly when the outcome is `complete`, or a run was interrupted.
    pub findings: Vec<String>,
    /// What one should know besides.
    pub notes: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything that had to arrive arrived.
    Complete,
    /// Something was lost: deliveries, replies or connections. The findings name it.
    Loss,
    /// Ended early by the user; nothing was lost until then.
    Interrupted,
}

#[derive(Debug, Default, Serialize)]
pub struct Connections {
    pub opened: u64,
    /// From the first handshake to the last.
    pub seconds: f64,
    pub per_second: f64,
    /// From the first packet to the 101.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Percentiles>,
    /// Those that ended before the run did, by reason.
    pub ended: Vec<Problem>,
}

#[derive(Debug, Default, Serialize)]
pub struct Messages {
    pub sent: u64,
    pub seconds: f64,
    pub per_second: f64,
}

#[derive(Debug, Serialize)]
pub struct Requests {
    pub answered: u64,
    pub failed: Vec<Problem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Percentiles>,
}

#[derive(Debug, Default, Serialize)]
pub struct Deliveries {
    pub expected: u64,
    pub received: u64,
    pub lost: u64,
    pub duplicates: u64,
    pub out_of_order: u64,
    /// Messages with a mark that is not as it was sent.
    pub damaged: u64,
    /// Messages for another connection, or that were never sent.
    pub misdirected: u64,
    /// Messages without a mark of this run.
    pub unmarked: u64,
    pub bytes: u64,
    pub per_second: f64,
    /// From when the message was sent, or in an open loop should have been, to its receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Percentiles>,
}

#[derive(Debug, Serialize)]
pub struct SlowReaders {
    pub connections: usize,
    /// The others, while everybody read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_before: Option<Percentiles>,
    /// The others' p99 while some did not read, divided by that before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_ratio: Option<f64>,
    /// What the server's private memory grew by while they did not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_bytes_grown: Option<u64>,
    /// How those that had stopped were ended, by reason.
    pub ended: Vec<Problem>,
    /// Those that read again and got everything.
    pub caught_up: usize,
    /// Those that are still connected and did not get everything.
    pub behind: usize,
}

#[derive(Debug, Serialize)]
pub struct Idle {
    pub held_seconds: f64,
    /// CPU time of the server while nothing happened, as a share of one core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_share: Option<f64>,
}

/// Everybody left and came back.
#[derive(Debug, Serialize)]
pub struct Round {
    pub returned: u64,
    pub seconds: f64,
    pub per_second: f64,
    /// Attempts that were refused and tried again, by reason.
    pub refused: Vec<Problem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Percentiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_us_per_connection: Option<f64>,
}

/// The server process: user and system time of its threads, and its memory.
#[derive(Debug, Default, Serialize)]
pub struct Server {
    pub pid: u32,
    pub cpu_us_per_connection: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_us_per_delivery: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_us_per_message: Option<f64>,
    /// The share of one core that was used while messages were under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_share: Option<f64>,
    pub private_bytes: u64,
    pub resident_bytes: u64,
    pub private_bytes_per_connection: f64,
    pub resident_bytes_per_connection: f64,
}

impl Report {
    /// Decides the outcome once all findings are there.
    pub(crate) fn conclude(&mut self, interrupted: bool) {
        self.outcome = match (self.findings.is_empty(), interrupted) {
            (false, _) => Outcome::Loss,
            (true, true) => Outcome::Interrupted,
            (true, false) => Outcome::Complete,
        };
    }
}
