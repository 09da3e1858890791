//! Idle connections: what each one holds in the server's memory.

use crate::Failure;
use crate::command_line::Arguments;
use crate::crowd::Crowd;
use crate::payload;
use crate::product::Product;
use crate::report::{Idle, Report};
use crate::server_process::Contender;
use sluicegate_load::process::settled_memory;
use std::net::SocketAddr;

/// Connections before the first that counts: what a server sets up once is no property of a connection.
const WARM_UP_CONNECTIONS: usize = 100;

pub fn measure(arguments: &Arguments, report: &mut Report) -> Result<(), Failure> {
    let connections = arguments.idle_connections;
    for contender in [Contender::Raw, Contender::Hub] {
        let server = contender.start()?;
        report.idle.push(hold(contender.name(), server.pid(), server.address, "/prod", connections)?);
    }
    let server = Product::start(arguments.server.as_deref())?;
    report.idle.push(hold("server", server.pid(), server.address, &server.path, connections)?);
    Ok(())
}

fn hold(system: &'static str, pid: u32, address: SocketAddr, path: &str, connections: usize) -> Result<Idle, Failure> {
    let mut crowd = Crowd::new(address, path, payload::intact, 0)?;
    crowd.grow_to(WARM_UP_CONNECTIONS.min(connections / 10))?;
    let counted = (connections - crowd.len()) as f64;
    let memory = settled_memory(pid)?;
    crowd.grow_to(connections)?;
    let held = settled_memory(pid)?;
    crowd.expect_silence()?;
    let each = |after: u64, before: u64| after.saturating_sub(before) as f64 / counted;
    let row = Idle {
        system,
        connections,
        private_bytes_per_connection: each(held.private, memory.private),
        resident_bytes_per_connection: each(held.resident, memory.resident),
        private_bytes: held.private,
    };
    eprintln!("idle, {connections} connections, {system}: {:.0} bytes each", row.private_bytes_per_connection);
    Ok(row)
}
