//! The subcommand from its arguments to its exit status.

use crate::command_line::{CommandLine, Format, Plan};
use crate::opening::Stop;
use crate::report::Outcome;
use crate::scenario::Failure;
use crate::table;
use clap::{ArgMatches, Command, CommandFactory};
use std::process::ExitCode;

const EXIT_FAILED: u8 = 1;
const EXIT_USAGE: u8 = 2;
const EXIT_LOSS: u8 = 3;
/// As a shell reports a process that an interrupt ended.
const EXIT_INTERRUPTED: i32 = 130;

/// The subcommand `load`.
pub fn command() -> Command {
    CommandLine::command()
}

/// Runs what was asked for, prints the result, and says with its status how it went.
pub fn run(matches: &ArgMatches) -> ExitCode {
    let stop = Stop::default();
    let plan = match Plan::read(matches, &stop) {
        Ok(plan) => plan,
        Err(failure) => return failed(&failure, EXIT_USAGE),
    };
    stop_on_interrupt(stop);
    let report = match plan.scenario.run(&plan.setup) {
        Ok(report) => report,
        Err(failure @ Failure::Plan(_)) => return failed(&failure, EXIT_USAGE),
        Err(failure) => return failed(&failure, EXIT_FAILED),
    };
    match plan.format {
        Format::Table => print!("{}", table::text(&report)),
        Format::Json => match serde_json::to_string_pretty(&report) {
            Ok(text) => println!("{text}"),
            Err(error) => eprintln!("the report cannot be written as JSON: {error}"),
        },
    }
    report.findings.iter().for_each(|finding| eprintln!("sluicegate load: {finding}"));
    match report.outcome {
        Outcome::Complete | Outcome::Interrupted => ExitCode::SUCCESS,
        Outcome::Loss => ExitCode::from(EXIT_LOSS),
    }
}

fn failed(failure: &Failure, status: u8) -> ExitCode {
    eprintln!("sluicegate load: {failure}");
    ExitCode::from(status)
}

/// Ctrl-C ends the run early, with its report; once more ends it at once.
fn stop_on_interrupt(stop: Stop) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    std::thread::spawn(move || {
        runtime.block_on(async {
            if tokio::signal::ctrl_c().await.is_ok() {
                eprintln!("ending the run; once more ends it at once");
                stop.ask();
                if tokio::signal::ctrl_c().await.is_ok() {
                    std::process::exit(EXIT_INTERRUPTED);
                }
            }
        });
    });
}
