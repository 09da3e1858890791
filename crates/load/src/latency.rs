//! Latencies in a histogram of fixed size (HDR), and the figures that are taken from it.

use hdrhistogram::Histogram;
use serde::Serialize;
use std::time::Duration;

/// What takes longer counts as this long.
const LONGEST_US: u64 = 3_600_000_000;
/// Decimal digits that are kept of every value.
const DIGITS: u8 = 3;

#[derive(Clone, Debug)]
pub struct Latency {
    histogram: Histogram<u64>,
}

/// Percentiles in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Percentiles {
    pub count: u64,
    pub mean_ms: f64,
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub max_ms: f64,
}

impl Default for Latency {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST_US, DIGITS);
        Self { histogram: histogram.expect("1 µs to an hour with three digits is a valid range") }
    }
}

impl Latency {
    pub fn record(&mut self, microseconds: u64) {
        self.histogram.saturating_record(microseconds);
    }

    pub fn record_duration(&mut self, took: Duration) {
        self.record(u64::try_from(took.as_micros()).unwrap_or(LONGEST_US));
    }

    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The value that this share of all do not exceed, in milliseconds.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        self.histogram.value_at_quantile(share) as f64 / 1000.0
    }

    /// `None` of nothing.
    pub fn percentiles(&self) -> Option<Percentiles> {
        (self.count() > 0).then(|| Percentiles {
            count: self.count(),
            mean_ms: self.histogram.mean() / 1000.0,
            p50_ms: self.quantile_ms(0.5),
            p90_ms: self.quantile_ms(0.9),
            p99_ms: self.quantile_ms(0.99),
            p999_ms: self.quantile_ms(0.999),
            max_ms: self.histogram.max() as f64 / 1000.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_textbook() {
        let mut latency = Latency::default();
        assert!(latency.percentiles().is_none());
        (1..=1000).for_each(|milliseconds| latency.record(milliseconds * 1000));
        let figures = latency.percentiles().unwrap();
        for (figure, expected) in [
            (figures.p50_ms, 500.0),
            (figures.p90_ms, 900.0),
            (figures.p99_ms, 990.0),
            (figures.p999_ms, 999.0),
            (figures.max_ms, 1000.0),
        ] {
            assert!((figure - expected).abs() <= expected / 500.0, "{figure} for {expected}");
        }
        latency.record(u64::MAX);
        assert_eq!(latency.count(), 1001, "what is off the scale is counted at its end");
    }
}
