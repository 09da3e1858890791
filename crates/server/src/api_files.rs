//! API files: WebSocket APIs that somebody wrote down, and the HTTP endpoints that are their functions.
//!
//! A file is one JSON object: an API in the words of the API Gateway V2 control plane, and `functions`, which says where
//! each function named by an integration is.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sluicegate_functions::{DEFAULT_TIMEOUT, FunctionOptions, UrlError, http_function};
use sluicegate_gateway::api::ApiDefinition;
use sluicegate_handler::Function;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Larger files are no definitions.
const MAX_FILE_BYTES: u64 = 10 * 1024 * 1024;

/// What one file says.
pub struct ApiFile {
    pub definition: ApiDefinition,
    pub functions: Vec<NamedFunction>,
}

/// A function and how it may run.
pub struct NamedFunction {
    pub name: String,
    pub function: Function,
    pub options: FunctionOptions,
}

/// Everything that is wrong with the files, each with its place.
#[derive(Debug)]
pub struct FileProblems(Vec<String>);

impl fmt::Display for FileProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for FileProblems {}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FunctionSettings {
    /// `http://…`
    url: String,
    timeout_seconds: Option<f64>,
    concurrency: Option<usize>,
}

/// Reads every file, and reports what is wrong in any of them.
pub fn read(paths: &[PathBuf]) -> Result<Vec<ApiFile>, FileProblems> {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match read_one(path) {
            Ok(file) => files.push(file),
            Err(found) => problems.extend(found.into_iter().map(|problem| format!("{}: {problem}", path.display()))),
        }
    }
    if problems.is_empty() { Ok(files) } else { Err(FileProblems(problems)) }
}

fn read_one(path: &Path) -> Result<ApiFile, Vec<String>> {
    let unreadable = |error| vec![format!("cannot be read: {error}")];
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > MAX_FILE_BYTES {
        return Err(vec![format!("has {length} bytes; a definition has at most {MAX_FILE_BYTES}")]);
    }
    parse(&std::fs::read_to_string(path).map_err(unreadable)?)
}

fn parse(text: &str) -> Result<ApiFile, Vec<String>> {
    let mut written: Value = serde_json::from_str(text)
        .map_err(|error| vec![format!("line {}, column {}: {error}", error.line(), error.column())])?;
    let functions = written.as_object_mut().and_then(|keys| keys.remove("functions")).unwrap_or(Value::Null);
    let mut problems = Vec::new();
    let definition = located::<ApiDefinition>(written).unwrap_or_else(|problem| {
        problems.push(problem);
        ApiDefinition::default()
    });
    let functions = read_functions(functions, &mut problems);
    if problems.is_empty() { Ok(ApiFile { definition, functions }) } else { Err(problems) }
}

fn read_functions(written: Value, problems: &mut Vec<String>) -> Vec<NamedFunction> {
    if written.is_null() {
        return Vec::new();
    }
    let settings = located::<BTreeMap<String, FunctionSettings>>(written).unwrap_or_else(|problem| {
        problems.push(format!("functions.{problem}"));
        BTreeMap::new()
    });
    let named = settings.into_iter().filter_map(|(name, settings)| match named_function(&name, &settings) {
        Ok(function) => Some(function),
        Err(error) => {
            problems.push(format!("functions.{name}.url: {error}"));
            None
        }
    });
    named.collect()
}

fn named_function(name: &str, settings: &FunctionSettings) -> Result<NamedFunction, UrlError> {
    let timeout = settings.timeout_seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let defaults = FunctionOptions::default();
    let options = FunctionOptions {
        timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
        concurrency: settings.concurrency.unwrap_or(defaults.concurrency),
    };
    Ok(NamedFunction { name: name.to_owned(), function: http_function(&settings.url)?, options })
}

/// Reads a value; a mistake is told with the path to it, such as `routes[2].target`.
fn located<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(value).map_err(|error| format!("{}: {}", error.path(), error.inner()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (text, expected) in [
            ("{", "line 1, column 1: EOF"),
            (r#"{"apiId": 1}"#, "apiId: invalid type: integer `1`, expected a string"),
            (r#"{"routes": [{"routeKey": "a", "targt": "x"}]}"#, "routes[0].targt: unknown field `targt`"),
            (r#"{"functions": {"f": {"url": "x"}}}"#, "functions.f.url: `x` is no address"),
            (
                r#"{"functions": {"f": {"url": "https://x/"}}}"#,
                "functions.f.url: `https://x/` does not begin with http://",
            ),
            (r#"{"functions": {"f": {}}}"#, "functions.f: missing field `url`"),
        ] {
            let problems = parse(text).err().expect("a problem").join("\n");
            assert!(problems.contains(expected), "{text}: {problems}");
        }
    }

    #[test]
    fn every_file_is_looked_at() {
        let paths = ["/does/not/exist/a.json", "/does/not/exist/b.json"].map(PathBuf::from);
        let problems = read(&paths).err().expect("neither is there").to_string();
        assert!(
            problems.contains("a.json: cannot be read") && problems.contains("b.json: cannot be read"),
            "{problems}"
        );
    }
}
