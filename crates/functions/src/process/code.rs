//! Code on disk: folders as they are, zips and inline text unpacked under the data folder by what they contain.
//!
//! A folder of unpacked code is complete or absent: it is filled under another name and then renamed. Its name is the hash
//! of what it was made from, so that the next start finds it, and changed code never meets old files.

mod elf;
mod footprint;
mod unpack;

pub(crate) use elf::{Binary, inspect};
pub use footprint::{is_code, own_paths};

use super::description::Code;
use super::runtime::Runtime;
use footprint::Footprint;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Lambda's limit for a function and its layers, unpacked.
pub const UNPACKED_BYTES: u64 = 250 * 1024 * 1024;
/// Packed code is never larger than unpacked code may be.
const PACKED_BYTES: u64 = UNPACKED_BYTES;

/// Why code cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    #[error("the code {} cannot be read: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("the code {} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    #[error("the zip {} has {bytes} bytes; at most {PACKED_BYTES} are possible", path.display())]
    TooLarge { path: PathBuf, bytes: u64 },
    #[error("the zip {} cannot be used: {problem}", path.display())]
    Zip { path: PathBuf, problem: unpack::ZipProblem },
    #[error("the code cannot be unpacked into {}: {error}", path.display())]
    Store { path: PathBuf, error: io::Error },
    #[error("inline code is possible for Node and Python only; give a folder or a zip")]
    Inline,
}

/// The folder of unpacked code.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    /// What lies in folders of code and is none.
    own: Vec<PathBuf>,
    /// The names of the folders in it that were asked for, and whether somebody still has them.
    used: Mutex<HashMap<String, Weak<()>>>,
    /// Of folders that were looked at in this round of loading; many functions share one.
    footprints: Mutex<HashMap<PathBuf, Footprint>>,
}

/// Code on disk. What was unpacked stays there for as long as somebody has this.
#[derive(Clone, Debug)]
pub(crate) struct LoadedCode {
    pub(crate) folder: PathBuf,
    /// Unpacked code needs none: its folder is named after what it contains.
    footprint: Option<Footprint>,
    _held: Option<Arc<()>>,
}

impl PartialEq for LoadedCode {
    /// Whether it is the same code.
    fn eq(&self, other: &Self) -> bool {
        self.folder == other.folder && self.footprint == other.footprint
    }
}

/// Code of one function on its way to disk: what may still be unpacked.
#[derive(Debug)]
pub(crate) struct Loader<'a> {
    store: &'a Store,
    budget: u64,
}

impl Store {
    pub(crate) fn at(folder: PathBuf, own: Vec<PathBuf>) -> Self {
        Self { path: folder, own, used: Mutex::default(), footprints: Mutex::default() }
    }

    pub(crate) fn loader(&self) -> Loader<'_> {
        Loader { store: self, budget: UNPACKED_BYTES }
    }

    /// Ends a round of loading: removes the folders that nobody has.
    pub(crate) fn remove_unused(&self) -> io::Result<()> {
        self.footprints.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.used().retain(|_, held| held.strong_count() > 0);
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if !entry.file_name().to_str().is_some_and(|name| self.used().contains_key(name)) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }

    fn used(&self) -> MutexGuard<'_, HashMap<String, Weak<()>>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folder called `name`, filled by `fill` unless it is there.
    fn folder(&self, name: &str, fill: impl FnOnce(&Path) -> Result<(), CodeError>) -> Result<LoadedCode, CodeError> {
        let complete = self.path.join(name);
        let held = self.held(name);
        let loaded = LoadedCode { folder: complete.clone(), footprint: None, _held: Some(held) };
        if complete.is_dir() {
            return Ok(loaded);
        }
        let failed = |error| CodeError::Store { path: complete.clone(), error };
        // The server holds its data folder alone, so what lies there was left by a crash.
        let partial = self.path.join(format!("{name}.partial"));
        match fs::remove_dir_all(&partial) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        fs::create_dir_all(&partial).map_err(failed)?;
        let filled = fill(&partial).and_then(|()| fs::rename(&partial, &complete).map_err(failed));
        if filled.is_err() {
            let _ = fs::remove_dir_all(&partial);
        }
        filled.map(|()| loaded)
    }

    fn held(&self, name: &str) -> Arc<()> {
        let mut used = self.used();
        let held = used.get(name).and_then(Weak::upgrade).unwrap_or_default();
        used.insert(name.to_owned(), Arc::downgrade(&held));
        held
    }

    /// A folder that is used where it lies.
    fn in_place(&self, path: &Path) -> Result<LoadedCode, CodeError> {
        let unreadable = |error| CodeError::Unreadable { path: path.to_owned(), error };
        let folder = path.canonicalize().map_err(unreadable)?;
        if !folder.is_dir() {
            return Err(CodeError::NotAFolder(folder));
        }
        let mut known = self.footprints.lock().unwrap_or_else(PoisonError::into_inner);
        let footprint = match known.get(&folder) {
            Some(footprint) => *footprint,
            None => Footprint::of(&folder, &self.own).map_err(unreadable)?,
        };
        known.insert(folder.clone(), footprint);
        Ok(LoadedCode { folder, footprint: Some(footprint), _held: None })
    }
}

impl Loader<'_> {
    /// Brings code to disk.
    pub(crate) fn load(&mut self, code: &Code, runtime: Runtime) -> Result<LoadedCode, CodeError> {
        match code {
            Code::Folder(path) => self.store.in_place(path),
            Code::Zip(path) => self.zip(path),
            Code::Inline(text) => self.inline(text, runtime),
        }
    }

    fn zip(&mut self, path: &Path) -> Result<LoadedCode, CodeError> {
        let unreadable = |error| CodeError::Unreadable { path: path.to_owned(), error };
        let mut file = File::open(path).map_err(unreadable)?;
        let bytes = file.metadata().map_err(unreadable)?.len();
        if bytes > PACKED_BYTES {
            return Err(CodeError::TooLarge { path: path.to_owned(), bytes });
        }
        let name = hash_of(&mut file).map_err(unreadable)?;
        let budget = self.budget;
        let loaded = self.store.folder(&name, |into| {
            unpack::zip(file, into, budget).map_err(|problem| CodeError::Zip { path: path.to_owned(), problem })
        })?;
        let unpacked = unpack::size_of(&loaded.folder).map_err(unreadable)?;
        self.budget = self.budget.checked_sub(unpacked).ok_or_else(|| CodeError::Zip {
            path: path.to_owned(),
            problem: unpack::ZipProblem::TooLarge(UNPACKED_BYTES),
        })?;
        Ok(loaded)
    }

    fn inline(&self, text: &str, runtime: Runtime) -> Result<LoadedCode, CodeError> {
        let file = match runtime {
            Runtime::Node { .. } => "index.js",
            Runtime::Python { .. } => "index.py",
            Runtime::Provided => return Err(CodeError::Inline),
        };
        let name = hex(&Sha256::digest(format!("{file}\n{text}")));
        self.store.folder(&name, |into| {
            let path = into.join(file);
            fs::write(&path, text).map_err(|error| CodeError::Store { path, error })
        })
    }
}

fn hash_of(file: &mut File) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex(&hash.finalize())),
            length => hash.update(&piece[..length]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
