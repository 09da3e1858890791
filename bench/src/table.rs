//! The report for people: tables on a terminal, and the same tables in Markdown.

use crate::report::Report;
use crate::tables::{function_tables, tables};

/// A title, the head of the columns, and rows of as many cells.
#[derive(Default)]
pub struct Table {
    pub title: String,
    pub head: &'static [&'static str],
    pub rows: Vec<Vec<String>>,
}

pub fn text(report: &Report) -> String {
    let mut text = format!("\n{}\n", measured_on(report));
    for table in tables(report).into_iter().chain(function_tables(report)) {
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

/// Tables for the page, under the line that says where and when they were measured.
pub fn markdown(report: &Report, tables: Vec<Table>) -> String {
    let mut text = format!("{}\n", measured_on(report));
    for table in tables {
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

/// A whole number with a comma at every thousand.
pub fn grouped(number: f64) -> String {
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
