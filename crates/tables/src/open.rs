//! Opens the data directory.

use crate::arns::Arns;
use crate::checkpoints::{CheckpointError, Checkpoints};
use crate::clock::Clock;
use crate::core::{Core, Parts};
use crate::engine::embedded::Embedded;
use crate::engine::schema::{self, SchemaError};
use crate::engine::threads::Threads;
use crate::retention::Trim;
use crate::stream::iterator::Iterators;
use crate::stream::store::{BUSY_TIMEOUT, StreamStore};
use crate::{Tables, background};
use parking_lot::Mutex;
use rusqlite::Connection;
use sluicegate_endpoint::Credentials;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The engine lets one call in at a time; the other thread reads the next request or writes the last answer meanwhile. A
/// third would only take turns with them, each time on cold caches.
const ENGINE_THREADS: usize = 2;

/// Stream reads and checkpoints.
const STREAM_THREADS: usize = 2;

/// How tables are kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// Everything is stored below `tables` in this directory.
    pub data_dir: PathBuf,
    /// As it appears in ARNs and records.
    pub region: String,
    /// As it appears in ARNs: twelve digits.
    pub account: String,
    /// How long stream records can be read.
    pub stream_retention: Duration,
    /// Stream records kept at most, of all tables together; beyond it the oldest go before their time.
    pub max_stream_records: i64,
    /// How often expired items are looked for.
    pub ttl_sweep_interval: Duration,
    pub clock: Clock,
    /// Who may sign requests of the HTTP surface. None: a signature must be there, but is not verified.
    pub credentials: Credentials,
}

impl Options {
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            stream_retention: Duration::from_secs(24 * 60 * 60),
            // A day at a hundred changes per second is nine million.
            max_stream_records: 50_000_000,
            ttl_sweep_interval: Duration::from_secs(5),
            clock: Clock::system(),
            credentials: Credentials::default(),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the directory {path} cannot be used: {cause}; check that it exists or can be made, and its permissions")]
    Directory { path: PathBuf, cause: io::Error },
    #[error("another server is using {path}; stop it, or give this one a data directory of its own")]
    InUse { path: PathBuf },
    #[error("the tables in {path} cannot be opened: {cause}; if the file is damaged, restore it from a backup")]
    Engine { path: PathBuf, cause: String },
    #[error("the tables in {path} do not fit this version: {cause}; use the version that wrote them")]
    Schema { path: PathBuf, cause: SchemaError },
    #[error("{path} cannot be opened: {cause}")]
    System { path: PathBuf, cause: rusqlite::Error },
    #[error(transparent)]
    Checkpoints(#[from] CheckpointError),
    #[error("no thread could be started: {0}; the process limit is too low")]
    Threads(io::Error),
}

/// What keeps the tables running, until they are closed.
pub(crate) struct Running {
    /// Held for as long as the process uses the directory; the system releases it when the process ends, however it ends.
    _lock: File,
    stop: watch::Sender<bool>,
    tasks: Mutex<Vec<tokio::task::JoinHandle<()>>>,
    threads: [Arc<Threads>; 2],
    store: Arc<StreamStore>,
    checkpoints: Checkpoints,
}

impl Running {
    pub(crate) async fn close(&self) {
        self.stop.send_replace(true);
        let tasks: Vec<_> = self.tasks.lock().drain(..).collect();
        for task in tasks {
            let _ = task.await;
        }
        let threads = self.threads.clone();
        let _ = tokio::task::spawn_blocking(move || threads.iter().for_each(|threads| threads.stop())).await;
        self.store.close();
        self.checkpoints.close();
    }
}

pub(crate) async fn open(options: Options) -> Result<Tables, OpenError> {
    let folder = options.data_dir.join("tables");
    fs::create_dir_all(&folder).map_err(|cause| OpenError::Directory { path: folder.clone(), cause })?;
    let lock = lock(&folder)?;
    let threads = Arc::new(Threads::start("tables", ENGINE_THREADS).map_err(OpenError::Threads)?);
    let stream_threads = Arc::new(Threads::start("streams", STREAM_THREADS).map_err(OpenError::Threads)?);

    let checkpoints_file = folder.join("checkpoints.db");
    let checkpoints = Checkpoints::open(&checkpoints_file, Arc::clone(&stream_threads))
        .map_err(|cause| OpenError::System { path: checkpoints_file, cause })?;
    let iterators = Iterators::new(checkpoints.secret("shard iterators")?);

    let file = folder.join("tables.db");
    let engine =
        Embedded::open(&file).map_err(|cause| OpenError::Engine { path: file.clone(), cause: cause.to_string() })?;
    let definitions = definitions(&file).map_err(|cause| OpenError::Schema { path: file.clone(), cause })?;
    let trim = Trim::open(&file).map_err(|cause| OpenError::System { path: file.clone(), cause })?;

    let arns = Arns::new(options.region, options.account);
    let store = Arc::new(StreamStore::new(&file, arns, options.stream_retention, options.clock));
    let core = Arc::new(Core::new(Parts {
        engine: Box::new(engine),
        threads: Arc::clone(&threads),
        stream_threads: Arc::clone(&stream_threads),
        store: Arc::clone(&store),
        iterators,
        definitions,
        credentials: options.credentials,
    }));
    let (stop, stopped) = watch::channel(false);
    let tasks = background::start(&core, trim, options.ttl_sweep_interval, options.max_stream_records, &stopped);
    let running = Running {
        _lock: lock,
        stop,
        tasks: Mutex::new(tasks),
        threads: [threads, stream_threads],
        store,
        checkpoints: checkpoints.clone(),
    };
    Ok(Tables::new(core, checkpoints, running))
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join("lock");
    let unusable = |cause| OpenError::Directory { path: path.clone(), cause };
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: folder.to_owned() }),
        Err(TryLockError::Error(cause)) => Err(unusable(cause)),
    }
}

fn definitions(file: &Path) -> Result<Connection, SchemaError> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    schema::apply(&connection)?;
    Ok(connection)
}
