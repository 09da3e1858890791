//! Latency at a fixed rate of changes: `PutItem` to every client, beside the same rate of bare broadcasts and the disk alone.

use crate::Failure;
use crate::command_line::Arguments;
use crate::crowd::connected;
use crate::disk::Disk;
use crate::machine::Watch;
use crate::open_loop::{Flow, Numbers};
use crate::pairs::NOISY;
use crate::payload;
use crate::product::{self, Product};
use crate::report::{Rate, Times};
use crate::server_process::{Contender, Order};
use crate::statistics::median;
use crate::writer::Writer;
use sluicegate_load::process::cpu;
use sluicegate_load::{Latency, Reading};
use std::net::SocketAddr;

const PER_SECOND: f64 = 100.0;
const WARM_UP: u64 = 50;
const MESSAGES: u64 = 500;

struct Run {
    latency: Latency,
    others: f64,
}

pub fn measure(arguments: &Arguments) -> Result<Rate, Failure> {
    let clients = arguments.rate_clients;
    let folder = product::data_folder(arguments.server.as_deref())?;
    let mut disk = Disk::new(folder.path())?;
    let mut pairs = Vec::new();
    for number in 1..=arguments.pairs {
        disk.probe()?;
        let pair = (whole_path(arguments, clients)?, bare(clients)?);
        eprintln!(
            "rate, {clients} clients, pair {number}: p99 {:.2} ms, raw {:.2} ms; others used {:.0} %",
            pair.0.latency.quantile_ms(0.99),
            pair.1.latency.quantile_ms(0.99),
            100.0 * pair.0.others.max(pair.1.others)
        );
        pairs.push(pair);
    }
    let times = |of: fn(&(Run, Run)) -> &Run| Times {
        p50_ms: median(pairs.iter().map(|pair| of(pair).latency.quantile_ms(0.5))),
        p99_ms: median(pairs.iter().map(|pair| of(pair).latency.quantile_ms(0.99))),
    };
    Ok(Rate {
        clients,
        per_second: PER_SECOND,
        server: times(|pair| &pair.0),
        raw: times(|pair| &pair.1),
        fsync: disk.figures(),
        pairs: pairs.len(),
        noisy_pairs: pairs.iter().filter(|pair| pair.0.others.max(pair.1.others) > NOISY).count(),
    })
}

fn whole_path(arguments: &Arguments, clients: usize) -> Result<Run, Failure> {
    let server = Product::start(arguments.server.as_deref())?;
    let mut writer = Writer::connect(server.address)?;
    // Several changes may come in one message.
    let numbers: Numbers = |payload, each| payload::sequences(payload).for_each(each);
    let run = flow(server.pid(), server.address, &server.path, clients, numbers, |number| writer.put(number))?;
    (0..WARM_UP + MESSAGES).try_for_each(|_| writer.confirm())?;
    Ok(run)
}

fn bare(clients: usize) -> Result<Run, Failure> {
    let mut server = Contender::Raw.start()?;
    let numbers: Numbers = |payload, each| payload::intact(payload).into_iter().for_each(each);
    let (pid, address) = (server.pid(), server.address);
    flow(pid, address, "/prod", clients, numbers, |number| server.order(Order::of(number, 1)))
}

fn flow(
    pid: u32,
    address: SocketAddr,
    path: &str,
    clients: usize,
    numbers: Numbers,
    mut send: impl FnMut(u64) -> Result<(), Failure>,
) -> Result<Run, Failure> {
    let mut crowd = connected(address, path, vec![Reading::AtOnce; clients])?;
    let flow = |first, messages| Flow { per_second: PER_SECOND, messages, first, readers: clients, numbers };
    flow(0, WARM_UP).run(&mut crowd, &mut send)?;
    let (watch, used) = (Watch::begin()?, cpu(pid)?);
    let latency = flow(WARM_UP, MESSAGES).run(&mut crowd, &mut send)?;
    Ok(Run { latency, others: watch.others(cpu(pid)? - used)? })
}
