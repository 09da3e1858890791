//! The door to files: this crate reads none itself.

use std::path::Path;

/// Where templates and what they name are found. Paths are as they were given, or joined to such.
pub trait Files {
    /// A text file's content, at most `limit` bytes of it.
    ///
    /// # Errors
    /// Why it cannot be had, in words: `no such file`, `has 12 MB, at most 8 MB are read`.
    fn read(&self, path: &Path, limit: usize) -> Result<String, String>;

    /// What is at a path; `None` for nothing.
    fn entry(&self, path: &Path) -> Option<FileKind>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    File,
    Folder,
}
