//! The tables of a report, one for each scenario.

use crate::report::{
    Accepts, Burst, Change, ColdStart, Crowded, FanOut, Functions, Idle, Paired, Rate, Report, SlowReaders, Starts,
    WarmFunction,
};
use crate::table::{Table, grouped};

/// Those of functions have a part of the page for themselves.
pub fn function_tables(report: &Report) -> Vec<Table> {
    report.functions.as_ref().map(functions).into_iter().flatten().collect()
}

pub fn tables(report: &Report) -> Vec<Table> {
    let all = [
        fan_out(&report.fan_out),
        idle(&report.idle),
        report.accept.as_ref().map(accept).unwrap_or_default(),
        paired("POST to `@connections`, signed, to delivery", &report.post),
        paired("Echo through route selection and a function", &report.echo),
        crowd(&report.crowd),
        report.slow_readers.as_ref().map(slow_readers).unwrap_or_default(),
        changes(&report.change),
        report.rate.as_ref().map(rate).unwrap_or_default(),
        report.burst.as_ref().map(burst).unwrap_or_default(),
        report.start.as_ref().map(start).unwrap_or_default(),
    ];
    all.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

fn functions(functions: &Functions) -> [Table; 2] {
    let warm = |row: &WarmFunction| {
        vec![
            row.clients.to_string(),
            format!("{:.2}", row.p50_ms),
            format!("{:.2}", row.bare_p50_ms),
            grouped(row.per_second),
            grouped(row.bare_per_second),
            format!("{:.2}", row.of_bare),
            row.pairs.to_string(),
        ]
    };
    let cold = |row: &ColdStart| vec![row.runtime.to_owned(), format!("{:.0}", row.p50_ms), row.starts.to_string()];
    [
        Table {
            title: "A message through a Node function and back (`AWS_PROXY`, route response)".to_owned(),
            head: &[
                "in flight",
                "p50, ms",
                "bare HTTP server, p50, ms",
                "per second",
                "bare HTTP server, per second",
                "as many per second as bare",
                "pairs",
            ],
            rows: functions.warm.iter().map(warm).collect(),
        },
        Table {
            title: "The first message to a function, with the start of its process".to_owned(),
            head: &["runtime", "p50, ms", "starts"],
            rows: functions.cold.iter().map(cold).collect(),
        },
    ]
}

fn fan_out(rows: &[FanOut]) -> Table {
    let row = |row: &FanOut| {
        vec![
            grouped(row.connections as f64),
            row.pending.to_string(),
            format!("{:.2}", row.hub.cpu_ns_per_delivery / 1000.0),
            format!("{:.2}", row.raw.cpu_ns_per_delivery / 1000.0),
            format!("{:.2}", row.ratio),
            grouped(row.hub.deliveries_per_second),
            grouped(row.raw.deliveries_per_second),
            pairs(row.pairs, row.noisy_pairs),
        ]
    };
    Table {
        title: "Fan-out of 256-byte messages".to_owned(),
        head: &[
            "connections",
            "pending",
            "hub, µs of CPU per delivery",
            "raw writer, µs",
            "ratio",
            "hub, deliveries/s",
            "raw writer, deliveries/s",
            "pairs",
        ],
        rows: rows.iter().map(row).collect(),
    }
}

fn idle(rows: &[Idle]) -> Table {
    let row = |row: &Idle| {
        vec![
            row.system.to_owned(),
            grouped(row.connections as f64),
            grouped(row.private_bytes_per_connection),
            grouped(row.resident_bytes_per_connection),
            mebibytes(row.private_bytes),
        ]
    };
    Table {
        title: "Idle connections".to_owned(),
        head: &["system", "connections", "private bytes each", "resident bytes each", "process, private MiB"],
        rows: rows.iter().map(row).collect(),
    }
}

fn changes(rows: &[Change]) -> Table {
    let milliseconds = |value: f64| format!("{value:.2}");
    let row = |row: &Change| {
        vec![
            match row.clients {
                0 => "0 (the writer's answer)".to_owned(),
                clients => grouped(clients as f64),
            },
            milliseconds(row.p50_ms),
            milliseconds(row.p99_ms),
            milliseconds(row.last_client_p50_ms),
            milliseconds(row.last_client_p99_ms),
            grouped(row.cpu_us_per_change),
            grouped(row.changes as f64),
            format!("{:.3}", row.fsync.p50_ms),
            format!("{:.3}", row.fsync.p99_ms),
        ]
    };
    Table {
        title: "One PutItem to the clients, through the whole server".to_owned(),
        head: &[
            "clients",
            "p50, ms",
            "p99, ms",
            "last client, p50, ms",
            "last client, p99, ms",
            "µs of CPU per change",
            "changes",
            "the disk's own fsync, p50, ms",
            "p99, ms",
        ],
        rows: rows.iter().map(row).collect(),
    }
}

fn accept(accepts: &Accepts) -> Table {
    let fsync = accepts.fsync;
    let title = format!(
        "Accepting through `$connect`, {} handshakes (the disk's own fsync: p50 {:.3} ms, p99 {:.3} ms; one after the other {} a second)",
        grouped(accepts.handshakes as f64),
        fsync.p50_ms,
        fsync.p99_ms,
        grouped(1000.0 / fsync.p50_ms)
    );
    Table { title, ..paired("", &accepts.rows) }
}

fn crowd(rows: &[Crowded]) -> Table {
    let row = |row: &Crowded| {
        vec![
            row.system.to_owned(),
            grouped(row.connections as f64),
            format!("{:.2} %", 100.0 * row.idle_share),
            format!("{:.0}", row.last_client_ms),
            mebibytes(row.private_bytes_before),
            mebibytes(row.private_bytes_after),
        ]
    };
    Table {
        title: "As many connections as there are descriptors, idle; then one message to all".to_owned(),
        head: &[
            "system",
            "connections",
            "CPU while idle, of a core",
            "last client had it after, ms",
            "process before, private MiB",
            "after, private MiB",
        ],
        rows: rows.iter().map(row).collect(),
    }
}

fn slow_readers(row: &SlowReaders) -> Table {
    Table {
        title: "A stream of broadcasts while some do not read".to_owned(),
        head: &[
            "connections",
            "slow readers",
            "p99 of the others, ms",
            "without slow readers, ms",
            "ratio",
            "slow readers ended",
            "memory grown, MiB",
            "without slow readers, MiB",
            "their queues' limit, MiB",
            "pairs",
        ],
        rows: vec![vec![
            grouped(row.connections as f64),
            grouped(row.slow as f64),
            format!("{:.1}", row.p99_ms_with),
            format!("{:.1}", row.p99_ms_without),
            format!("{:.2}", row.ratio),
            grouped(row.ended),
            mebibytes(row.private_bytes_grown),
            mebibytes(row.private_bytes_grown_without),
            mebibytes(row.queue_bytes),
            pairs(row.pairs, row.noisy_pairs),
        ]],
    }
}

fn rate(row: &Rate) -> Table {
    let milliseconds = |value: f64| format!("{value:.2}");
    Table {
        title: format!("{} changes a second, through the whole server", grouped(row.per_second)),
        head: &[
            "clients",
            "p50, ms",
            "p99, ms",
            "raw broadcast, p50, ms",
            "p99, ms",
            "the disk's own fsync, p99, ms",
            "2 × raw p99 + fsync p99, ms",
            "pairs",
        ],
        rows: vec![vec![
            grouped(row.clients as f64),
            milliseconds(row.server.p50_ms),
            milliseconds(row.server.p99_ms),
            milliseconds(row.raw.p50_ms),
            milliseconds(row.raw.p99_ms),
            milliseconds(row.fsync.p99_ms),
            milliseconds(2.0 * row.raw.p99_ms + row.fsync.p99_ms),
            pairs(row.pairs, row.noisy_pairs),
        ]],
    }
}

fn burst(burst: &Burst) -> Table {
    Table {
        title: "A burst of changes to one client, none lost".to_owned(),
        head: &[
            "changes",
            "written per second",
            "delivered per second",
            "messages",
            "µs of CPU per change",
            "process before, private MiB",
            "at most, private MiB",
        ],
        rows: vec![vec![
            grouped(burst.changes as f64),
            grouped(burst.written_per_second),
            grouped(burst.delivered_per_second),
            grouped(burst.messages as f64),
            grouped(burst.cpu_us_per_change),
            mebibytes(burst.private_bytes_before),
            mebibytes(burst.private_bytes_most),
        ]],
    }
}

fn start(starts: &Starts) -> Table {
    Table {
        title: "From the command to `ready`".to_owned(),
        head: &["items in the tables", "best, ms", "median, ms", "on an empty directory, ms", "binary, MiB"],
        rows: vec![vec![
            grouped(starts.items as f64),
            format!("{:.0}", starts.best_ms),
            format!("{:.0}", starts.median_ms),
            format!("{:.0}", starts.empty_ms),
            mebibytes(starts.binary_bytes),
        ]],
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}

/// What was measured in turns with a raw counterpart.
fn paired(title: &str, rows: &[Paired]) -> Table {
    let row = |row: &Paired| {
        vec![
            row.system.to_owned(),
            format!("{:.1}", row.ours.cpu_us),
            format!("{:.1}", row.raw.cpu_us),
            format!("{:.2}", row.per_cpu_of_raw),
            grouped(row.ours.per_second),
            grouped(row.raw.per_second),
            format!("{:.2}", row.per_second_of_raw),
            pairs(row.pairs, row.noisy_pairs),
        ]
    };
    Table {
        title: title.to_owned(),
        head: &[
            "system",
            "µs of CPU each",
            "raw, µs",
            "as many per CPU as raw",
            "per second",
            "raw, per second",
            "as many per second as raw",
            "pairs",
        ],
        rows: rows.iter().map(row).collect(),
    }
}

fn pairs(all: usize, noisy: usize) -> String {
    match noisy {
        0 => all.to_string(),
        noisy => format!("{all} ({noisy} noisy)"),
    }
}
