//! Which cases are known to differ, and why.

use crate::run::Outcome;
use crate::suite::Finished;
use serde::Deserialize;
use std::path::Path;

/// The list `deviations.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    #[serde(default, rename = "deviation")]
    pub deviations: Vec<Deviation>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deviation {
    pub case: String,
    pub reason: String,
}

impl Known {
    /// Reads the list that lies beside the cases.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let path = folder.join("deviations.toml");
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Only what is said of these cases.
    pub fn among(mut self, cases: &[String]) -> Self {
        self.deviations.retain(|known| cases.contains(&known.case));
        self
    }

    pub fn reason(&self, case: &str) -> Option<&str> {
        self.deviations.iter().find(|known| known.case == case).map(|known| known.reason.as_str())
    }

    /// What must be mended: failures that are not listed, listed cases that pass, and names of no case.
    pub fn check(&self, finished: &[Finished]) -> Vec<String> {
        let mut problems = Vec::new();
        let cases = || finished.iter().flat_map(|section| &section.cases);
        for (case, outcome) in cases() {
            match (outcome, self.reason(&case.id)) {
                (Outcome::Failed(error), None) => {
                    problems.push(format!("{} ({}) failed: {error}", case.id, case.title))
                }
                (Outcome::Passed, Some(_)) => {
                    problems.push(format!("{} passes: take it off conformance/websocket/deviations.toml", case.id));
                }
                _ => {}
            }
        }
        for known in &self.deviations {
            if !cases().any(|(case, _)| case.id == known.case) {
                problems.push(format!("deviations.toml names {}, which is no case", known.case));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Section;

    fn finished(outcome: Outcome) -> Vec<Finished> {
        let text = "section = \"A\"\ntitle = \"t\"\n[[case]]\nid = \"C001\"\ntitle = \"x\"\ncertainty = \"observed\"";
        let mut section: Section = toml::from_str(text).unwrap();
        let cases = vec![(section.cases.remove(0), outcome)];
        vec![Finished { section: "A".into(), title: "t".into(), cases }]
    }

    #[test]
    fn the_list_and_the_outcomes_must_agree() {
        let listed: Known = toml::from_str("[[deviation]]\ncase = \"C001\"\nreason = \"r\"").unwrap();
        let unknown: Known = toml::from_str("[[deviation]]\ncase = \"C999\"\nreason = \"r\"").unwrap();
        let (failed, skipped) = (Outcome::Failed("e".into()), Outcome::NotApplicable("n".into()));
        for (known, outcome, problems) in [
            (&Known::default(), Outcome::Passed, 0),
            (&Known::default(), skipped.clone(), 0),
            (&Known::default(), failed.clone(), 1),
            (&listed, Outcome::Passed, 1),
            (&listed, failed, 0),
            (&listed, skipped, 0),
            (&unknown, Outcome::Passed, 1),
        ] {
            assert_eq!(known.check(&finished(outcome.clone())).len(), problems, "{outcome:?}");
        }
    }
}
