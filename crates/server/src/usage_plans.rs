//! API keys and usage plans: of a file, and of the template.

use crate::config::OptionalFile;
use crate::stacks::Stacks;
use serde_json::json;
use sluicegate_gateway::api::{ApiKeyDefinition, UsageDefinition};
use sluicegate_template::ApiKey;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tracing::info;
use uuid::Uuid;

/// Values of keys that their template has left open, by id.
const MADE_UP: &str = "api-keys.json";

#[derive(Debug, thiserror::Error)]
#[error("{purpose}: {path}: {problem}")]
pub struct UsageFileError {
    purpose: &'static str,
    path: PathBuf,
    problem: String,
}

/// All there are. Without any, no API key opens anything.
pub(crate) fn read(file: &OptionalFile, stacks: &Stacks, data: &Path) -> Result<UsageDefinition, UsageFileError> {
    let mut usage = written(file)?;
    usage.api_keys.extend(of_template(stacks.api_keys(), data)?);
    // The template says it in the same words.
    usage.usage_plans.extend(stacks.usage_plans().filter_map(|plan| serde_json::from_value(json!(plan)).ok()));
    Ok(usage)
}

/// What the file says.
fn written(file: &OptionalFile) -> Result<UsageDefinition, UsageFileError> {
    let Some(path) = &file.0 else { return Ok(UsageDefinition::default()) };
    let failed = |problem: String| UsageFileError { purpose: "usage_plans", path: path.clone(), problem };
    let text = std::fs::read(path).map_err(|error| failed(format!("cannot be read: {error}")))?;
    serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))
}

/// Keys without a value get one that is kept: on AWS one would look it up there.
fn of_template<'a>(
    keys: impl Iterator<Item = &'a ApiKey>,
    data: &Path,
) -> Result<Vec<ApiKeyDefinition>, UsageFileError> {
    let path = data.join(MADE_UP);
    let failed = |problem: String| UsageFileError { purpose: "API keys", path: path.clone(), problem };
    let mut known: BTreeMap<String, String> = match std::fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => return Err(failed(format!("cannot be read: {error}"))),
    };
    let (mut definitions, before) = (Vec::new(), known.len());
    for key in keys {
        let value = match &key.value {
            Some(value) => value.clone(),
            None => {
                info!("the value of the API key `{}` ({}) is in {}", key.name, key.id, path.display());
                let made_up = || format!("{}{}", Uuid::new_v4().simple(), &Uuid::new_v4().simple().to_string()[..8]);
                known.entry(key.id.clone()).or_insert_with(made_up).clone()
            }
        };
        let (id, name, enabled) = (key.id.clone(), key.name.clone(), key.enabled);
        definitions.push(ApiKeyDefinition { id, name, value, enabled });
    }
    if known.len() > before {
        keep(&path, &format!("{:#}\n", json!(known))).map_err(|error| failed(format!("cannot be written: {error}")))?;
    }
    Ok(definitions)
}

/// Readable by the server's own user only; whole or not at all.
fn keep(path: &Path, text: &str) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(new, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::origins::Origins;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn keys_without_a_value_get_one_that_is_kept() {
        let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template/tests/it/cases/usage.yaml");
        let config = Config { template: OptionalFile(Some(case)), ..Config::default() };
        let stacks = Stacks::read(&config, &Origins::default()).unwrap_or_else(|told| panic!("{told}"));
        let data = tempfile::tempdir().unwrap();
        let first = read(&OptionalFile(None), &stacks, data.path()).unwrap();
        let values: Vec<&str> = first.api_keys.iter().map(|key| key.value.as_str()).collect();
        assert_eq!(values.iter().map(|value| value.len()).collect::<Vec<_>>(), [40, 20, 40]);
        assert_ne!(values[0], values[2]);
        assert_eq!(first.usage_plans[0].keys.len(), 3);
        let mode = std::fs::metadata(data.path().join(MADE_UP)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "it holds secrets");
        assert_eq!(read(&OptionalFile(None), &stacks, data.path()).unwrap(), first, "after a restart");
        std::fs::write(data.path().join(MADE_UP), "{").unwrap();
        let told = read(&OptionalFile(None), &stacks, data.path()).unwrap_err().to_string();
        assert!(told.contains("API keys: ") && told.contains("api-keys.json: EOF"), "{told}");
    }
}
