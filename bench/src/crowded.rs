//! As many connections as there are descriptors: what they cost while nothing happens, and one message to all of them.

use crate::Failure;
use crate::command_line::Arguments;
use crate::crowd::{Check, Crowd};
use crate::payload;
use crate::product::Product;
use crate::report::Crowded;
use crate::server_process::{Contender, Order};
use crate::writer::Writer;
use sluicegate_load::process::{cpu, settled_memory};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long the idle crowd is watched: several ticks of every timer but the longest.
const WATCHED: Duration = Duration::from_secs(10);

/// A server with its crowd to be.
struct Host<'a> {
    system: &'static str,
    pid: u32,
    address: SocketAddr,
    path: &'a str,
    check: Check,
}

pub fn measure(arguments: &Arguments, rows: &mut Vec<Crowded>) -> Result<(), Failure> {
    let connections = arguments.crowd_connections()?;
    let mut hub = Contender::Hub.start()?;
    let (pid, address) = (hub.pid(), hub.address);
    let host = Host { system: "hub", pid, address, path: "/prod", check: payload::intact };
    rows.push(host.hold(connections, || hub.order(Order::of(0, 1)))?);
    let server = Product::start(arguments.server.as_deref())?;
    let mut writer = Writer::connect(server.address)?;
    let (pid, address, path) = (server.pid(), server.address, server.path.as_str());
    let host = Host { system: "server", pid, address, path, check: payload::sequence };
    rows.push(host.hold(connections, || writer.put(0))?);
    Ok(())
}

impl Host<'_> {
    fn hold(&self, connections: usize, send: impl FnOnce() -> Result<(), Failure>) -> Result<Crowded, Failure> {
        let mut crowd = Crowd::new(self.address, self.path, self.check, 0)?;
        crowd.grow_to(connections)?;
        let before = settled_memory(self.pid)?;
        let (used, begun) = (cpu(self.pid)?, Instant::now());
        std::thread::sleep(WATCHED);
        let idle_share = (cpu(self.pid)? - used).as_secs_f64() / begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        send()?;
        crowd.receive(1, || ())?;
        let last_client_ms = begun.elapsed().as_secs_f64() * 1000.0;
        crowd.expect_silence()?;
        let after = settled_memory(self.pid)?;
        eprintln!("crowd, {connections} connections, {}: {:.2} % of a core", self.system, 100.0 * idle_share);
        Ok(Crowded {
            system: self.system,
            connections,
            idle_share,
            last_client_ms,
            private_bytes_before: before.private,
            private_bytes_after: after.private,
        })
    }
}
