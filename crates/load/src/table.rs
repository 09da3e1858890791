//! A report for people.

use crate::latency::Percentiles;
use crate::problems::Problem;
use crate::report::{Outcome, Report, Server};

pub(crate) fn text(report: &Report) -> String {
    let mut lines = vec![(String::new(), String::new())];
    let mut say = |name: &str, value: String| lines.push((name.to_owned(), value));
    say(report.scenario, format!("{} (run {})", report.url, report.run));
    let connections = &report.connections;
    say(
        "connections",
        format!(
            "{} opened in {:.2} s, {:.0} per second",
            grouped(connections.opened as f64),
            connections.seconds,
            connections.per_second
        ),
    );
    latency(&mut say, "connect", connections.latency.as_ref());
    if let Some(messages) = &report.messages {
        let (sent, rate) = (grouped(messages.sent as f64), grouped(messages.per_second));
        say("messages", format!("{sent} sent in {:.2} s, {rate} per second", messages.seconds));
    }
    if let Some(requests) = &report.requests {
        let failed: u64 = requests.failed.iter().map(|problem| problem.count).sum();
        say("requests", format!("{} answered, {} failed", grouped(requests.answered as f64), grouped(failed as f64)));
        latency(&mut say, "answer", requests.latency.as_ref());
    }
    if let Some(deliveries) = &report.deliveries {
        let number = |count: u64| grouped(count as f64);
        say(
            "deliveries",
            format!(
                "{} of {} received, {} per second",
                number(deliveries.received),
                number(deliveries.expected),
                grouped(deliveries.per_second)
            ),
        );
        say(
            "checked",
            format!(
                "{} lost, {} duplicates, {} out of order, {} damaged, {} misdirected",
                number(deliveries.lost),
                number(deliveries.duplicates),
                number(deliveries.out_of_order),
                number(deliveries.damaged),
                number(deliveries.misdirected)
            ),
        );
        latency(&mut say, "latency", deliveries.latency.as_ref());
    }
    if let Some(slow) = &report.slow_readers {
        let ended: u64 = slow.ended.iter().map(|problem| problem.count).sum();
        say(
            "slow readers",
            format!("{}: {} caught up, {} ended, {} behind", slow.connections, slow.caught_up, ended, slow.behind),
        );
        problems(&mut say, &slow.ended);
        latency(&mut say, "before", slow.latency_before.as_ref());
        if let Some(ratio) = slow.p99_ratio {
            say("", format!("p99 of the others became {ratio:.2} times what it was"));
        }
        if let Some(grown) = slow.private_bytes_grown {
            say("", format!("the server grew by {} meanwhile", bytes(grown as f64)));
        }
    }
    if let Some(idle) = &report.idle {
        let cpu = idle.cpu_share.map_or(String::new(), |share| format!(", {:.2} % of a core", 100.0 * share));
        say("held", format!("{:.1} s{cpu}", idle.held_seconds));
    }
    for (number, round) in report.rounds.iter().enumerate() {
        let cpu = round.cpu_us_per_connection.map_or(String::new(), |us| format!(", {us:.0} µs of CPU each"));
        let (returned, rate) = (grouped(round.returned as f64), grouped(round.per_second));
        let back = format!("{returned} back in {:.2} s, {rate} per second{cpu}", round.seconds);
        say(&format!("round {}", number + 1), back);
        latency(&mut say, "", round.latency.as_ref());
        problems(&mut say, &round.refused);
    }
    if let Some(figures) = &report.server {
        server(&mut say, figures);
    }
    report.findings.iter().for_each(|finding| say("FOUND", finding.clone()));
    report.notes.iter().for_each(|note| say("note", note.clone()));
    say("outcome", outcome(report.outcome).to_owned());
    lines.iter().map(|(name, value)| format!("{name:>13}  {value}").trim_end().to_owned() + "\n").collect()
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Complete => "complete: everything arrived",
        Outcome::Loss => "loss",
        Outcome::Interrupted => "interrupted; nothing was lost until then",
    }
}

fn latency(say: &mut impl FnMut(&str, String), name: &str, percentiles: Option<&Percentiles>) {
    if let Some(Percentiles { p50_ms, p90_ms, p99_ms, p999_ms, max_ms, .. }) = percentiles {
        let figures =
            format!("{p50_ms:.2} · p90 {p90_ms:.2} · p99 {p99_ms:.2} · p99.9 {p999_ms:.2} · max {max_ms:.2} ms");
        say(name, format!("p50 {figures}"));
    }
}

fn problems(say: &mut impl FnMut(&str, String), problems: &[Problem]) {
    problems.iter().for_each(|problem| say("", format!("{} × {}", problem.count, problem.what)));
}

fn server(say: &mut impl FnMut(&str, String), server: &Server) {
    let mut costs = vec![format!("{:.0} µs of CPU per connection opened", server.cpu_us_per_connection)];
    costs.extend(server.cpu_us_per_delivery.map(|us| format!("{us:.2} µs per delivery")));
    costs.extend(server.cpu_us_per_message.map(|us| format!("{us:.1} µs per message")));
    costs.extend(server.cpu_share.map(|share| format!("{:.0} % of a core", 100.0 * share)));
    say("server", costs.join(", "));
    say(
        "memory",
        format!(
            "{} private per connection, {} resident; {} private in all",
            bytes(server.private_bytes_per_connection),
            bytes(server.resident_bytes_per_connection),
            bytes(server.private_bytes as f64)
        ),
    );
}

fn bytes(number: f64) -> String {
    const KIB: f64 = 1024.0;
    match number {
        small if small < 10.0 * KIB => format!("{} bytes", grouped(small)),
        medium if medium < 10.0 * KIB * KIB => format!("{:.1} KiB", medium / KIB),
        large => format!("{:.1} MiB", large / KIB / KIB),
    }
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
