//! How far each event source mapping has got, kept across restarts and crashes.
//!
//! Checkpoints have a file of their own: written into the engine's, each would wait for the engine's write lock and hold up
//! the writes of tables.
//!
//! What is written survives the end of the process at once, and a power failure from the next [`SYNC_INTERVAL`] on; where
//! a mapping begins survives both at once. `docs/decisions/0007-checkpoints-are-synced-once-a-second.md` says why.

use crate::engine::threads::Threads;
use crate::stream::position::Position;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS checkpoints (
    mapping TEXT NOT NULL,
    stream_arn TEXT NOT NULL,
    position TEXT NOT NULL,
    PRIMARY KEY (mapping, stream_arn)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
";

/// After a power failure, mappings repeat at most what they did in so much time.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// The checkpoints of all mappings. A stream has one shard, so mapping and stream name one checkpoint.
#[derive(Clone)]
pub struct Checkpoints {
    /// `None` once the tables are closed: another server may have the folder then.
    file: Arc<Mutex<Option<CheckpointFile>>>,
    threads: Arc<Threads>,
}

#[derive(Debug, thiserror::Error)]
#[error("a checkpoint could not be {action}: {cause}")]
pub struct CheckpointError {
    action: &'static str,
    cause: String,
}

impl Checkpoints {
    pub(crate) fn open(file: &Path, threads: Arc<Threads>) -> rusqlite::Result<Self> {
        let file = CheckpointFile::open(file)?;
        Ok(Self { file: Arc::new(Mutex::new(Some(file))), threads })
    }

    /// Where `mapping` stands in the stream; `None` before its first checkpoint.
    pub async fn load(&self, mapping: &str, stream_arn: &str) -> Result<Option<Position>, CheckpointError> {
        let (mapping, stream_arn) = (mapping.to_owned(), stream_arn.to_owned());
        self.on_thread("read", move |file| {
            let text: Option<String> = file
                .connection
                .prepare_cached("SELECT position FROM checkpoints WHERE mapping = ?1 AND stream_arn = ?2")?
                .query_row(params![mapping, stream_arn], |row| row.get(0))
                .optional()?;
            Ok(text.as_deref().and_then(Position::parse))
        })
        .await
    }

    /// `mapping` begins at `position`. On disk when this returns, power failure included: a mapping that forgot where it
    /// began could begin again at a later place, and what lies between would be lost.
    pub async fn begin(&self, mapping: &str, stream_arn: &str, position: Position) -> Result<(), CheckpointError> {
        let (mapping, stream_arn) = (mapping.to_owned(), stream_arn.to_owned());
        self.on_thread("written", move |file| file.synced(|file| file.write(&mapping, &stream_arn, position))).await
    }

    /// Everything up to `position` is done with. Survives the end of the process when this returns.
    ///
    /// Blocks the thread: a few microseconds mostly, as long as the disk takes once in [`SYNC_INTERVAL`].
    pub fn store(&self, mapping: &str, stream_arn: &str, position: Position) -> Result<(), CheckpointError> {
        self.with_file("written", |file| match file.is_synced_lately() {
            true => file.write(mapping, stream_arn, position),
            false => file.synced(|file| file.write(mapping, stream_arn, position)),
        })
    }

    /// Forgets a mapping that was deleted.
    pub async fn remove(&self, mapping: &str) -> Result<(), CheckpointError> {
        let mapping = mapping.to_owned();
        let statement = "DELETE FROM checkpoints WHERE mapping = ?1";
        self.on_thread("removed", move |file| file.synced(|file| file.connection.execute(statement, [mapping])))
            .await
            .map(drop)
    }

    /// The secret of that name, made at its first use.
    pub(crate) fn secret(&self, name: &str) -> Result<[u8; 16], CheckpointError> {
        self.with_file("read", |file| {
            file.connection
                .execute("INSERT OR IGNORE INTO secrets (name, value) VALUES (?1, randomblob(16))", [name])?;
            file.connection.query_row("SELECT value FROM secrets WHERE name = ?1", [name], |row| row.get(0))
        })
    }

    /// Calls are refused from now on.
    pub(crate) fn close(&self) {
        self.file.lock().take();
    }

    async fn on_thread<T: Send + 'static>(
        &self,
        action: &'static str,
        call: impl FnOnce(&mut CheckpointFile) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, CheckpointError> {
        let checkpoints = self.clone();
        let result = self.threads.run(move || checkpoints.with_file(action, call)).await;
        result.unwrap_or_else(|not_run| Err(CheckpointError { action, cause: format!("{not_run:?}") }))
    }

    fn with_file<T>(
        &self,
        action: &'static str,
        call: impl FnOnce(&mut CheckpointFile) -> rusqlite::Result<T>,
    ) -> Result<T, CheckpointError> {
        let error = |cause: String| CheckpointError { action, cause };
        let mut file = self.file.lock();
        let file = file.as_mut().ok_or_else(|| error("the tables are closed".to_owned()))?;
        call(file).map_err(|cause| error(cause.to_string()))
    }
}

struct CheckpointFile {
    connection: Connection,
    synced_at: Option<Instant>,
}

impl CheckpointFile {
    fn open(file: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(file)?;
        // The folder is ours alone; without locks to take, a write is half as many system calls.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch(SCHEMA)?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        Ok(Self { connection, synced_at: None })
    }

    fn write(&self, mapping: &str, stream_arn: &str, position: Position) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO checkpoints (mapping, stream_arn, position) VALUES (?1, ?2, ?3)")?
            .execute(params![mapping, stream_arn, position.to_string()])
            .map(drop)
    }

    /// A write that is on disk when this returns, and with it all that were not yet: they are one log.
    fn synced<T>(&mut self, write: impl FnOnce(&Self) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        let result = write(self);
        self.connection.pragma_update(None, "synchronous", "NORMAL")?;
        if result.is_ok() {
            self.synced_at = Some(Instant::now());
        }
        result
    }

    fn is_synced_lately(&self) -> bool {
        self.synced_at.is_some_and(|at| at.elapsed() < SYNC_INTERVAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoints() -> (tempfile::TempDir, Checkpoints) {
        let folder = tempfile::tempdir().unwrap();
        let threads = Arc::new(Threads::start("test", 1).unwrap());
        let checkpoints = Checkpoints::open(&folder.path().join("checkpoints.db"), threads).unwrap();
        (folder, checkpoints)
    }

    fn synced_at(checkpoints: &Checkpoints) -> Option<Instant> {
        checkpoints.file.lock().as_ref().unwrap().synced_at
    }

    #[tokio::test]
    async fn a_beginning_is_synced_and_progress_once_in_the_interval() {
        let (_folder, checkpoints) = checkpoints();
        checkpoints.begin("a", "arn", Position::TrimHorizon).await.unwrap();
        let begun = synced_at(&checkpoints).unwrap();

        checkpoints.store("a", "arn", Position::after(1)).unwrap();
        assert_eq!(synced_at(&checkpoints), Some(begun), "within the interval");
        checkpoints.begin("b", "arn", Position::TrimHorizon).await.unwrap();
        assert!(synced_at(&checkpoints) > Some(begun), "whenever a mapping begins");

        let long_ago = begun.checked_sub(SYNC_INTERVAL).unwrap();
        checkpoints.file.lock().as_mut().unwrap().synced_at = Some(long_ago);
        checkpoints.store("a", "arn", Position::after(2)).unwrap();
        assert!(synced_at(&checkpoints) > Some(begun), "when the interval is over");
        assert_eq!(checkpoints.load("a", "arn").await.unwrap(), Some(Position::after(2)));
    }

    /// A process that is killed leaves what it wrote in the log, and never closes the file.
    #[tokio::test]
    async fn progress_is_in_the_log_before_it_is_synced() {
        let (folder, checkpoints) = checkpoints();
        checkpoints.begin("a", "arn", Position::TrimHorizon).await.unwrap();
        checkpoints.store("a", "arn", Position::after(7)).unwrap();
        let after_crash = tempfile::tempdir().unwrap();
        for name in ["checkpoints.db", "checkpoints.db-wal"] {
            std::fs::copy(folder.path().join(name), after_crash.path().join(name)).unwrap();
        }
        let file = CheckpointFile::open(&after_crash.path().join("checkpoints.db")).unwrap();
        let position: String =
            file.connection.query_row("SELECT position FROM checkpoints", [], |row| row.get(0)).unwrap();
        assert_eq!(Position::parse(&position), Some(Position::after(7)));
    }

    #[tokio::test]
    async fn closed_checkpoints_refuse_and_let_go_of_the_file() {
        let (folder, checkpoints) = checkpoints();
        checkpoints.close();
        assert!(checkpoints.store("a", "arn", Position::TrimHorizon).is_err());
        CheckpointFile::open(&folder.path().join("checkpoints.db")).unwrap();
    }
}
