//! The file of API keys and usage plans.

use crate::config::OptionalFile;
use sluicegate_gateway::api::UsageDefinition;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
#[error("usage_plans: {path}: {problem}")]
pub struct UsageFileError {
    path: PathBuf,
    problem: String,
}

/// What the file says; without one, no API key opens anything.
pub(crate) fn read(file: &OptionalFile) -> Result<UsageDefinition, UsageFileError> {
    let Some(path) = &file.0 else { return Ok(UsageDefinition::default()) };
    let failed = |problem: String| UsageFileError { path: path.clone(), problem };
    let text = std::fs::read(path).map_err(|error| failed(format!("cannot be read: {error}")))?;
    serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))
}
