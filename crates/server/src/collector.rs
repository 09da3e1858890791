//! The collector: writes this machine's metrics to a table, through the same operation as everybody else's.
//!
//! It is the real input of the live-metrics dashboard: a row per thing measured, replaced at every tick. A tick that
//! comes late is skipped, not caught up; rows that cannot be written are measured anew at the next tick.

mod machine;
mod row;

use machine::Machine;
use row::Row;
use sluicegate_handler::{TableClient, TableError};
use sluicegate_protocol::CallTable;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{debug, info, warn};

/// The processor's load is measured between two looks; the first two are this far apart.
const FIRST_LOOK: Duration = Duration::from_millis(250);

/// A collector at work.
#[derive(Debug)]
pub(crate) struct Collector {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Collector {
    /// Starts writing to `table`, every `pace`. The first rows are there after a quarter of a second.
    pub(crate) fn start(tables: Arc<dyn CallTable>, table: &'static str, pace: Duration) -> Self {
        let (stop, mut stopped) = watch::channel(false);
        let collecting =
            Collecting { tables: TableClient::new(tables), table, written: BTreeSet::new(), is_failing: false };
        let task = tokio::spawn(async move {
            tokio::select! {
                ended = collecting.run(pace) => {
                    if let Err(error) = ended {
                        warn!(%error, "the collector has stopped: this machine's metrics cannot be read");
                    }
                }
                // Dropping a write that waits for its turn is harmless; one on its way is finished by the table.
                _ = stopped.wait_for(|stop| *stop) => {}
            }
        });
        Self { stop, task }
    }

    /// Ends the collector and waits for it.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            warn!(%error, "the collector ended in a panic");
        }
    }
}

struct Collecting {
    tables: TableClient,
    table: &'static str,
    /// Entities written at the last tick.
    written: BTreeSet<String>,
    is_failing: bool,
}

impl Collecting {
    /// Ends only when the machine cannot be read.
    async fn run(mut self, pace: Duration) -> Result<(), Unreadable> {
        let mut machine = spawn_blocking(Machine::new).await??;
        info!(table = self.table, ?pace, "collecting this machine's metrics");
        sleep(FIRST_LOOK).await;
        let mut ticks = interval(pace);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            // Reads /proc and asks every file system: not work for a thread that serves sockets.
            let (machine_again, rows) = spawn_blocking(move || {
                let rows = machine.measure(SystemTime::now());
                (machine, rows)
            })
            .await?;
            machine = machine_again;
            let result = self.write(&rows).await;
            self.report(result);
        }
    }

    /// Replaces the rows, and removes those of what is no longer there: an unplugged disk, an interface that went down.
    async fn write(&mut self, rows: &[Row]) -> Result<(), TableError> {
        for row in rows {
            self.tables.put(self.table, row).await?;
        }
        let now: BTreeSet<String> = rows.iter().map(|row| row.entity_id.clone()).collect();
        for gone in self.written.difference(&now) {
            self.tables.delete(self.table, &serde_json::json!({"entity_id": gone})).await?;
        }
        self.written = now;
        Ok(())
    }

    /// Logs when writing begins to fail and when it works again, not at every tick.
    fn report(&mut self, result: Result<(), TableError>) {
        match (&result, self.is_failing) {
            (Err(error), false) => warn!(%error, "metrics cannot be written; trying again at every tick"),
            (Ok(()), true) => info!("metrics are written again"),
            (Err(error), true) => debug!(%error, "metrics still cannot be written"),
            (Ok(()), false) => {}
        }
        self.is_failing = result.is_err();
    }
}

#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error(transparent)]
    Machine(#[from] sysinfo::Error),
    #[error("measuring panicked: {0}")]
    Panic(#[from] JoinError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use serde_json::Value;
    use sluicegate_protocol::{ApiError, BoxFuture};
    use tokio::sync::mpsc;

    /// Refuses the first writes, then hands every request to the test.
    struct Tap {
        refusals: std::sync::atomic::AtomicUsize,
        requests: mpsc::UnboundedSender<(&'static str, Value)>,
    }

    impl CallTable for Tap {
        fn call(&self, operation: &'static str, request: Bytes) -> BoxFuture<'_, Result<Bytes, ApiError>> {
            use std::sync::atomic::Ordering::SeqCst;
            Box::pin(async move {
                if self.refusals.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
                    return Err(ApiError::not_found("Requested resource not found"));
                }
                // The test may have seen enough.
                let _ = self.requests.send((operation, serde_json::from_slice(&request).unwrap()));
                Ok(Bytes::from_static(b"{}"))
            })
        }
    }

    #[tokio::test]
    async fn this_machine_is_written_row_by_row_and_refusals_are_survived() {
        let (requests, mut written) = mpsc::unbounded_channel();
        let tap = Arc::new(Tap { refusals: 2.into(), requests });
        let collector = Collector::start(tap, "metrics", Duration::from_millis(100));

        let mut seen = BTreeSet::new();
        while !["cpu", "memory", "processes", "process:sluicegate"].iter().all(|entity| seen.contains(*entity)) {
            let (operation, request) = written.recv().await.unwrap();
            assert_eq!((operation, request["TableName"].as_str()), ("PutItem", Some("metrics")));
            let item = &request["Item"];
            assert!(item["metric_value"]["N"].is_string(), "{item}");
            assert!(item["timestamp"]["S"].as_str().unwrap().ends_with('Z'), "{item}");
            seen.insert(item["entity_id"]["S"].as_str().unwrap().to_owned());
        }

        collector.stop().await;
        while written.recv().await.is_some() {}
    }
}
