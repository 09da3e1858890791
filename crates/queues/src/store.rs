//! The file: one thread reads and writes it, and commits operations that came at the same time together.
//!
//! An operation is answered after the commit that holds it is on disk. Operations that change nothing cost no wait for the
//! disk.

use crate::limits::{COMMITTED_TOGETHER, FILE_BYTES, WAITING_OPERATIONS};
use crate::refusal::Refusal;
use parking_lot::Mutex;
use rusqlite::Connection;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use tokio::sync::oneshot;
use tracing::error;

/// The version of [`SCHEMA`], which the file carries.
const VERSION: i64 = 2;

const SCHEMA: &str = "
CREATE TABLE queues (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    purged INTEGER NOT NULL DEFAULT 0,
    visibility_timeout INTEGER NOT NULL,
    retention INTEGER NOT NULL,
    delay INTEGER NOT NULL,
    maximum_bytes INTEGER NOT NULL,
    receive_wait INTEGER NOT NULL,
    dead_letter_queue TEXT,
    max_receive_count INTEGER NOT NULL,
    kept TEXT NOT NULL
);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue INTEGER NOT NULL,
    visible_at INTEGER NOT NULL,
    received_here INTEGER NOT NULL DEFAULT 0,
    received INTEGER NOT NULL DEFAULT 0,
    first_received INTEGER,
    sent INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    body TEXT NOT NULL,
    attributes TEXT,
    trace_header TEXT,
    sender TEXT NOT NULL,
    dead_letter_source TEXT
);
CREATE INDEX messages_by_visibility ON messages (queue, visible_at, received_here);
CREATE INDEX messages_by_age ON messages (queue, sent);
CREATE TABLE topics (
    name TEXT PRIMARY KEY,
    created INTEGER NOT NULL,
    display_name TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE subscriptions (
    id TEXT PRIMARY KEY,
    topic TEXT NOT NULL,
    protocol TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    raw INTEGER NOT NULL,
    dead_letter_queue TEXT,
    filter_policy TEXT,
    filter_scope TEXT,
    of_template INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic, protocol, endpoint)
) WITHOUT ROWID;
";

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    #[error("it has version {found}, and this program knows {VERSION}; use the program that wrote it")]
    Version { found: i64 },
    #[error("its folder cannot be made: {0}")]
    Folder(std::io::Error),
    #[error("no thread could be started: {0}; the process limit is too low")]
    Thread(std::io::Error),
}

/// What to do when it is known whether the commit is on disk.
type Answer = Box<dyn FnOnce(Result<(), Refusal>) + Send>;
/// Is given the connection inside of a transaction, or why there is none.
type Work = Box<dyn FnOnce(Result<&Connection, Refusal>) -> Answer + Send>;

pub(crate) struct Store {
    /// `None` when it is closed.
    work: Mutex<Option<SyncSender<Work>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    pub(crate) fn open(file: &Path) -> Result<Self, StoreError> {
        let connection = prepare(file)?;
        let (sender, receiver) = sync_channel(WAITING_OPERATIONS);
        let thread = std::thread::Builder::new().name("queues".to_owned()).spawn(move || run(&connection, &receiver));
        let thread = thread.map_err(StoreError::Thread)?;
        Ok(Self { work: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)) })
    }

    /// Runs `work` and returns what it returned when that is on disk; nothing is changed when it refuses.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, WorkError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            let result = connection.and_then(|connection| in_savepoint(connection, work));
            Box::new(move |committed| {
                // Whoever asked may have gone.
                let _ = answer.send(committed.and(result));
            })
        });
        self.hand_over(work)?;
        answered.await.unwrap_or_else(|_| Err(Refusal::unavailable("The server is stopping.")))
    }

    fn hand_over(&self, work: Work) -> Result<(), Refusal> {
        let sender = self.work.lock().clone();
        match sender.map(|sender| sender.try_send(work)) {
            Some(Ok(())) => Ok(()),
            Some(Err(TrySendError::Full(_))) => Err(Refusal::unavailable("Too many operations wait for the disk.")),
            Some(Err(TrySendError::Disconnected(_))) | None => Err(Refusal::unavailable("The server is stopping.")),
        }
    }

    /// Finishes what was handed over and lets go of the file.
    pub(crate) fn close(&self) {
        drop(self.work.lock().take());
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            error!("the thread of the queues ended in a panic");
        }
    }
}

/// Refused, or the file failed.
#[derive(Debug)]
pub(crate) enum WorkError {
    Refused(Refusal),
    Failed(rusqlite::Error),
}

impl From<Refusal> for WorkError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<rusqlite::Error> for WorkError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<WorkError> for Refusal {
    fn from(error: WorkError) -> Self {
        match error {
            WorkError::Refused(refusal) => refusal,
            WorkError::Failed(error) => failed(&error),
        }
    }
}

fn failed(cause: &rusqlite::Error) -> Refusal {
    error!(%cause, "the file of the queues cannot be used");
    match cause.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => Refusal::unavailable("There is no room for more messages."),
        _ => Refusal::internal(),
    }
}

fn prepare(file: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(file)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let page: u64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    connection.pragma_update(None, "max_page_count", FILE_BYTES / page.max(1))?;
    connection.set_prepared_statement_cache_capacity(64);
    match connection.pragma_query_value(None, "user_version", |row| row.get(0))? {
        VERSION => {}
        1 => connection.execute_batch(&format!(
            "BEGIN; ALTER TABLE subscriptions ADD COLUMN of_template INTEGER NOT NULL DEFAULT 0; \
             PRAGMA user_version = {VERSION}; COMMIT;"
        ))?,
        0 => connection.execute_batch(&format!("BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;"))?,
        found => return Err(StoreError::Version { found }),
    }
    Ok(connection)
}

fn run(connection: &Connection, work: &Receiver<Work>) {
    while let Ok(first) = work.recv() {
        if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
            first(Err(failed(&error)))(Ok(()));
            continue;
        }
        let mut answers = vec![first(Ok(connection))];
        while answers.len() < COMMITTED_TOGETHER
            && let Ok(next) = work.try_recv()
        {
            answers.push(next(Ok(connection)));
        }
        let committed = connection.execute_batch("COMMIT").map_err(|error| {
            let _ = connection.execute_batch("ROLLBACK");
            failed(&error)
        });
        for answer in answers {
            answer(committed.clone());
        }
    }
}

/// One operation must not undo another of the same commit.
fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, WorkError>,
) -> Result<T, Refusal> {
    let statement = |sql| connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]).map(drop));
    let result = statement("SAVEPOINT operation").map_err(WorkError::from).and_then(|()| work(connection));
    match result {
        Ok(value) => {
            statement("RELEASE operation").map_err(|error| failed(&error))?;
            Ok(value)
        }
        Err(error) => {
            // When the file failed, the transaction may be over already, and the commit says so.
            let _ = statement("ROLLBACK TO operation").and_then(|()| statement("RELEASE operation"));
            Err(error.into())
        }
    }
}
