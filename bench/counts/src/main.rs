//! Runs one hot path a given number of times, so that the instructions of one run can be counted from outside.
//!
//! ```text
//! sluicegate-counts                        names of the scenarios, with the runs to count of each
//! sluicegate-counts decode-256-bytes 1000  a thousand runs
//! ```
//!
//! `cargo run -p xtask -- counts` calls it under callgrind, twice for each scenario with different numbers of runs: the
//! difference is what the runs cost, without start, preparation and end.

mod scenarios;

use scenarios::{SCENARIOS, Scenario};
use std::hint::black_box;
use std::process::ExitCode;

/// Ids are drawn from it, and every run of a program shall draw the same.
const SEED: u64 = 1;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            SCENARIOS.iter().for_each(|scenario| println!("{} {}", scenario.name, scenario.runs));
            Ok(())
        }
        [name, runs] => run(name, runs),
        _ => Err("usage: sluicegate-counts [SCENARIO RUNS]".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(name: &str, runs: &str) -> Result<(), String> {
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name);
    let scenario = scenario.ok_or_else(|| format!("there is no scenario {name}; without arguments all are named"))?;
    let runs = runs.parse().map_err(|_| format!("{runs} is no number of runs"))?;
    repeat(scenario, runs)
}

/// # Errors
/// A run did not do its work, so that its instructions say nothing.
fn repeat(scenario: &Scenario, runs: u32) -> Result<(), String> {
    fastrand::seed(SEED);
    let mut once = (scenario.prepare)();
    let idle = (0..runs).filter(|_| black_box(once()) == 0).count();
    if idle == 0 { Ok(()) } else { Err(format!("{}: {idle} of {runs} runs did nothing", scenario.name)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_does_its_work() {
        for scenario in SCENARIOS {
            repeat(scenario, 3).unwrap();
        }
    }
}
