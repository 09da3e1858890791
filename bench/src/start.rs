//! A start: from the command to the line that says `ready`, on data that are there; and how large the binary is.

use crate::Failure;
use crate::burst::pour;
use crate::command_line::Arguments;
use crate::product::{Product, program};
use crate::report::Starts;
use crate::statistics::median;

const STARTS: usize = 5;

pub fn measure(arguments: &Arguments) -> Result<Starts, Failure> {
    let binary = arguments.server.as_deref();
    let server = Product::start(binary)?;
    let empty_ms = server.ready_after.as_secs_f64() * 1000.0;
    // Each change is a row of its own; all of them are delivered before the server ends, so that none is left to do.
    let items = pour(&server, 0, arguments.items, arguments.items)?.changes;
    let mut data = server.stop()?;
    let mut times_ms = Vec::new();
    for _ in 0..STARTS {
        let server = Product::start_on(data, binary)?;
        times_ms.push(server.ready_after.as_secs_f64() * 1000.0);
        data = server.stop()?;
    }
    eprintln!("start, {items} items: {times_ms:.0?} ms");
    Ok(Starts {
        items,
        empty_ms,
        best_ms: times_ms.iter().copied().fold(f64::INFINITY, f64::min),
        median_ms: median(times_ms),
        binary_bytes: program(binary)?.metadata()?.len(),
    })
}
