//! What a function is that runs as local processes, in words of its own: whoever reads templates or files translates.

use super::runtime::Runtime;
use crate::EventOptions;
use crate::options::{DEFAULT_TIMEOUT, MAX_TIMEOUT};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Lambda's smallest and default memory.
pub const DEFAULT_MEMORY_MB: u32 = 128;
/// Lambda's largest.
pub const MAX_MEMORY_MB: u32 = 10_240;
/// Lambda's limit for all variables together.
const MAX_ENVIRONMENT_BYTES: usize = 4 * 1024;
/// Lambda's limit.
const MAX_LAYERS: usize = 5;
/// Lambda's limit for names.
const MAX_NAME_CHARS: usize = 64;

/// The version of a function that was never published.
pub const LATEST: &str = "$LATEST";

/// A function that runs as local processes.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessFunction {
    /// Letters, digits, `-` and `_`.
    pub name: String,
    pub runtime: Runtime,
    /// `file.export` of Node, `module.function` of Python, a word of its own for a `bootstrap`.
    pub handler: String,
    pub code: Code,
    /// Later ones are searched first.
    pub layers: Vec<Code>,
    pub environment: BTreeMap<String, String>,
    pub timeout: Duration,
    /// The ceiling of its processes, in MB of 1,048,576 bytes.
    pub memory_mb: u32,
    /// Invocations at the same time; one more is throttled. `None`: as many as the account may have.
    pub reserved_concurrency: Option<usize>,
    /// Aliases and published versions, each with the version it stands for. All run the same code.
    pub qualifiers: BTreeMap<String, String>,
    pub events: EventOptions,
}

/// Where code is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// A folder, used where it lies.
    Folder(PathBuf),
    /// A zip file, unpacked into the data folder.
    Zip(PathBuf),
    /// The text of one file, `index`, as `ZipFile` of a template has it.
    Inline(String),
}

/// Why a description cannot be a function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionError {
    #[error("the name `{0}` must be 1 to 64 letters, digits, `-` and `_`")]
    Name(String),
    #[error("the timeout must be more than nothing and at most 900 s")]
    Timeout,
    #[error("{0} MB of memory is not from 128 to 10240")]
    Memory(u32),
    #[error("the handler is empty; write it like `index.handler`")]
    Handler,
    #[error("{0} layers; at most 5 are possible")]
    Layers(usize),
    #[error("the environment variable `{0}` is no name; use letters, digits and `_`, and begin with a letter")]
    Variable(String),
    #[error("the environment variables have {0} bytes; at most 4096 are possible")]
    Environment(usize),
}

impl ProcessFunction {
    /// A function with Lambda's defaults.
    pub fn new(name: impl Into<String>, runtime: Runtime, handler: impl Into<String>, code: Code) -> Self {
        Self {
            name: name.into(),
            runtime,
            handler: handler.into(),
            code,
            layers: Vec::new(),
            environment: BTreeMap::new(),
            timeout: DEFAULT_TIMEOUT,
            memory_mb: DEFAULT_MEMORY_MB,
            reserved_concurrency: None,
            qualifiers: BTreeMap::new(),
            events: EventOptions::default(),
        }
    }

    pub(super) fn check(&self) -> Result<(), DescriptionError> {
        let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if self.name.is_empty() || self.name.len() > MAX_NAME_CHARS || !is_word(&self.name) {
            return Err(DescriptionError::Name(self.name.clone()));
        }
        if self.timeout.is_zero() || self.timeout > MAX_TIMEOUT {
            return Err(DescriptionError::Timeout);
        }
        if !(DEFAULT_MEMORY_MB..=MAX_MEMORY_MB).contains(&self.memory_mb) {
            return Err(DescriptionError::Memory(self.memory_mb));
        }
        if self.handler.is_empty() && !matches!(self.runtime, Runtime::Provided) {
            return Err(DescriptionError::Handler);
        }
        if self.layers.len() > MAX_LAYERS {
            return Err(DescriptionError::Layers(self.layers.len()));
        }
        if let Some(name) =
            self.environment.iter().find_map(|(name, value)| (!is_variable(name, value)).then_some(name))
        {
            return Err(DescriptionError::Variable(name.clone()));
        }
        let bytes = self.environment.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > MAX_ENVIRONMENT_BYTES { Err(DescriptionError::Environment(bytes)) } else { Ok(()) }
    }
}

/// AWS refuses names that do not begin with a letter; a NUL would cut the environment of the process short.
fn is_variable(name: &str, value: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !value.contains('\0')
}
