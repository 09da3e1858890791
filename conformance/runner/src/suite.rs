//! The case files, and all of them at once.

use crate::case::{Case, Section};
use crate::metrics;
use crate::run::{Against, Outcome, run};
use futures_util::stream::{self, StreamExt};
use std::collections::BTreeSet;
use std::path::Path;

/// Cases under way at a time.
const AT_ONCE: usize = 8;

pub struct Suite {
    pub sections: Vec<Section>,
}

/// A section with what became of its cases.
pub struct Finished {
    pub section: String,
    pub title: String,
    pub cases: Vec<(Case, Outcome)>,
}

impl Suite {
    /// Reads every `?-*.toml` of a folder.
    ///
    /// # Errors
    /// A file that cannot be read or understood, or two cases of one number.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let at = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let entries = std::fs::read_dir(folder).map_err(|error| at(folder, &error))?;
        let paths: Result<BTreeSet<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
        let mut sections = Vec::new();
        for path in paths.map_err(|error| at(folder, &error))? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.as_bytes().get(1) == Some(&b'-') && name.ends_with(".toml") {
                let text = std::fs::read_to_string(&path).map_err(|error| at(&path, &error))?;
                sections.push(toml::from_str::<Section>(&text).map_err(|error| at(&path, &error))?);
            }
        }
        let mut known = BTreeSet::new();
        match sections.iter().flat_map(|section| &section.cases).find(|case| !known.insert(&case.id)) {
            Some(twice) => Err(format!("there are two cases {}", twice.id)),
            None => Ok(Self { sections }),
        }
    }

    /// Keeps the cases whose id is one of these, or all if there are none.
    pub fn only(mut self, ids: &[String]) -> Self {
        if !ids.is_empty() {
            self.sections.iter_mut().for_each(|section| section.cases.retain(|case| ids.contains(&case.id)));
            self.sections.retain(|section| !section.cases.is_empty());
        }
        self
    }
}

/// Runs every case.
pub async fn run_all(suite: Suite, against: &Against) -> Vec<Finished> {
    metrics::record();
    let mut finished = Vec::new();
    for Section { section, title, cases } in suite.sections {
        let cases = stream::iter(cases)
            .map(|case| async move {
                let outcome = run(&case, against).await;
                (case, outcome)
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
        finished.push(Finished { section, title, cases });
    }
    finished
}
