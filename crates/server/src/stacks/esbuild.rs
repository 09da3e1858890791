//! TypeScript and modern JavaScript, made into what Node runs: `BuildMethod: esbuild` in a function's Metadata, done as
//! `sam build` does it, with the project's own esbuild.
//!
//! What is wrong with the sources is a problem of the function, at the line of the source.

use super::functions::{has_handler, module};
use serde_json::Value;
use sluicegate_template::{Code, Function, Place, Problem};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::task::JoinSet;

const METHOD: &str = "esbuild";
/// Where what was built lies, in the data folder.
const FOLDER: &str = "function-builds";
/// How many run at a time. Each uses all processors by itself.
const AT_A_TIME: usize = 2;
/// Bundles take a fraction of a second.
const MOST_TIME: Duration = Duration::from_secs(120);
/// What is read of its messages.
const MOST_MESSAGE_BYTES: u64 = 64 * 1024;
/// How many problems it tells.
const MOST_MESSAGES: &str = "--log-limit=20";

/// Sources of a function, and how they are bundled.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bundle {
    function: String,
    handler: String,
    place: Place,
    /// Its `CodeUri`: entry points, and the way up to `node_modules` and `tsconfig.json`, begin there.
    sources: PathBuf,
    esbuild: PathBuf,
    arguments: Vec<String>,
}

/// What is wrong, and what to do.
type Refused = (String, String);

impl Bundle {
    /// `None` for code that runs as it is: of another method, or built already.
    pub(super) fn of(function: &Function) -> Result<Option<Self>, Refused> {
        let (Some(build), Code::Folder(sources)) = (&function.build, &function.code) else { return Ok(None) };
        let built_by_sam = sources.components().any(|part| part.as_os_str() == ".aws-sam");
        if build.method != METHOD || built_by_sam {
            return Ok(None);
        }
        let entries = match entry_points(&build.properties, sources, &function.handler) {
            Ok(entries) => entries,
            // Only what was made of the sources is there.
            Err(_) if has_handler(sources, &function.handler) => return Ok(None),
            Err(refused) => return Err(refused),
        };
        let esbuild = find(sources).ok_or_else(|| {
            (
                format!("its sources in {} are built by esbuild, which is not there", sources.display()),
                "run `npm install --save-dev esbuild` in that folder, or in one above".to_owned(),
            )
        })?;
        Ok(Some(Self {
            function: function.name.clone(),
            handler: function.handler.clone(),
            place: function.place.clone(),
            sources: sources.clone(),
            esbuild,
            arguments: entries.into_iter().chain(options(&build.properties)).collect(),
        }))
    }

    /// Builds into a folder of its own, and gives that.
    async fn build(&self, data: &Path, node_modules: Option<&Path>) -> Result<PathBuf, Vec<Problem>> {
        let refused = |message: String, remedy: &str| {
            vec![Problem { place: self.place.clone(), message, remedy: remedy.to_owned() }]
        };
        let builds = data.join(FOLDER);
        // Names of functions are names of folders: letters, digits, `-` and `_`.
        let (built, building) = (builds.join(&self.function), builds.join(format!("{}.new", self.function)));
        let unwritable = |error: std::io::Error| {
            refused(format!("cannot write to {}: {error}", builds.display()), "make the data folder writable")
        };
        std::fs::create_dir_all(&builds).map_err(unwritable)?;
        remove(&building).map_err(unwritable)?;
        let (succeeded, said) = self.run(&building, node_modules).await.map_err(|error| {
            refused(format!("{} cannot be run: {error}", self.esbuild.display()), "install it anew")
        })?;
        if !succeeded {
            return Err(self.problems(&said));
        }
        if !has_handler(&building, &self.handler) {
            let message = format!("esbuild made no file of the handler `{}`", self.handler);
            return Err(refused(
                message,
                "name the handler's file in EntryPoints, and the handler by its path from there",
            ));
        }
        // What has not changed stays: whoever runs it need not be started anew.
        if is_same(&building, &built) {
            remove(&building).map_err(unwritable)?;
            return Ok(built);
        }
        remove(&built).map_err(unwritable)?;
        std::fs::rename(&building, &built).map_err(unwritable)?;
        Ok(built)
    }

    /// Whether it succeeded, and what it said.
    async fn run(&self, out: &Path, node_modules: Option<&Path>) -> std::io::Result<(bool, String)> {
        let out = std::path::absolute(out)?;
        let mut command = Command::new(&self.esbuild);
        command
            .args(&self.arguments)
            .arg(format!("--outdir={}", out.display()))
            .args(["--color=false", "--log-level=error", MOST_MESSAGES])
            .current_dir(&self.sources)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(folder) = node_modules {
            // Packages that Lambda brings along are bundled from there, if the project has not got them.
            command.env("NODE_PATH", std::path::absolute(folder)?);
        }
        let mut child = command.spawn()?;
        let (mut said, stderr) = (Vec::new(), child.stderr.take());
        let ended = async {
            if let Some(stderr) = stderr {
                stderr.take(MOST_MESSAGE_BYTES).read_to_end(&mut said).await?;
            }
            child.wait().await
        };
        let status = tokio::time::timeout(MOST_TIME, ended)
            .await
            .map_err(|_| std::io::Error::other(format!("it did not end within {} s", MOST_TIME.as_secs())))??;
        Ok((status.success(), String::from_utf8_lossy(&said).into_owned()))
    }

    /// What esbuild said, each at its place.
    fn problems(&self, said: &str) -> Vec<Problem> {
        let found = errors(said);
        if found.is_empty() {
            let message = format!("esbuild failed: {}", said.trim());
            return vec![Problem { place: self.place.clone(), message, remedy: "correct what it says".to_owned() }];
        }
        let each = found.into_iter().map(|Error { message, place }| {
            let remedy = match message.starts_with("Could not resolve \"") && !message.contains("\".") {
                true => "run `npm install`, or name the package in External",
                false => "correct it",
            };
            let place = match place {
                Some((file, line, column)) => Place {
                    file: self.sources.join(file).display().to_string(),
                    line,
                    column,
                    path: self.place.path.clone(),
                },
                None => self.place.clone(),
            };
            Problem { place, message, remedy: remedy.to_owned() }
        });
        each.collect()
    }
}

/// Builds what is to be built, some at a time; gives functions and the folders of their code.
pub(super) async fn build(
    bundles: &[Bundle],
    data: &Path,
    node_modules: Option<&Path>,
) -> Result<Vec<(String, PathBuf)>, Vec<Problem>> {
    let (mut built, mut problems) = (Vec::new(), Vec::new());
    for some in bundles.chunks(AT_A_TIME) {
        let mut running = JoinSet::new();
        for bundle in some.iter().cloned() {
            let (data, node_modules) = (data.to_owned(), node_modules.map(Path::to_owned));
            running.spawn(async move {
                let folder = bundle.build(&data, node_modules.as_deref()).await;
                (bundle.function, folder)
            });
        }
        for (function, outcome) in running.join_all().await {
            match outcome {
                Ok(folder) => built.push((function, folder)),
                Err(found) => problems.extend(found),
            }
        }
    }
    if problems.is_empty() { Ok(built) } else { Err(problems) }
}

fn remove(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Whether two folders have the same files with the same content.
fn is_same(one: &Path, other: &Path) -> bool {
    let names = |folder: &Path| {
        let entries = std::fs::read_dir(folder)?;
        let mut names = entries.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>()?;
        names.sort();
        std::io::Result::Ok(names)
    };
    let (Ok(names), Ok(others)) = (names(one), names(other)) else { return false };
    names == others
        && names.iter().all(|name| {
            let (one, other) = (one.join(name), other.join(name));
            if one.is_dir() {
                return is_same(&one, &other);
            }
            std::fs::read(&one).is_ok_and(|text| std::fs::read(&other).is_ok_and(|same| text == same))
        })
}

/// Those of the template, or else the file that the handler names.
fn entry_points(properties: &Value, sources: &Path, handler: &str) -> Result<Vec<String>, Refused> {
    let written: Vec<&str> = match &properties["EntryPoints"] {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => vec![module(handler)],
    };
    let mut found = Vec::new();
    for entry in written {
        let spellings = ["", ".ts", ".js", ".tsx", ".mts", ".mjs"].map(|extension| format!("{entry}{extension}"));
        match spellings.into_iter().find(|file| sources.join(file).is_file()) {
            // So that no file is taken for an option.
            Some(file) if file.starts_with('-') => found.push(format!("./{file}")),
            Some(file) => found.push(file),
            None => {
                let message = format!("there is no source `{entry}` in {}", sources.display());
                return Err((message, "correct EntryPoints: they begin at CodeUri".to_owned()));
            }
        }
    }
    Ok(found)
}

/// `BuildProperties` as arguments, with the defaults of `sam build`.
fn options(properties: &Value) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    };
    let single = |property: &str, option: &str, default: Option<&str>| {
        let value = text(&properties[property]).or_else(|| default.map(str::to_owned))?;
        Some(format!("--{option}={value}"))
    };
    let mut options = vec!["--bundle".to_owned(), "--platform=node".to_owned()];
    options.extend(single("Target", "target", Some("es2020")));
    options.extend(single("Format", "format", Some("cjs")));
    options.extend(single("MainFields", "main-fields", None));
    options.extend(single("SourcesContent", "sources-content", None));
    for (property, option, default) in [("Minify", "--minify", "true"), ("Sourcemap", "--sourcemap", "false")] {
        if text(&properties[property]).as_deref().unwrap_or(default) == "true" {
            options.push(option.to_owned());
        }
    }
    for (property, option) in
        [("External", "external"), ("Loader", "loader"), ("OutExtension", "out-extension"), ("Banner", "banner")]
    {
        let items = properties[property].as_array().into_iter().flatten();
        options.extend(items.filter_map(text).map(|item| format!("--{option}:{item}")));
    }
    options
}

/// The project's own, from its sources upwards; else the one in `PATH`.
fn find(sources: &Path) -> Option<PathBuf> {
    let sources = std::path::absolute(sources).ok()?;
    let of_projects = sources.ancestors().map(|folder| folder.join("node_modules/.bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    of_projects.chain(std::env::split_paths(&path)).map(|folder| folder.join(METHOD)).find(|file| file.is_file())
}

#[derive(Debug, PartialEq)]
struct Error {
    message: String,
    /// File from the sources, line and column from 1.
    place: Option<(String, u32, u32)>,
}

/// Reads `✘ [ERROR] message`, an empty line, `    file:line:column:`.
fn errors(said: &str) -> Vec<Error> {
    let mut errors: Vec<Error> = Vec::new();
    for line in said.lines() {
        if let Some((_, message)) = line.split_once("[ERROR] ") {
            errors.push(Error { message: message.trim().to_owned(), place: None });
        } else if let Some(error) = errors.last_mut().filter(|error| error.place.is_none()) {
            error.place = line.strip_prefix("    ").and_then(place);
        }
    }
    errors
}

fn place(text: &str) -> Option<(String, u32, u32)> {
    let mut parts = text.strip_suffix(':')?.rsplitn(3, ':');
    let (column, line) = (parts.next()?.parse::<u32>().ok()?, parts.next()?.parse().ok()?);
    Some((parts.next()?.to_owned(), line, column + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn properties_become_the_arguments_of_sam() {
        for (properties, expected) in [
            (json!(null), "--bundle --platform=node --target=es2020 --format=cjs --minify"),
            (
                json!({"Minify": false, "Target": "es2022", "Sourcemap": true, "Format": "esm", "MainFields": "module,main",
                    "External": ["@aws-sdk/*"], "Loader": [".json=json"], "OutExtension": [".js=.mjs"], "Banner": ["js=//"]}),
                "--bundle --platform=node --target=es2022 --format=esm --main-fields=module,main --sourcemap \
                 --external:@aws-sdk/* --loader:.json=json --out-extension:.js=.mjs --banner:js=//",
            ),
            (
                json!({"Minify": "false", "SourcesContent": "false", "External": "x"}),
                "--bundle --platform=node --target=es2020 --format=cjs --sources-content=false",
            ),
        ] {
            assert_eq!(options(&properties).join(" "), expected);
        }
    }

    #[test]
    fn what_esbuild_says_has_its_place() {
        let said = "✘ [ERROR] Could not resolve \"foo\"\n\n    src/app.ts:1:18:\n      1 │ import { x } from \"foo\";\n\n  \
                    You can mark the path\n\n✘ [ERROR] No loader is configured\n\n2 errors\n";
        let expected = [
            Error { message: "Could not resolve \"foo\"".into(), place: Some(("src/app.ts".into(), 1, 19)) },
            Error { message: "No loader is configured".into(), place: None },
        ];
        assert_eq!(errors(said), expected);
        assert_eq!(errors("Segmentation fault"), []);
    }
}
