//! What Node programs load before anything else, so that calls of our APIs lead to the server.

use super::launch::server;
use super::settings::Settings;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const TEXT: &str = include_str!("../../bootstrap/reach.cjs");
/// Stands in it for address and names.
const PLACE: &str = "REACH";
const PREFIX: &str = "reach-";

#[derive(Debug, thiserror::Error)]
#[error("what leads Node functions to APIs here cannot be written to {}: {error}", path.display())]
pub struct ShimError {
    path: PathBuf,
    error: io::Error,
}

/// Writes it for what is served now, under a name that tells by what is in it: a process and the workers it starts later load
/// the same. `None`: nothing is served that could be called.
pub(crate) fn write(folder: &Path, settings: &Settings) -> Result<Option<PathBuf>, ShimError> {
    let address = server(settings);
    if address.is_empty() || settings.api_names.is_empty() {
        return Ok(None);
    }
    let reach = serde_json::json!({ "address": address, "names": settings.api_names });
    let text = TEXT.replacen(&format!("= {PLACE};"), &format!("= {reach};"), 1);
    let mut name = PREFIX.to_owned();
    for byte in &Sha256::digest(text.as_bytes())[..8] {
        let _ = write!(name, "{byte:02x}");
    }
    let path = folder.join(name + ".cjs");
    if !path.exists() {
        let partial = path.with_extension("partial");
        fs::write(&partial, text)
            .and_then(|()| fs::rename(&partial, &path))
            .map_err(|error| ShimError { path: path.clone(), error })?;
    }
    Ok(Some(path))
}

/// Removes those of earlier runs of the server.
pub(crate) fn remove_all(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
