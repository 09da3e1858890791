//! Files on this disk, and files that exist only in a test.

use sluicegate_template::{FileKind, Files};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path, limit: usize) -> Result<String, String> {
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        if bytes.len() > limit {
            return Err(format!("has {} bytes; at most {limit} are read", bytes.len()));
        }
        String::from_utf8(bytes).map_err(|error| error.to_string())
    }

    fn entry(&self, path: &Path) -> Option<FileKind> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(if metadata.is_dir() { FileKind::Folder } else { FileKind::File })
    }
}

/// Text by path; folders are where files are.
#[derive(Default)]
pub struct Written(pub BTreeMap<PathBuf, String>);

impl Written {
    pub fn template(text: impl Into<String>) -> Self {
        let code = [("src/index.js", String::new()), ("template.yaml", text.into())];
        Self(code.map(|(path, text)| (PathBuf::from(path), text)).into())
    }
}

impl Files for Written {
    fn read(&self, path: &Path, _: usize) -> Result<String, String> {
        self.0.get(path).cloned().ok_or_else(|| "no such file".to_owned())
    }

    fn entry(&self, path: &Path) -> Option<FileKind> {
        if self.0.contains_key(path) {
            return Some(FileKind::File);
        }
        self.0.keys().any(|file| file.starts_with(path)).then_some(FileKind::Folder)
    }
}
