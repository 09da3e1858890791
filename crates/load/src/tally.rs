//! What came, counted.

use crate::latency::Latency;
use crate::ledger::Arrival;
use crate::report::Deliveries;
use std::time::Duration;

#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub received: u64,
    pub duplicates: u64,
    pub out_of_order: u64,
    pub damaged: u64,
    pub misdirected: u64,
    pub unmarked: u64,
    pub bytes: u64,
    pub latency: Latency,
}

impl Tally {
    pub(crate) fn take(&mut self, arrival: Arrival, latency_us: u64) {
        match arrival {
            Arrival::Again => self.duplicates += 1,
            Arrival::New | Arrival::OutOfOrder => {
                self.received += 1;
                self.out_of_order += u64::from(arrival == Arrival::OutOfOrder);
                self.latency.record(latency_us);
            }
        }
    }

    /// With what was expected and did not come, over the time that it took.
    pub(crate) fn deliveries(&self, expected: u64, lost: u64, took: Duration) -> Deliveries {
        Deliveries {
            expected,
            received: self.received,
            lost,
            duplicates: self.duplicates,
            out_of_order: self.out_of_order,
            damaged: self.damaged,
            misdirected: self.misdirected,
            unmarked: self.unmarked,
            bytes: self.bytes,
            per_second: per_second(self.received, took),
            latency: self.latency.percentiles(),
        }
    }
}

pub(crate) fn per_second(count: u64, took: Duration) -> f64 {
    if took.is_zero() { 0.0 } else { count as f64 / took.as_secs_f64() }
}
