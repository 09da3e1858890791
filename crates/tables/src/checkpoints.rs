//! How far each event source mapping has got, kept across restarts and crashes.
//!
//! Checkpoints have a file of their own: written into the engine's, each would wait for the engine's write lock and hold up
//! the writes of tables.

use crate::engine::threads::Threads;
use crate::stream::position::Position;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;
use std::sync::Arc;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS checkpoints (
    mapping TEXT NOT NULL,
    stream_arn TEXT NOT NULL,
    position TEXT NOT NULL,
    PRIMARY KEY (mapping, stream_arn)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
";

/// The checkpoints of all mappings. A stream has one shard, so mapping and stream name one checkpoint.
#[derive(Clone)]
pub struct Checkpoints {
    connection: Arc<Mutex<Connection>>,
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
        let connection = Connection::open(file)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // On disk before `store` returns, power failure included: a mapping then repeats its unfinished batch at most.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)), threads })
    }

    /// Where `mapping` stands in the stream; `None` before its first checkpoint.
    pub async fn load(&self, mapping: &str, stream_arn: &str) -> Result<Option<Position>, CheckpointError> {
        let (mapping, stream_arn) = (mapping.to_owned(), stream_arn.to_owned());
        self.on_thread("read", move |connection| {
            let text: Option<String> = connection
                .prepare_cached("SELECT position FROM checkpoints WHERE mapping = ?1 AND stream_arn = ?2")?
                .query_row(params![mapping, stream_arn], |row| row.get(0))
                .optional()?;
            Ok(text.as_deref().and_then(Position::parse))
        })
        .await
    }

    /// Everything up to `position` is done with. On disk when this returns.
    pub async fn store(&self, mapping: &str, stream_arn: &str, position: Position) -> Result<(), CheckpointError> {
        let (mapping, stream_arn) = (mapping.to_owned(), stream_arn.to_owned());
        self.on_thread("written", move |connection| {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO checkpoints (mapping, stream_arn, position) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![mapping, stream_arn, position.to_string()])
        })
        .await
        .map(drop)
    }

    /// Forgets a mapping that was deleted.
    pub async fn remove(&self, mapping: &str) -> Result<(), CheckpointError> {
        let mapping = mapping.to_owned();
        self.on_thread("removed", move |connection| {
            connection.execute("DELETE FROM checkpoints WHERE mapping = ?1", [mapping])
        })
        .await
        .map(drop)
    }

    /// The secret of that name, made at its first use.
    pub(crate) fn secret(&self, name: &str) -> rusqlite::Result<[u8; 16]> {
        let connection = self.connection.lock();
        connection.execute("INSERT OR IGNORE INTO secrets (name, value) VALUES (?1, randomblob(16))", [name])?;
        connection.query_row("SELECT value FROM secrets WHERE name = ?1", [name], |row| row.get(0))
    }

    async fn on_thread<T: Send + 'static>(
        &self,
        action: &'static str,
        call: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, CheckpointError> {
        let connection = Arc::clone(&self.connection);
        let error = |cause: String| CheckpointError { action, cause };
        match self.threads.run(move || call(&connection.lock())).await {
            Ok(result) => result.map_err(|cause| error(cause.to_string())),
            Err(not_run) => Err(error(format!("{not_run:?}"))),
        }
    }
}
