//! Whether a folder of code is still as it was: told from names, sizes and times of change, not from content.

use std::ffi::OsStr;
use std::fs::{self, DirEntry, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Entries that are looked at. In a larger folder, changes beyond them are not seen.
const MAX_ENTRIES: usize = 200_000;
/// Folders within folders.
const MAX_DEPTH: usize = 64;

/// What is no code, and changes by itself: what Python compiles, and what version control keeps.
const IGNORED: [&str; 2] = ["__pycache__", ".git"];

/// Equal for a folder in which nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Footprint(u64);

/// Whether something of this name is code.
pub fn is_code(name: &OsStr) -> bool {
    !IGNORED.iter().any(|ignored| name == *ignored)
}

/// What this server itself writes and what is therefore no code, wherever it lies: its data folder, and the files that its
/// output goes to. A change that is logged must not make another change.
pub fn own_paths(data: &Path) -> Vec<PathBuf> {
    let outputs = ["/dev/fd/1", "/dev/fd/2"].into_iter().filter_map(|output| fs::canonicalize(output).ok());
    fs::canonicalize(data).into_iter().chain(outputs).collect()
}

impl Footprint {
    /// Of everything in `folder`, except what the server writes there.
    pub(crate) fn of(folder: &Path, except: &[PathBuf]) -> io::Result<Self> {
        let mut walk = Walk { hash: DefaultHasher::new(), left: MAX_ENTRIES, except };
        walk.folder(folder, MAX_DEPTH)?;
        Ok(Self(walk.hash.finish()))
    }
}

struct Walk<'a> {
    hash: DefaultHasher,
    left: usize,
    except: &'a [PathBuf],
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, depth: usize) -> io::Result<()> {
        let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        // Folders list their entries in no order.
        entries.sort_by_key(DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            if self.left == 0 || !is_code(&entry.file_name()) || self.except.contains(&path) {
                continue;
            }
            self.left -= 1;
            entry.file_name().hash(&mut self.hash);
            // Links are followed to files only: folders could be circles, and those of package managers lead to where we come
            // anyway.
            let Ok(found) = fs::metadata(&path) else { continue };
            if found.is_dir() {
                if depth > 0 && !entry.file_type()?.is_symlink() {
                    self.folder(&path, depth - 1)?;
                }
            } else {
                self.file(&found);
            }
        }
        Ok(())
    }

    fn file(&mut self, found: &Metadata) {
        found.len().hash(&mut self.hash);
        let changed = found.modified().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        changed.hash(&mut self.hash);
        use std::os::unix::fs::MetadataExt;
        // A file put in the place of another one may be as old and as long.
        (found.ino(), found.mode()).hash(&mut self.hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_changes_code_is_seen_and_what_does_not_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let write = |name: &str, text: &str| {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), text).unwrap();
        };
        let now = || Footprint::of(folder.path(), &[at("data"), at("server.log")]).unwrap();
        write("index.js", "1");
        let mut last = now();
        let changes: [(&str, &dyn Fn(), bool); 9] = [
            ("another file", &|| write("lib/a.js", "1"), true),
            ("a longer one", &|| write("lib/a.js", "12"), true),
            ("a new name", &|| fs::rename(at("lib/a.js"), at("lib/b.js")).unwrap(), true),
            ("an older file in its place", &|| fs::rename(at("lib/b.js"), at("index.js")).unwrap(), true),
            ("a circle", &|| symlink(folder.path(), at("again")).unwrap(), true),
            ("the server's data", &|| write("data/tables.db", "1"), false),
            ("the server's log", &|| write("server.log", "1"), false),
            ("what Python compiles", &|| write("lib/__pycache__/a.pyc", "1"), false),
            ("nothing", &|| (), false),
        ];
        for (what, change, seen) in changes {
            change();
            assert_eq!(now() != last, seen, "{what}");
            last = now();
        }
    }
}
