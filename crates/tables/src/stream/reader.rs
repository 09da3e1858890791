//! Reads one table's stream from inside this process, and sleeps until the table is written to.

use super::position::Position;
use super::store::{Batch, Stream, StreamError, StreamStore};
use crate::engine::threads::{NotRun, Threads};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

/// A reader of the stream a table had when the reader was made. When that stream ends (it is disabled, or the table is
/// deleted) the last [`Batch`] says so; a later stream of the table needs a reader of its own.
pub struct StreamReader {
    stream: Stream,
    shard_id: String,
    store: Arc<StreamStore>,
    threads: Arc<Threads>,
    writes: watch::Receiver<u64>,
    /// The count of writes when the last read began.
    seen: AtomicU64,
}

impl StreamReader {
    pub(crate) fn new(
        stream: Stream,
        store: Arc<StreamStore>,
        threads: Arc<Threads>,
        writes: watch::Receiver<u64>,
    ) -> Self {
        let seen = AtomicU64::new(*writes.borrow());
        Self { shard_id: stream.shard_id(), stream, store, threads, writes, seen }
    }

    pub fn stream_arn(&self) -> &str {
        &self.stream.arn
    }

    pub fn shard_id(&self) -> &str {
        &self.shard_id
    }

    /// The position behind the newest record.
    pub async fn latest(&self) -> Result<Position, StreamError> {
        let (store, stream) = (Arc::clone(&self.store), self.stream.clone());
        self.threads.run(move || store.newest(&stream)).await.unwrap_or_else(|not_run| {
            Err(StreamError::Storage(
                match not_run {
                    NotRun::QueueFull => "too many stream reads are waiting",
                    NotRun::Stopped => "the tables are closed",
                    NotRun::Panicked => "the read panicked",
                }
                .to_owned(),
            ))
        })
    }

    pub fn trim_horizon(&self) -> Position {
        Position::TrimHorizon
    }

    /// Reads at most `limit` records that follow `after`, in order, and at most about 1 MB of them.
    ///
    /// Blocks the thread, for microseconds after a single write and milliseconds at the limits: it is for threads that
    /// serve nobody else. Handing each read to another thread costs more than the read.
    ///
    /// The batch's `next` also passes over writes that changed nothing, which are not shown: it can move although there
    /// are no records. After [`StreamError::Trimmed`] go on at the trim horizon.
    pub fn read(&self, after: &Position, limit: usize) -> Result<Batch, StreamError> {
        // Before the read: what is written during it may be missed by it, and must wake the reader.
        self.seen.store(*self.writes.borrow(), Ordering::Release);
        self.store.read(&self.stream, *after, limit)
    }

    /// Resolves once something was written to the table since the last [`read`](Self::read) began. Resolves at once if
    /// that has happened already.
    pub async fn changed(&mut self) {
        let seen = self.seen.load(Ordering::Acquire);
        if self.writes.wait_for(|count| *count != seen).await.is_err() {
            // The server is closing: there will be no more writes.
            std::future::pending::<()>().await;
        }
    }
}
