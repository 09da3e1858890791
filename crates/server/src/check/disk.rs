//! Templates on this disk.

use sluicegate_template::{FileKind, Files};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Files as they are.
#[derive(Clone, Copy, Debug)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path, limit: usize) -> Result<String, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        // One more than may be, to see that there is more.
        file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        if bytes.len() > limit {
            return Err(format!("it has more than {} MB", limit >> 20));
        }
        String::from_utf8(bytes)
            .map_err(|error| format!("it is not UTF-8 from byte {} on", error.utf8_error().valid_up_to()))
    }

    fn entry(&self, path: &Path) -> Option<FileKind> {
        // The empty path is the folder we are in.
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let metadata = std::fs::metadata(path).ok()?;
        Some(if metadata.is_dir() { FileKind::Folder } else { FileKind::File })
    }
}
