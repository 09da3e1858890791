//! What a run came to: a table for the terminal, a page for readers.

use crate::case::Certainty;
use crate::known::Known;
use crate::run::Outcome;
use crate::suite::Finished;
use std::fmt::Write;

/// Counts of a section, or of all.
#[derive(Clone, Copy, Default)]
struct Counts {
    passed: usize,
    failed: usize,
    not_applicable: usize,
}

impl Counts {
    fn of(section: &Finished) -> Self {
        section.cases.iter().fold(Self::default(), |counts, (_, outcome)| counts.and(outcome))
    }

    fn and(mut self, outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed(_) => self.failed += 1,
            Outcome::NotApplicable(_) => self.not_applicable += 1,
        }
        self
    }

    fn plus(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            not_applicable: self.not_applicable + other.not_applicable,
        }
    }
}

fn rows(finished: &[Finished]) -> Vec<(String, Counts)> {
    let mut rows: Vec<_> = finished
        .iter()
        .map(|section| (format!("{}  {}", section.section, section.title), Counts::of(section)))
        .collect();
    let total = rows.iter().fold(Counts::default(), |total, (_, counts)| total.plus(*counts));
    rows.push(("All".to_owned(), total));
    rows
}

/// For the terminal: counts per section, then every case that did not pass and why.
pub fn table(finished: &[Finished], known: &Known) -> String {
    let mut text = format!("{:<44} {:>7} {:>7} {:>15}\n", "section", "passed", "failed", "not applicable");
    for (title, Counts { passed, failed, not_applicable }) in rows(finished) {
        let _ = writeln!(text, "{title:<44} {passed:>7} {failed:>7} {not_applicable:>15}");
    }
    for (case, outcome) in finished.iter().flat_map(|section| &section.cases) {
        let _ = match (outcome, known.reason(&case.id)) {
            (Outcome::Passed, _) => continue,
            (Outcome::Failed(error), None) => writeln!(text, "\n{} failed: {}\n    {error}", case.id, case.title),
            (Outcome::Failed(error), Some(reason)) => {
                writeln!(text, "\n{} deviates: {reason}\n    {error}", case.id)
            }
            (Outcome::NotApplicable(reason), _) => writeln!(text, "{} not applicable: {reason}", case.id),
        };
    }
    text
}

/// The page `docs/reference/conformance.md`.
pub fn page(finished: &[Finished], known: &Known) -> String {
    let mut page = String::from(PREFACE);
    page.push_str("\n| section | passed | failed | not applicable |\n|---|---:|---:|---:|\n");
    for (title, Counts { passed, failed, not_applicable }) in rows(finished) {
        let _ = writeln!(page, "| {title} | {passed} | {failed} | {not_applicable} |");
    }
    for section in finished {
        let _ = write!(
            page,
            "\n## {} · {}\n\n| case | what is expected | certainty | result |\n|---|---|---|---|\n",
            section.section, section.title
        );
        for (case, outcome) in &section.cases {
            let also = case.also.as_ref().map_or(String::new(), |file| format!(" · also `{file}`"));
            let _ = writeln!(
                page,
                "| {} | {} | {} | {}{also} |",
                case.id,
                escape(&case.title),
                certainty(case.certainty),
                result(outcome, known.reason(&case.id))
            );
        }
    }
    page
}

const PREFACE: &str = "\
<!-- Written by `make conformance`; a test keeps it fresh. -->
# Conformance of WebSocket APIs

Every case lies as data in [conformance/websocket](../../conformance/websocket), in words that a reader can follow, and is run
by `make test` against the gateway, through its sockets. `make conformance ARGS=\"--endpoint ws://host:port/stage\"` runs the
same cases against another endpoint, as far as they need no hand on its functions and its clock.

How certain an expectation is: **documented** by AWS, **observed** on AWS, or our own **decision** where nothing is published.
What differs on purpose stands in [conformance/deviations.md](../../conformance/deviations.md). Where a real client proves the
same, the test is named.
";

fn certainty(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Documented => "documented",
        Certainty::Observed => "observed",
        Certainty::Decision => "decision",
    }
}

/// Errors are left out: they hold ids and times of one run.
fn result(outcome: &Outcome, reason: Option<&str>) -> String {
    match (outcome, reason) {
        (Outcome::Passed, _) => "passed".to_owned(),
        (Outcome::Failed(_), Some(reason)) => format!("**differs**: {}", escape(reason)),
        (Outcome::Failed(_), None) => "**failed**".to_owned(),
        (Outcome::NotApplicable(reason), _) => format!("not applicable: {reason}"),
    }
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|")
}
