//! What went wrong, counted by its text.

use serde::Serialize;
use std::collections::BTreeMap;

/// Texts that are told apart; what comes beyond them is counted together.
pub const MAX_KINDS: usize = 32;
/// A text is cut here.
const MAX_TEXT: usize = 240;
const OTHERS: &str = "others";

#[derive(Clone, Debug, Default)]
pub struct Problems {
    counts: BTreeMap<String, u64>,
}

/// A line of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub what: String,
    pub count: u64,
}

impl Problems {
    pub fn add(&mut self, what: impl std::fmt::Display) {
        let mut text: String = what.to_string().chars().take(MAX_TEXT).collect();
        if self.counts.len() >= MAX_KINDS && !self.counts.contains_key(&text) {
            OTHERS.clone_into(&mut text);
        }
        *self.counts.entry(text).or_default() += 1;
    }

    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Most frequent first.
    pub fn lines(&self) -> Vec<Problem> {
        let mut lines: Vec<Problem> =
            self.counts.iter().map(|(what, count)| Problem { what: what.clone(), count: *count }).collect();
        lines.sort_by_key(|line| std::cmp::Reverse(line.count));
        lines
    }
}

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<String> = self.lines().iter().map(|line| format!("{} × {}", line.count, line.what)).collect();
        f.write_str(&lines.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endless_kinds_of_problems_are_counted_in_bounded_space() {
        let mut problems = Problems::default();
        (0..10 * MAX_KINDS).for_each(|number| problems.add(format!("{number} {}", "x".repeat(10_000))));
        assert_eq!(problems.total(), 10 * MAX_KINDS as u64);
        assert_eq!(problems.lines().len(), MAX_KINDS + 1);
        assert_eq!((problems.lines()[0].what.as_str(), problems.lines()[0].count), (OTHERS, 9 * MAX_KINDS as u64));
    }
}
