//! `make bench`: what a delivery costs, what an idle connection holds, how long a change takes.
//!
//! The method is fixed in `docs/reference/performance.md`. In short: the unit is CPU time of the server process per message
//! that a client received and checked; every figure stands beside that of a raw socket writer, measured seconds apart on the
//! same machine; a run in which anything was lost, doubled or out of order is a failed run.
//!
//! One binary plays every part. The parent holds the clients and reads the figures; `serve-raw`, `serve-http` and `serve-hub` are this
//! binary again, started as processes of their own so that their CPU time and memory are theirs alone; the whole server is
//! the ordinary `sluicegate` binary beside this one.

mod accept;
mod burst;
mod change;
mod command_line;
mod crowd;
mod crowded;
mod disk;
mod echo;
mod fan_out;
mod frame;
mod function;
mod http_server;
mod hub_server;
mod idle;
mod machine;
mod open_loop;
mod page;
mod pairs;
mod payload;
mod peak;
mod post;
mod product;
mod rate;
mod raw_server;
mod report;
mod server_process;
mod signing;
mod slow_readers;
mod start;
mod statistics;
mod table;
mod tables;
mod writer;

use command_line::{Arguments, Part, Scenario};
use report::Report;
use std::error::Error;
use std::process::ExitCode;

/// What ends a bench: the message says what failed and what to do.
type Failure = Box<dyn Error>;

/// That of the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = command_line::parse();
    let outcome = match arguments.part {
        Some(Part::Raw) => raw_server::run().map_err(Failure::from),
        Some(Part::Hub(options)) => hub_server::run(options),
        Some(Part::Http) => http_server::run(),
        None => measure(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("the bench failed: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<(), Failure> {
    sluicegate_load::make_room(arguments.largest_crowd())?;
    let mut report = Report::begin()?;
    for scenario in arguments.scenarios() {
        match scenario {
            Scenario::FanOut => fan_out::measure(arguments, &mut report)?,
            Scenario::Idle => idle::measure(arguments, &mut report)?,
            Scenario::Accept => report.accept = Some(accept::measure(arguments)?),
            Scenario::Post => report.post = post::measure(arguments)?,
            Scenario::Echo => report.echo = echo::measure(arguments)?,
            Scenario::Function => report.functions = Some(function::measure(arguments)?),
            Scenario::Crowd => crowded::measure(arguments, &mut report.crowd)?,
            Scenario::Burst => report.burst = Some(burst::measure(arguments)?),
            Scenario::Start => report.start = Some(start::measure(arguments)?),
            Scenario::SlowReaders => report.slow_readers = Some(slow_readers::measure(arguments)?),
            Scenario::Rate => report.rate = Some(rate::measure(arguments)?),
            Scenario::Change => change::measure(arguments, &mut report.change)?,
        }
    }
    report.finish()?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", table::text(&report));
    }
    if let Some(path) = &arguments.write {
        page::write(path, &report)?;
        eprintln!("wrote {}", path.display());
    }
    Ok(())
}
