//! Accepting: handshakes through `$connect`, beside the bare upgrade.
//!
//! The hub's function answers 200 and stores nothing. The server's is that of live-metrics, which admits a client when its
//! row is durable; so the disk alone is measured between the runs.

use crate::Failure;
use crate::command_line::Arguments;
use crate::crowd::Crowd;
use crate::disk::Disk;
use crate::pairs::{Meter, Sample, in_turns};
use crate::payload;
use crate::product::{self, Product};
use crate::report::Accepts;
use crate::server_process::Contender;
use std::net::SocketAddr;

/// Connections before the first that counts.
const WARM_UP_CONNECTIONS: usize = 100;

pub fn measure(arguments: &Arguments) -> Result<Accepts, Failure> {
    let (count, pairs) = (arguments.handshakes, arguments.pairs);
    let raw = || {
        let server = Contender::Raw.start()?;
        handshakes(server.pid(), server.address, "/prod", count)
    };
    let hub = || {
        let server = Contender::Hub.start()?;
        handshakes(server.pid(), server.address, "/prod", count)
    };
    let mut rows = vec![in_turns("accept", "hub", pairs, hub, raw)?];
    let folder = product::data_folder(arguments.server.as_deref())?;
    let mut disk = Disk::new(folder.path())?;
    let server = || {
        disk.probe()?;
        let server = Product::start(arguments.server.as_deref())?;
        handshakes(server.pid(), server.address, &server.path, count)
    };
    rows.push(in_turns("accept", "server", pairs, server, raw)?);
    Ok(Accepts { handshakes: count, rows, fsync: disk.figures() })
}

fn handshakes(pid: u32, address: SocketAddr, path: &str, count: usize) -> Result<Sample, Failure> {
    let mut crowd = Crowd::new(address, path, payload::intact, 0)?;
    crowd.grow_to(WARM_UP_CONNECTIONS)?;
    let meter = Meter::begin(pid)?;
    crowd.grow_to(WARM_UP_CONNECTIONS + count)?;
    meter.end(count as u64)
}
