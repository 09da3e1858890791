//! The data folder, held by one server at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Holds the folder until it is dropped. The operating system lets go of the lock when the process ends, however it ends,
/// so a crash leaves nothing to clean up.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    lock: File,
}

#[derive(Debug, thiserror::Error)]
pub enum DataFolderError {
    #[error("cannot use the data folder {}: {error}; choose another one with --data, or make it writable", path.display())]
    Unusable { path: PathBuf, error: io::Error },
    #[error(
        "the data folder {} is in use by another sluicegate{}; stop it, or choose another folder with --data",
        path.display(),
        holder.as_ref().map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    InUse { path: PathBuf, holder: Option<String> },
}

impl DataFolder {
    /// Creates the folder where it is missing, and locks it.
    pub fn lock(path: &Path) -> Result<Self, DataFolderError> {
        let unusable = |error| DataFolderError::Unusable { path: path.to_owned(), error };
        std::fs::create_dir_all(path).map_err(unusable)?;
        let path = path.canonicalize().map_err(unusable)?;
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("LOCK"))
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DataFolderError::InUse { path, holder: holder(&mut lock) }),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        sign(&mut lock).map_err(unusable)?;
        Ok(Self { path, lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        // Closing the file would do, were it not for a function's process that is being started at this very moment: until it
        // runs its own program it has the file open as well.
        let _ = self.lock.unlock();
    }
}

/// Writes our process id into the lock file, for whoever finds it locked.
fn sign(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    write!(lock, "{}", std::process::id())
}

fn holder(lock: &mut File) -> Option<String> {
    let mut pid = String::new();
    lock.read_to_string(&mut pid).ok()?;
    let pid = pid.trim();
    (!pid.is_empty()).then(|| pid.to_owned())
}
