//! What all local processes of a server share.

use super::limits::{DEFAULT_IDLE_TIMEOUT, DEFAULT_MAX_PROCESSES};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Settings {
    /// Unpacked code, logs and the programs that run handlers are kept in it.
    pub data: PathBuf,
    pub region: String,
    /// Twelve digits.
    pub account: String,
    /// What functions sign their calls with.
    pub access_key: AccessKey,
    /// Where functions reach tables, streams, functions and connections, such as `http://127.0.0.1:8080`.
    pub endpoint: Option<String>,
    /// Names of APIs that handlers call over HTTPS and that are served at `endpoint`, such as
    /// `echo.execute-api.us-east-1.amazonaws.com`.
    pub api_names: Vec<String>,
    /// A `node_modules` folder with what Lambda brings along, such as the AWS SDK.
    pub node_modules: Option<PathBuf>,
    /// Processes of one function that does not reserve less.
    pub max_processes: usize,
    /// After which a process without work is ended.
    pub idle_timeout: Duration,
}

/// An access key that does not show its secret in logs.
#[derive(Clone)]
pub struct AccessKey {
    pub id: String,
    secret: String,
}

impl AccessKey {
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { id: id.into(), secret: secret.into() }
    }

    pub(super) fn secret(&self) -> &str {
        &self.secret
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AccessKey").field(&self.id).finish_non_exhaustive()
    }
}

impl Settings {
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            access_key: AccessKey::new("local", "local"),
            endpoint: None,
            api_names: Vec::new(),
            node_modules: None,
            max_processes: DEFAULT_MAX_PROCESSES,
            idle_timeout: DEFAULT_IDLE_TIMEOUT,
        }
    }
}
