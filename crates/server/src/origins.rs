//! The files and folders that come into what is served, noted down while they are read: a change there is a change of it.

use crate::check::Disk;
use sluicegate_template::{Code, FileKind, Files, Stack};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What was read so far. Paths as they were given.
#[derive(Debug, Default)]
pub(crate) struct Origins(Mutex<Seen>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Files that were read, and paths where something was looked for.
    pub(crate) files: BTreeSet<PathBuf>,
    /// Folders of code, with all that is in them.
    pub(crate) folders: BTreeSet<PathBuf>,
}

impl Seen {
    pub(crate) fn add(&mut self, other: &Self) {
        self.files.extend(other.files.iter().cloned());
        self.folders.extend(other.folders.iter().cloned());
    }
}

impl Origins {
    pub(crate) fn add_file(&self, path: &Path) {
        self.seen().files.insert(path.to_owned());
    }

    pub(crate) fn add_folder(&self, path: &Path) {
        self.seen().folders.insert(path.to_owned());
    }

    /// The code of functions and layers.
    pub(crate) fn add_code(&self, stacks: &[Stack]) {
        let functions = stacks.iter().flat_map(|stack| &stack.functions).map(|function| &function.code);
        let layers = stacks.iter().flat_map(|stack| &stack.layers).map(|layer| &layer.content);
        for code in functions.chain(layers) {
            match code {
                Code::Folder(path) => self.add_folder(path),
                Code::Zip(path) | Code::File(path) => self.add_file(path),
                Code::Inline(_) => {}
            }
        }
    }

    pub(crate) fn into_seen(self) -> Seen {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Files for Origins {
    fn read(&self, path: &Path, limit: usize) -> Result<String, String> {
        self.add_file(path);
        Disk.read(path, limit)
    }

    fn entry(&self, path: &Path) -> Option<FileKind> {
        let kind = Disk.entry(path);
        // What is not there yet may come; folders that are there become code, or do not matter.
        if kind != Some(FileKind::Folder) {
            self.add_file(path);
        }
        kind
    }
}
