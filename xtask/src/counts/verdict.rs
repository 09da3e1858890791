//! Counts beside the baseline: what grew, what shrank, and whether that can be held against the code.

use super::baseline::{Baseline, Circumstances};
use std::fmt;

/// Above it a change is no accident: repeated counts differ by less than a thousandth.
const TOLERANCE_PERCENT: u64 = 5;
/// Another compiler, C library or processor moves counts by itself; what grows by more than this is the code's doing all the same.
const TOLERANCE_ELSEWHERE_PERCENT: u64 = 25;

/// What callgrind counted for one run of a scenario.
#[derive(Clone, Debug)]
pub(super) struct Count {
    pub(super) scenario: String,
    pub(super) instructions: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    Same,
    Grown,
    Shrunk,
    /// It has no baseline yet.
    New,
}

#[derive(Debug)]
pub(super) struct Line {
    pub(super) scenario: String,
    pub(super) baseline: Option<u64>,
    pub(super) now: u64,
    pub(super) judged: Judged,
}

#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) lines: Vec<Line>,
    /// Scenarios of the baseline that are counted no more.
    pub(super) gone: Vec<String>,
    pub(super) there: Circumstances,
    pub(super) here: Circumstances,
}

pub(super) fn judge(baseline: &Baseline, here: Circumstances, counts: &[Count]) -> Comparison {
    let tolerance = tolerance(&here, &baseline.measured_with);
    let line = |count: &Count| {
        let before = baseline.of(&count.scenario);
        let judged = match before {
            None => Judged::New,
            Some(before) if count.instructions * 100 > before * (100 + tolerance) => Judged::Grown,
            Some(before) if count.instructions * 100 < before * (100 - tolerance) => Judged::Shrunk,
            Some(_) => Judged::Same,
        };
        Line { scenario: count.scenario.clone(), baseline: before, now: count.instructions, judged }
    };
    let is_counted = |name: &String| counts.iter().any(|count| count.scenario == *name);
    Comparison {
        lines: counts.iter().map(line).collect(),
        gone: baseline.scenario.keys().filter(|name| !is_counted(name)).cloned().collect(),
        there: baseline.measured_with.clone(),
        here,
    }
}

fn tolerance(here: &Circumstances, there: &Circumstances) -> u64 {
    if here == there { TOLERANCE_PERCENT } else { TOLERANCE_ELSEWHERE_PERCENT }
}

fn percent(before: u64, now: u64) -> f64 {
    (now as f64 / before.max(1) as f64 - 1.0) * 100.0
}

impl Comparison {
    /// Whether the baseline was made with another compiler, library or machine.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.here != self.there
    }

    /// Whether the counts are of another instruction set altogether.
    pub(super) fn is_incomparable(&self) -> bool {
        !self.there.target.is_empty() && self.here.target != self.there.target
    }

    /// # Errors
    /// What has to be repaired or accepted, and how.
    pub(super) fn problems(&self) -> Result<(), String> {
        if self.is_incomparable() {
            return Ok(());
        }
        let names = |judged| {
            let names: Vec<_> =
                self.lines.iter().filter(|line| line.judged == judged).map(|line| line.scenario.as_str()).collect();
            (!names.is_empty()).then(|| names.join(", "))
        };
        let (mut problems, tolerance) = (Vec::new(), tolerance(&self.here, &self.there));
        if let Some(names) = names(Judged::Grown) {
            problems.push(format!(
                "more than {tolerance} % more instructions than the baseline: {names}. Find out what grew \
                 (callgrind_annotate --inclusive=yes target/callgrind/NAME.out | head -60) and repair it, or accept it \
                 with its reason: make counts ARGS='--accept \"why it is worth it\"'"
            ));
        }
        // What shrank because of another compiler would grow again with the old one.
        if let (Some(names), false) = (names(Judged::Shrunk), self.is_elsewhere()) {
            problems.push(format!(
                "well done, more than {TOLERANCE_PERCENT} % fewer instructions than the baseline: {names}. Lower it, so \
                 that nobody loses them again: make counts ARGS='--accept \"what made it faster\"'"
            ));
        }
        if let Some(names) = names(Judged::New) {
            problems.push(format!("no baseline: {names}. Write it: make counts ARGS='--accept \"new\"'"));
        }
        if !self.gone.is_empty() {
            let names = self.gone.join(", ");
            problems.push(format!("in the baseline, but not counted: {names}. make counts ARGS='--accept \"gone\"'"));
        }
        if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<24} {:>12} {:>12} {:>9}", "instructions of one run", "baseline", "now", "change")?;
        for Line { scenario, baseline, now, judged } in &self.lines {
            let (before, change) = match baseline {
                Some(before) => (before.to_string(), format!("{:+.1} %", percent(*before, *now))),
                None => ("-".to_owned(), "-".to_owned()),
            };
            let mark = match judged {
                Judged::Same => "",
                Judged::Grown => "  GROWN",
                Judged::Shrunk => "  shrunk",
                Judged::New => "  new",
            };
            writeln!(f, "{scenario:<24} {before:>12} {now:>12} {change:>9}{mark}")?;
        }
        if self.is_incomparable() {
            writeln!(f, "\nThe baseline is of {}, this is {}: not compared.", self.there.target, self.here.target)?;
        } else if self.is_elsewhere() && !self.there.compiler.is_empty() {
            writeln!(
                f,
                "\nThe baseline was made elsewhere, so what differs may not be the code's doing:\n  baseline {}\n  here     {}",
                self.there, self.here
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Circumstances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}, {}", self.compiler, self.target, self.libc, self.vectors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circumstances(compiler: &str, target: &str) -> Circumstances {
        Circumstances { compiler: compiler.into(), target: target.into(), ..Circumstances::default() }
    }

    /// A baseline of 1000 made with compiler `a` on `x86`, against a count.
    fn compared(scenario: &str, instructions: u64, here: Circumstances) -> (Baseline, Comparison) {
        let written = "[measured_with]\ncompiler = \"a\"\ntarget = \"x86\"\nlibc = \"\"\nvectors = \"\"\n\
                       [[scenario.encode]]\ninstructions = 2000\nwhy = \"first\"\n\
                       [[scenario.encode]]\ninstructions = 1000\nwhy = \"no copy\"\n";
        let baseline = Baseline::parse(written).unwrap();
        let comparison = judge(&baseline, here, &[Count { scenario: scenario.into(), instructions }]);
        (baseline, comparison)
    }

    #[test]
    fn growth_fails_and_shrinking_is_asked_for() {
        let (same, other_compiler, other_target) =
            (circumstances("a", "x86"), circumstances("b", "x86"), circumstances("a", "arm"));
        for (scenario, now, here, expected) in [
            ("encode", 1000, &same, None),
            ("encode", 1050, &same, None),
            ("encode", 1051, &same, Some("more instructions")),
            ("encode", 950, &same, None),
            ("encode", 949, &same, Some("fewer instructions")),
            ("encode", 1250, &other_compiler, None),
            ("encode", 1251, &other_compiler, Some("more than 25 % more instructions")),
            ("encode", 700, &other_compiler, None),
            ("encode", 9000, &other_target, None),
            ("decode", 10, &same, Some("no baseline: decode")),
            ("decode", 10, &same, Some("not counted: encode")),
        ] {
            let problems = compared(scenario, now, here.clone()).1.problems();
            match expected {
                None => assert_eq!(problems, Ok(()), "{scenario} {now} {here}"),
                Some(text) => {
                    assert!(problems.clone().unwrap_err().contains(text), "{scenario} {now} {here}: {problems:?}")
                }
            }
        }
    }

    #[test]
    fn what_is_accepted_holds_and_the_history_stays() {
        let here = circumstances("a", "x86");
        let (mut baseline, comparison) = compared("encode", 1200, here.clone());
        baseline.accept(&comparison, "frames carry a checksum");
        let read = Baseline::parse(&baseline.to_string()).unwrap();
        let history: Vec<_> = read.scenario["encode"].iter().map(|entry| (entry.instructions, &*entry.why)).collect();
        assert_eq!(history, [(2000, "first"), (1000, "no copy"), (1200, "frames carry a checksum")]);
        let again = judge(&read, here, &[Count { scenario: "encode".into(), instructions: 1201 }]);
        assert_eq!(again.problems(), Ok(()));
    }

    #[test]
    fn accepting_changes_nothing_that_is_the_same_unless_the_compiler_is_another() {
        for (compiler, entries) in [("a", 2), ("b", 3)] {
            let (mut baseline, comparison) = compared("encode", 1010, circumstances(compiler, "x86"));
            baseline.accept(&comparison, "why");
            assert_eq!(baseline.scenario["encode"].len(), entries, "{compiler}");
            assert_eq!(baseline.measured_with.compiler, compiler);
        }
    }

    #[test]
    fn a_count_without_a_reason_is_refused() {
        let written = "[[scenario.encode]]\ninstructions = 2000\nwhy = \" \"\n";
        assert!(Baseline::parse(written).unwrap_err().contains("needs a `why`"));
    }

    #[test]
    fn a_difference_of_circumstances_is_told() {
        let shown = compared("encode", 1300, circumstances("b", "x86")).1.to_string();
        assert!(shown.contains("GROWN") && shown.contains("+30.0 %") && shown.contains("baseline a, x86"), "{shown}");
    }
}
