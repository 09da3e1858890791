//! A run's findings in sentences: what makes it a failed one, and what one should know besides.

use crate::problems::Problems;
use crate::report::{Deliveries, Report};

/// Connections that are named in the sentence about loss.
const NAMED: usize = 3;

/// What one connection lacks: its place, how many messages, and the first of them.
pub(super) type Lack = (usize, u64, Option<u64>);

pub(super) fn about_deliveries(report: &mut Report, deliveries: &Deliveries, lacks: &[Lack]) {
    let Deliveries { expected, received, lost, .. } = deliveries;
    if *lost > 0 {
        let named: Vec<String> = lacks.iter().take(NAMED).map(lack).collect();
        let more = if lacks.len() > NAMED { "; and others" } else { "" };
        report.findings.push(format!("lost {lost} of {expected} deliveries: {}{more}", named.join("; ")));
    }
    for (count, what) in [
        (deliveries.damaged, "arrived with a mark that is not as it was sent"),
        (deliveries.misdirected, "arrived where they do not belong, or were never sent"),
    ] {
        if count > 0 {
            report.findings.push(format!("{count} messages {what}"));
        }
    }
    if *received == 0 && deliveries.unmarked > 0 {
        report.notes.push(format!(
            "{} messages came without a mark: does the server pass on the text in which {{mark}} stands?",
            deliveries.unmarked
        ));
    }
    for (count, what) in
        [(deliveries.duplicates, "came more than once"), (deliveries.out_of_order, "came out of order")]
    {
        if count > 0 {
            report.notes.push(format!("{count} deliveries {what}"));
        }
    }
}

pub(super) fn about_endings(report: &mut Report, ended: &Problems) {
    report.connections.ended = ended.lines();
    if ended.total() > 0 {
        report.findings.push(format!("{} connections ended before the run did: {ended}", ended.total()));
    }
}

pub(super) fn about_held_back(report: &mut Report, count: u64) {
    if count > 0 {
        report
            .findings
            .push(format!("{count} messages could not be sent: the server did not read what was sent before them"));
    }
}

fn lack((place, count, first): &Lack) -> String {
    match first {
        Some(first) => format!("connection {place} lacks {count}, first message {first}"),
        None => format!("connection {place} lacks {count}"),
    }
}
