//! API files: WebSocket APIs that somebody wrote down, and the functions behind them: code to run, or HTTP endpoints.
//!
//! A file is one JSON object: an API in the words of the API Gateway V2 control plane, and `functions`, which says where
//! each function named by an integration is.

use crate::origins::Origins;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sluicegate_functions::process::{Code, DEFAULT_MEMORY_MB, ProcessFunction, RuntimeError};
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

pub struct NamedFunction {
    pub name: String,
    pub kind: FunctionKind,
}

/// Where a function runs.
pub enum FunctionKind {
    /// Behind an address.
    Http { url: String, function: Function, options: FunctionOptions },
    /// In local processes.
    Process(Box<ProcessFunction>),
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
    /// `http://…`; then the function is there, and only the last two say how it may run.
    url: Option<String>,
    /// `nodejs22.x`, `python3.12`, `provided.al2023` and their like; then `code` is run here.
    runtime: Option<String>,
    #[serde(default)]
    handler: String,
    /// A folder or a zip, from the folder of the API file.
    code: Option<PathBuf>,
    /// The text of the only file, instead of `code`.
    zip_file: Option<String>,
    #[serde(default)]
    layers: Vec<PathBuf>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    /// In MB.
    memory_size: Option<u32>,
    timeout_seconds: Option<f64>,
    concurrency: Option<usize>,
}

/// What is wrong with one function.
#[derive(Debug, thiserror::Error)]
enum FunctionProblem {
    #[error("url: {0}")]
    Url(#[from] UrlError),
    #[error("runtime: {0}")]
    Runtime(#[from] RuntimeError),
    #[error("give either `url`, or `runtime` with `code` or `zipFile`")]
    Neither,
    #[error("`{0}` belongs to a function with `runtime`, and this one has `url`")]
    NotWithUrl(&'static str),
}

/// Reads every file, and reports what is wrong in any of them.
pub(crate) fn read(paths: &[PathBuf], origins: &Origins) -> Result<Vec<ApiFile>, FileProblems> {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        origins.add_file(path);
        match read_one(path) {
            Ok(file) => files.push(file),
            Err(found) => problems.extend(found.into_iter().map(|problem| format!("{}: {problem}", path.display()))),
        }
    }
    process_functions(&files).flat_map(|function| [vec![function.code], function.layers].concat()).for_each(|code| {
        match code {
            Code::Folder(path) => origins.add_folder(&path),
            Code::Zip(path) => origins.add_file(&path),
            Code::Inline(_) => {}
        }
    });
    if problems.is_empty() { Ok(files) } else { Err(FileProblems(problems)) }
}

/// Every function that is to run as local processes.
pub fn process_functions(files: &[ApiFile]) -> impl Iterator<Item = ProcessFunction> {
    files.iter().flat_map(|file| &file.functions).filter_map(|function| match &function.kind {
        FunctionKind::Process(described) => Some(ProcessFunction::clone(described)),
        FunctionKind::Http { .. } => None,
    })
}

fn read_one(path: &Path) -> Result<ApiFile, Vec<String>> {
    let unreadable = |error| vec![format!("cannot be read: {error}")];
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > MAX_FILE_BYTES {
        return Err(vec![format!("has {length} bytes; a definition has at most {MAX_FILE_BYTES}")]);
    }
    parse(&std::fs::read_to_string(path).map_err(unreadable)?, path.parent().unwrap_or(Path::new("")))
}

fn parse(text: &str, folder: &Path) -> Result<ApiFile, Vec<String>> {
    let mut written: Value = serde_json::from_str(text)
        .map_err(|error| vec![format!("line {}, column {}: {error}", error.line(), error.column())])?;
    let functions = written.as_object_mut().and_then(|keys| keys.remove("functions")).unwrap_or(Value::Null);
    let mut problems = Vec::new();
    let definition = located::<ApiDefinition>(written).unwrap_or_else(|problem| {
        problems.push(problem);
        ApiDefinition::default()
    });
    let functions = read_functions(functions, folder, &mut problems);
    if problems.is_empty() { Ok(ApiFile { definition, functions }) } else { Err(problems) }
}

fn read_functions(written: Value, folder: &Path, problems: &mut Vec<String>) -> Vec<NamedFunction> {
    if written.is_null() {
        return Vec::new();
    }
    let settings = located::<BTreeMap<String, FunctionSettings>>(written).unwrap_or_else(|problem| {
        problems.push(format!("functions.{problem}"));
        BTreeMap::new()
    });
    let named = settings.into_iter().filter_map(|(name, settings)| match function_kind(&name, settings, folder) {
        Ok(kind) => Some(NamedFunction { name, kind }),
        Err(problem) => {
            problems.push(format!("functions.{name}: {problem}"));
            None
        }
    });
    named.collect()
}

fn function_kind(name: &str, written: FunctionSettings, folder: &Path) -> Result<FunctionKind, FunctionProblem> {
    let timeout = written.timeout_seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let timeout = timeout.unwrap_or(DEFAULT_TIMEOUT);
    if let Some(url) = &written.url {
        written.only_with_runtime().map_or(Ok(()), |key| Err(FunctionProblem::NotWithUrl(key)))?;
        let concurrency = written.concurrency.unwrap_or(FunctionOptions::default().concurrency);
        let options = FunctionOptions { timeout, concurrency };
        return Ok(FunctionKind::Http { url: url.clone(), function: http_function(url)?, options });
    }
    let place = |path: &Path| match path.extension() {
        Some(extension) if extension == "zip" => Code::Zip(folder.join(path)),
        _ => Code::Folder(folder.join(path)),
    };
    let code = match (&written.code, written.zip_file) {
        (Some(path), None) => place(path),
        (None, Some(text)) => Code::Inline(text),
        _ => return Err(FunctionProblem::Neither),
    };
    let runtime = written.runtime.ok_or(FunctionProblem::Neither)?.parse()?;
    Ok(FunctionKind::Process(Box::new(ProcessFunction {
        layers: written.layers.iter().map(|path| place(path)).collect(),
        environment: written.environment,
        timeout,
        memory_mb: written.memory_size.unwrap_or(DEFAULT_MEMORY_MB),
        reserved_concurrency: written.concurrency,
        ..ProcessFunction::new(name, runtime, written.handler, code)
    })))
}

impl FunctionSettings {
    /// A key that means nothing for an HTTP endpoint.
    fn only_with_runtime(&self) -> Option<&'static str> {
        let given = [
            (self.runtime.is_some(), "runtime"),
            (!self.handler.is_empty(), "handler"),
            (self.code.is_some(), "code"),
            (self.zip_file.is_some(), "zipFile"),
            (!self.layers.is_empty(), "layers"),
            (!self.environment.is_empty(), "environment"),
            (self.memory_size.is_some(), "memorySize"),
        ];
        given.into_iter().find_map(|(is_given, key)| is_given.then_some(key))
    }
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
            (r#"{"functions": {"f": {"url": "x"}}}"#, "functions.f: url: `x` is no address"),
            (
                r#"{"functions": {"f": {"url": "https://x/"}}}"#,
                "functions.f: url: `https://x/` does not begin with http://",
            ),
            (r#"{"functions": {"f": {}}}"#, "functions.f: give either `url`, or `runtime` with `code`"),
            (r#"{"functions": {"f": {"runtime": "nodejs22.x"}}}"#, "functions.f: give either `url`, or `runtime`"),
            (
                r#"{"functions": {"f": {"runtime": "java21", "code": "."}}}"#,
                "functions.f: runtime: the runtime `java21` is not supported",
            ),
            (
                r#"{"functions": {"f": {"url": "http://x/", "code": "."}}}"#,
                "functions.f: `code` belongs to a function with `runtime`",
            ),
        ] {
            let problems = parse(text, Path::new("")).err().expect("a problem").join("\n");
            assert!(problems.contains(expected), "{text}: {problems}");
        }
    }

    #[test]
    fn every_file_is_looked_at() {
        let paths = ["/does/not/exist/a.json", "/does/not/exist/b.json"].map(PathBuf::from);
        let problems = read(&paths, &Origins::default()).err().expect("neither is there").to_string();
        assert!(
            problems.contains("a.json: cannot be read") && problems.contains("b.json: cannot be read"),
            "{problems}"
        );
    }
}
