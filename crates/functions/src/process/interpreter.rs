//! Which Node and which Python this machine has.

use super::runtime::Runtime;
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// What was found, so that each runtime is looked for once.
#[derive(Debug, Default)]
pub(crate) struct Interpreters(Mutex<HashMap<Runtime, Interpreter>>);

/// A program that runs code of one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interpreter {
    /// The program itself, past the shims of version switchers, which need variables that functions do not get.
    pub(crate) path: PathBuf,
    pub(crate) version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    pub(crate) major: u16,
    pub(crate) minor: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InterpreterError {
    #[error("the runtime {runtime} needs {tried} in PATH; install it")]
    Missing { runtime: Runtime, tried: String },
    #[error("{} is version {}.{}; functions need at least {}.{}", path.display(), found.0, found.1, needed.0, needed.1)]
    TooOld { path: PathBuf, found: (u16, u16), needed: (u16, u16) },
}

const OLDEST_NODE: Version = Version { major: 18, minor: 0 };
const OLDEST_PYTHON: Version = Version { major: 3, minor: 8 };

/// Asks a program where it really is and which version it has, on two lines.
const ASK_NODE: [&str; 2] = ["-p", "process.execPath + '\\n' + process.versions.node"];
const ASK_PYTHON: [&str; 2] = ["-c", "import sys; print(sys.executable); print('%d.%d' % sys.version_info[:2])"];

impl Interpreters {
    /// The program for a runtime; the one of its own version where there are several. `None`: it brings its own.
    pub(crate) fn find(&self, runtime: Runtime) -> Result<Option<Interpreter>, InterpreterError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(&runtime) {
            return Ok(Some(found.clone()));
        }
        let found = find(runtime)?;
        known.extend(found.iter().map(|found| (runtime, found.clone())));
        Ok(found)
    }
}

fn find(runtime: Runtime) -> Result<Option<Interpreter>, InterpreterError> {
    let (names, question, oldest) = match runtime {
        Runtime::Node { major } => {
            (vec![format!("node{major}"), "node".into(), "nodejs".into()], ASK_NODE, OLDEST_NODE)
        }
        Runtime::Python { minor } => {
            (vec![format!("python3.{minor}"), "python3".into(), "python".into()], ASK_PYTHON, OLDEST_PYTHON)
        }
        Runtime::Provided => return Ok(None),
    };
    let found = names.iter().find_map(|name| ask(name, question));
    let found = found.ok_or_else(|| InterpreterError::Missing { runtime, tried: names.join(" or ") })?;
    if found.version < oldest {
        let pair = |version: Version| (version.major, version.minor);
        return Err(InterpreterError::TooOld { path: found.path, found: pair(found.version), needed: pair(oldest) });
    }
    let asked_for = match runtime {
        Runtime::Node { major } => Version { major, minor: found.version.minor },
        Runtime::Python { minor } => Version { major: 3, minor },
        Runtime::Provided => found.version,
    };
    if asked_for != found.version {
        let Version { major, minor } = found.version;
        tracing::warn!(
            "{runtime} functions run on {} {major}.{minor}, because {} is not installed",
            found.path.display(),
            names[0]
        );
    }
    Ok(Some(found))
}

fn ask(program: &str, question: [&str; 2]) -> Option<Interpreter> {
    let answer = Command::new(program).args(question).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(answer.stdout).ok().filter(|_| answer.status.success())?;
    let mut lines = text.lines();
    let path = PathBuf::from(lines.next()?);
    let mut numbers = lines.next()?.split('.').map_while(|number| number.parse().ok());
    Some(Interpreter { path, version: Version { major: numbers.next()?, minor: numbers.next()? } })
}
