//! `--watch`: notices when something on disk has changed that is served.
//!
//! Files are watched through the folders they are in, because editors put a new file in the place of the old one; folders of
//! code with all that is below them. Whether anything has become different is for the reload to find out.

use crate::RunningServer;
use crate::origins::Seen;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use sluicegate_functions::process::{is_code, own_paths};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tracing::warn;

/// A change counts when nothing has followed it for this long: whoever saves or builds writes more than one file.
const QUIET: Duration = Duration::from_millis(100);
/// Where something is always being written, changes count after this long.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Watches over what a server serves.
pub struct Watch {
    watcher: RecommendedWatcher,
    shared: Arc<Shared>,
    watched: BTreeMap<PathBuf, RecursiveMode>,
}

struct Shared {
    changed: Notify,
    interest: Mutex<Interest>,
}

/// Which paths matter. All are absolute and lead through no links.
#[derive(Debug, Default)]
struct Interest {
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    /// What the server itself writes, perhaps within a folder of code.
    own: Vec<PathBuf>,
}

impl Watch {
    /// Begins to watch. What has changed since the server read it is noticed as well.
    ///
    /// # Errors
    /// The operating system does not tell about files.
    pub fn of(server: &RunningServer) -> notify::Result<Self> {
        let interest = Interest { own: own_paths(server.data()), ..Interest::default() };
        let shared = Arc::new(Shared { changed: Notify::new(), interest: Mutex::new(interest) });
        let told = Arc::clone(&shared);
        let watcher = notify::recommended_watcher(move |event| told.note(event))?;
        let mut watch = Self { watcher, shared, watched: BTreeMap::new() };
        watch.follow(server);
        Ok(watch)
    }

    /// Waits for a change, and until no more of it come.
    pub async fn changed(&mut self) {
        self.shared.changed.notified().await;
        let first = Instant::now();
        while first.elapsed() < LONGEST_WAIT && timeout(QUIET, self.shared.changed.notified()).await.is_ok() {}
        // Folders may have been deleted and made again; then the old watches have gone with them. Before anything is read, so
        // that no change falls between.
        self.watch(&self.watched.clone());
    }

    /// Watches what the server serves now.
    pub fn follow(&mut self, server: &RunningServer) {
        let seen = server.seen();
        {
            let mut interest = self.shared.interest.lock().unwrap_or_else(PoisonError::into_inner);
            interest.files = seen.files.iter().map(|file| real(file)).collect();
            interest.folders = seen.folders.iter().map(|folder| real(folder)).collect();
        }
        let places = places(&seen);
        let gone: Vec<_> = self.watched.keys().filter(|path| !places.contains_key(*path)).cloned().collect();
        for path in gone {
            self.watched.remove(&path);
            // It may have been deleted.
            let _ = self.watcher.unwatch(&path);
        }
        let new: BTreeMap<_, _> =
            places.into_iter().filter(|(path, mode)| self.watched.get(path) != Some(mode)).collect();
        if !new.is_empty() {
            self.watch(&new);
            // What was changed before the watch began has to be found by reading.
            self.shared.changed.notify_one();
        }
    }

    fn watch(&mut self, places: &BTreeMap<PathBuf, RecursiveMode>) {
        for (path, mode) in places {
            let _ = self.watcher.unwatch(path);
            match self.watcher.watch(path, *mode) {
                Ok(()) => drop(self.watched.insert(path.clone(), *mode)),
                Err(error) => {
                    warn!("{} is not watched: {error}; send SIGHUP after changes in it", path.display());
                    // Kept, so that it is tried again with the next change, but not at once.
                    self.watched.insert(path.clone(), *mode);
                }
            }
        }
    }
}

impl Shared {
    /// Called by the watcher's own thread.
    fn note(&self, event: notify::Result<Event>) {
        let matters = match event {
            Ok(event) if event.need_rescan() => true,
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => false,
            Ok(event) => {
                let interest = self.interest.lock().unwrap_or_else(PoisonError::into_inner);
                event.paths.iter().any(|path| interest.has(path))
            }
            Err(error) => {
                warn!("changes of files may go unnoticed: {error}");
                false
            }
        };
        if matters {
            self.changed.notify_one();
        }
    }
}

impl Interest {
    fn has(&self, path: &Path) -> bool {
        // A folder on the way to something that matters may come or go with it.
        let leads_there = |wanted: &PathBuf| wanted.starts_with(path);
        let is_inside = |folder: &PathBuf| {
            path.strip_prefix(folder).is_ok_and(|rest| rest.components().all(|part| is_code(part.as_os_str())))
        };
        if self.files.iter().chain(&self.folders).any(leads_there) {
            return true;
        }
        !self.own.iter().any(|own| path.starts_with(own)) && self.folders.iter().any(is_inside)
    }
}

/// The folders to watch, and whether with all that is below.
fn places(seen: &Seen) -> BTreeMap<PathBuf, RecursiveMode> {
    let mut places = BTreeMap::new();
    for path in seen.files.iter().chain(&seen.folders) {
        // Where it is, or will be: the nearest folder that is there.
        let path = real(path);
        let parents = path.ancestors().skip(1);
        if let Some(parent) = parents.into_iter().find(|folder| folder.is_dir()) {
            places.insert(parent.to_owned(), RecursiveMode::NonRecursive);
        }
    }
    let folders: Vec<_> = seen.folders.iter().map(|folder| real(folder)).filter(|folder| folder.is_dir()).collect();
    places.extend(folders.iter().map(|folder| (folder.clone(), RecursiveMode::Recursive)));
    // One watch is enough for each folder.
    let is_within = |path: &PathBuf| folders.iter().any(|folder| path != folder && path.starts_with(folder));
    places.retain(|path, _| !is_within(path));
    places
}

/// An absolute path without links, as far as it is there.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for folder in path.ancestors() {
        // The last name stays: a link that is exchanged is a change.
        if folder != path
            && let Ok(found) = folder.canonicalize()
        {
            return found.join(path.strip_prefix(folder).unwrap_or(Path::new("")));
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_is_told_from_what_does_not() {
        let interest = Interest {
            files: vec!["/p/template.yaml".into(), "/p/dist/lib.zip".into()],
            folders: vec!["/p/src".into()],
            own: vec!["/p/src/data".into(), "/p/src/server.log".into()],
        };
        for (path, expected) in [
            ("/p/template.yaml", true),
            ("/p/template.yaml~", false),
            ("/p/dist", true),
            ("/p/dist/lib.zip", true),
            ("/p/dist/other.zip", false),
            ("/p/src/app.js", true),
            ("/p/src/node_modules/x/index.js", true),
            ("/p/src/__pycache__/app.pyc", false),
            ("/p/src/data/tables.db-wal", false),
            ("/p/src/server.log", false),
            ("/p/README.md", false),
        ] {
            assert_eq!(interest.has(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn every_folder_is_watched_once() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("src/lib")).unwrap();
        let seen = |files: &[&str], folders: &[&str]| {
            let all = |paths: &[&str]| paths.iter().map(|path| root.join(path)).collect();
            places(&Seen { files: all(files), folders: all(folders) })
        };
        let watched = |path: &str, mode| (root.join(path), mode);
        let (once, deep) = (RecursiveMode::NonRecursive, RecursiveMode::Recursive);
        assert_eq!(
            seen(&["a.yaml", "src/b.zip", "none/there/c.zip"], &["src", "src/lib"]),
            BTreeMap::from([watched("", once), watched("src", deep)])
        );
        assert_eq!(seen(&["src/lib/b.zip"], &[]), BTreeMap::from([watched("src/lib", once)]));
    }
}
