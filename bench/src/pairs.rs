//! Ours and the raw counterpart in turns, so that both halves of a pair see the same machine.

use crate::Failure;
use crate::machine::Watch;
use crate::report::{Paired, Side};
use crate::statistics::median;
use sluicegate_load::process::cpu;
use std::time::{Duration, Instant};

/// A pair during which others used more of the machine than this is noisy; it is replaced while there are attempts left.
pub const NOISY: f64 = 0.10;
/// Attempts, as a multiple of the pairs that are wanted.
pub const ATTEMPTS: u32 = 2;

/// What something cost a server, each time.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub cpu_us: f64,
    pub per_second: f64,
    /// The share of the machine that others used meanwhile.
    pub others: f64,
}

/// A measurement of one server's process under way.
pub struct Meter {
    pid: u32,
    cpu: Duration,
    watch: Watch,
    begun: Instant,
}

impl Meter {
    pub fn begin(pid: u32) -> Result<Self, Failure> {
        Ok(Self { pid, cpu: cpu(pid)?, watch: Watch::begin()?, begun: Instant::now() })
    }

    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The cost of each of `count`.
    pub fn end(self, count: u64) -> Result<Sample, Failure> {
        let (elapsed, cpu) = (self.begun.elapsed(), cpu(self.pid)? - self.cpu);
        Ok(Sample {
            cpu_us: cpu.as_nanos() as f64 / 1000.0 / count as f64,
            per_second: count as f64 / elapsed.as_secs_f64(),
            others: self.watch.others(cpu)?,
        })
    }
}

/// Measures until there are as many quiet pairs as wanted; if they do not come, all count.
pub fn in_turns(
    what: &str,
    system: &'static str,
    wanted: u32,
    mut ours: impl FnMut() -> Result<Sample, Failure>,
    mut raw: impl FnMut() -> Result<Sample, Failure>,
) -> Result<Paired, Failure> {
    let mut pairs = Vec::new();
    let quiet = |pairs: &[(Sample, Sample)]| pairs.iter().filter(|pair| !is_noisy(pair)).count();
    while quiet(&pairs) < wanted as usize && pairs.len() < (wanted * ATTEMPTS) as usize {
        let pair = (ours()?, raw()?);
        let noisy = if is_noisy(&pair) { " (noisy)" } else { "" };
        let number = pairs.len() + 1;
        eprintln!(
            "{what}, {system}, pair {number}: {:.1} µs of CPU each, raw {:.1} µs{noisy}",
            pair.0.cpu_us, pair.1.cpu_us
        );
        pairs.push(pair);
    }
    if quiet(&pairs) >= wanted as usize {
        pairs.retain(|pair| !is_noisy(pair));
    }
    Ok(row(system, &pairs))
}

fn is_noisy((ours, raw): &(Sample, Sample)) -> bool {
    ours.others.max(raw.others) > NOISY
}

fn row(system: &'static str, pairs: &[(Sample, Sample)]) -> Paired {
    let side = |of: fn(&(Sample, Sample)) -> Sample| Side {
        cpu_us: median(pairs.iter().map(|pair| of(pair).cpu_us)),
        per_second: median(pairs.iter().map(|pair| of(pair).per_second)),
    };
    Paired {
        system,
        ours: side(|pair| pair.0),
        raw: side(|pair| pair.1),
        per_cpu_of_raw: median(pairs.iter().map(|(ours, raw)| raw.cpu_us / ours.cpu_us)),
        per_second_of_raw: median(pairs.iter().map(|(ours, raw)| ours.per_second / raw.per_second)),
        pairs: pairs.len(),
        noisy_pairs: pairs.iter().filter(|pair| is_noisy(pair)).count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noisy_pairs_count_only_where_quiet_ones_are_too_few() {
        let sample = |cpu_us, others| Sample { cpu_us, per_second: 1000.0 / cpu_us, others };
        for (noise, pairs, noisy_pairs) in [(0.0, 2, 0), (0.5, 4, 4)] {
            let ours = || Ok(sample(20.0, noise));
            let row = in_turns("test", "hub", 2, ours, || Ok(sample(10.0, 0.0))).unwrap();
            assert_eq!((row.pairs, row.noisy_pairs), (pairs, noisy_pairs));
            assert_eq!((row.per_cpu_of_raw, row.per_second_of_raw), (0.5, 0.5));
        }
    }
}
