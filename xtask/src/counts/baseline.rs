//! The committed counts: for every scenario its history, of which the last entry holds and every one says why it came.

use super::verdict::{Comparison, Judged};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

const HEAD: &str = "\
# Instructions that one run of each hot path takes, counted by `make counts`. The last entry of a scenario holds: `make test`
# fails when the count has grown by more than 5 % since, or has shrunk by as much and nobody says so here. To accept either:
#
#     make counts ARGS='--accept \"why it is worth it\"'
#
# Earlier entries stay. How to read all this: docs/internals/performance.md.
";

/// What counts depend on beside the code. They are compared all the same, and a difference is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Circumstances {
    /// `rustc --version`.
    pub(super) compiler: String,
    /// The target triple. Counts of different ones have nothing to do with each other.
    pub(super) target: String,
    /// The C library, whose allocator is counted with the rest.
    pub(super) libc: String,
    /// The widest vectors that callgrind shows to programs, some of which choose their code by them.
    pub(super) vectors: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) instructions: u64,
    pub(super) why: String,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Baseline {
    #[serde(default)]
    pub(super) measured_with: Circumstances,
    #[serde(default)]
    pub(super) scenario: BTreeMap<String, Vec<Entry>>,
}

impl Baseline {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let baseline: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        for (name, entries) in &baseline.scenario {
            if entries.is_empty() || entries.iter().any(|entry| entry.why.trim().is_empty()) {
                return Err(format!("scenario {name}: every count needs a `why`"));
            }
        }
        Ok(baseline)
    }

    pub(super) fn of(&self, scenario: &str) -> Option<u64> {
        Some(self.scenario.get(scenario)?.last()?.instructions)
    }

    /// Adds an entry for what changed; after a change of circumstances for everything, so that all counts have the same.
    pub(super) fn accept(&mut self, comparison: &Comparison, why: &str) {
        for line in &comparison.lines {
            let entry = Entry { instructions: line.now, why: why.to_owned() };
            let entries = self.scenario.entry(line.scenario.clone()).or_default();
            if line.judged != Judged::Same || (comparison.is_elsewhere() && line.baseline != Some(line.now)) {
                entries.push(entry);
            }
        }
        self.scenario.retain(|name, _| !comparison.gone.contains(name));
        self.measured_with = comparison.here.clone();
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = toml::to_string(self).map_err(|_| fmt::Error)?;
        write!(f, "{HEAD}\n{text}")
    }
}
