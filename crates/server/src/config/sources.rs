//! Where values come from, and which of them counts.

use super::credentials::{self, Resolved};
use super::problem::suggestion;
use super::{Problem, Problems, SETTINGS, Value, file, variable};
use std::collections::HashMap;
use std::path::Path;

/// The file that is read when none is named and this one exists.
pub const DEFAULT_FILE: &str = "sluicegate.toml";

/// What was given on the command line, in the environment and in the file. Empty: every default.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    flags: HashMap<String, String>,
    variables: HashMap<String, String>,
    file: HashMap<String, Given>,
    pub(super) credentials: Vec<Resolved>,
    /// Odd but harmless things, for the log.
    pub warnings: Vec<String>,
}

/// A value of the file and its place.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub text: String,
    pub place: String,
}

impl Sources {
    /// Collects what is given: `flags` by key, the environment, and the file that `config` names there (or
    /// `sluicegate.toml` in the working folder, if there is one).
    pub fn collect(
        mut flags: HashMap<String, String>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Problems> {
        let mut environment: HashMap<_, _> = environment.into_iter().collect();
        let named = flags.remove("config").or_else(|| environment.get(&variable("config")).cloned());
        let file = match &named {
            Some(path) => file::read(Path::new(path))?,
            None if Path::new(DEFAULT_FILE).exists() => file::read(Path::new(DEFAULT_FILE))?,
            None => file::File::default(),
        };
        let mut problems = Vec::new();
        let credentials = credentials::resolve(&file.credentials, &environment, &mut problems);
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        // Secrets are no settings, whatever their variables are called.
        credentials::secret_variables(&file.credentials).for_each(|name| drop(environment.remove(name)));
        environment.retain(|name, _| name.starts_with("SLUICEGATE_"));
        let variables = environment;
        let warnings = unknown_variables(&variables);
        Ok(Self { flags, variables, file: file.given, credentials, warnings })
    }

    /// The value of a setting; a problem is noted where it cannot be read.
    pub(super) fn value<T: Value>(&self, key: &str, default: &str, problems: &mut Vec<Problem>) -> Option<T> {
        let (text, place) = self.given(key).unwrap_or_else(|| (default, format!("the default of {key}")));
        T::parse(text).map_err(|message| problems.push(Problem::new(place, message))).ok()
    }

    /// Whether anybody has said what a setting is to be.
    pub(super) fn gives(&self, key: &str) -> bool {
        self.given(key).is_some()
    }

    fn given(&self, key: &str) -> Option<(&str, String)> {
        if let Some(text) = self.flags.get(key) {
            return Some((text, format!("--{}", key.replace('_', "-"))));
        }
        if let Some(text) = self.variables.get(&variable(key)) {
            return Some((text, variable(key)));
        }
        self.file.get(key).map(|given| (given.text.as_str(), format!("{}: {key}", given.place)))
    }
}

/// Variables that name no setting are reported, not refused: Kubernetes, for one, sets `SLUICEGATE_PORT` and its like in
/// every container beside a service called sluicegate.
fn unknown_variables(variables: &HashMap<String, String>) -> Vec<String> {
    let known: Vec<String> = SETTINGS.iter().map(super::Setting::variable).chain([variable("config")]).collect();
    let mut unknown: Vec<_> = variables.keys().filter(|name| !known.contains(name)).collect();
    unknown.sort();
    unknown
        .into_iter()
        .map(|name| format!("{name} is not a setting{}", suggestion(name, known.iter().map(String::as_str))))
        .collect()
}
