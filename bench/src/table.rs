//! The report for people: tables on a terminal, and the same tables in Markdown.

use crate::report::{Change, FanOut, Idle, Report};

/// A title, the head of the columns, and rows of as many cells.
struct Table {
    title: &'static str,
    head: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

pub fn text(report: &Report) -> String {
    let mut text = format!("\n{}\n", measured_on(report));
    for table in tables(report) {
        text.push_str(&format!("\n{}\n\n", table.title));
        let head = table.head.iter().map(|name| (*name).to_owned()).collect();
        let lines: Vec<Vec<String>> = std::iter::once(head).chain(table.rows).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        for line in &lines {
            for (column, cell) in line.iter().enumerate() {
                text.push_str(&format!("  {cell:>width$}", width = width(column)));
            }
            text.push('\n');
        }
    }
    text
}

pub fn markdown(report: &Report) -> String {
    let mut text = format!("{}\n", measured_on(report));
    for table in tables(report) {
        text.push_str(&format!("\n**{}**\n\n| {} |\n", table.title, table.head.join(" | ")));
        text.push_str(&format!("|{}\n", "---|".repeat(table.head.len())));
        for row in table.rows {
            text.push_str(&format!("| {} |\n", row.join(" | ")));
        }
    }
    text
}

fn measured_on(report: &Report) -> String {
    let machine = &report.machine;
    let busy = |load: Option<f64>| load.map_or_else(|| "?".to_owned(), |busy| format!("{:.0} %", 100.0 * busy));
    format!(
        "Measured on {}: {}, {} cores, {} GiB, Linux {}. Others used {} of the machine before the run and {} after it.",
        report.date,
        machine.processor,
        machine.cores,
        machine.memory_bytes.div_ceil(1 << 30),
        machine.kernel,
        busy(Some(report.load_before.busy)),
        busy(report.load_after.map(|load| load.busy)),
    )
}

fn tables(report: &Report) -> Vec<Table> {
    let all = [fan_out(&report.fan_out), idle(&report.idle), changes(&report.change)];
    all.into_iter().filter(|table| !table.rows.is_empty()).collect()
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
            match row.noisy_pairs {
                0 => row.pairs.to_string(),
                noisy => format!("{} ({noisy} noisy)", row.pairs),
            },
        ]
    };
    Table {
        title: "Fan-out of 256-byte messages",
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
            format!("{:.1}", row.private_bytes as f64 / f64::from(1 << 20)),
            format!("{:.0}", row.accept_cpu_us),
        ]
    };
    Table {
        title: "Idle connections",
        head: &[
            "system",
            "connections",
            "private bytes each",
            "resident bytes each",
            "process, private MiB",
            "µs of CPU to accept one",
        ],
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
        title: "One PutItem to the clients, through the whole server",
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

/// A whole number with a comma at every thousand.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, expected) in [(0.0, "0"), (999.4, "999"), (1000.0, "1,000"), (1_234_567.0, "1,234,567")] {
            assert_eq!(grouped(number), expected);
        }
    }
}
