//! What happens without being asked: expired items are deleted, old stream records are trimmed.

use crate::core::Core;
use crate::retention::{Limits, Trim};
use parking_lot::Mutex;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often old records are looked for. They are hidden from readers in the meantime.
const TRIM_INTERVAL: Duration = Duration::from_secs(60);

/// A sweep for expired items reads every item of every table with a time to live. However large they are, sweeping takes
/// no more than one part in so many of the time.
const REST_FACTOR: u32 = 20;

/// Starts both; they end when `stop` changes.
pub(crate) fn start(
    core: &Arc<Core>,
    trim: Trim,
    ttl_sweep_interval: Duration,
    max_stream_records: i64,
    stop: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let trim = Arc::new(Mutex::new(trim));
    let sweep = {
        let core = Arc::clone(core);
        move || {
            let core = Arc::clone(&core);
            async move { core.sweep_expired().await }
        }
    };
    let trim = {
        let core = Arc::clone(core);
        move || {
            let (core, trim) = (Arc::clone(&core), Arc::clone(&trim));
            async move { core.trim(trim, max_stream_records).await }
        }
    };
    vec![
        tokio::spawn(every(ttl_sweep_interval, stop.clone(), sweep)),
        tokio::spawn(every(TRIM_INTERVAL, stop.clone(), trim)),
    ]
}

/// Works, rests, and works again. The rest is `interval`, or longer where the work itself takes long.
async fn every<F: Future<Output = ()>>(interval: Duration, mut stop: watch::Receiver<bool>, work: impl Fn() -> F) {
    loop {
        let started = Instant::now();
        work().await;
        let rest = interval.max(started.elapsed() * REST_FACTOR);
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            _ = stop.changed() => return,
        }
    }
}

impl Core {
    async fn sweep_expired(self: &Arc<Self>) {
        let core = Arc::clone(self);
        let swept = self.threads().run(move || core.engine().sweep_expired()).await;
        match swept {
            Ok(Ok(0)) => {}
            Ok(Ok(count)) => {
                metrics::counter!("sluicegate_table_items_expired_total").increment(count as u64);
                self.wake().written_somewhere();
            }
            // The cause of a refusal is in the log already.
            Ok(Err(_)) => {}
            Err(not_run) => {
                tracing::warn!(?not_run, "expired items could not be looked for; the next round tries again")
            }
        }
    }

    async fn trim(self: &Arc<Self>, trim: Arc<Mutex<Trim>>, max_records: i64) {
        let limits = Limits { horizon: self.store().horizon(), max_records };
        match self.stream_threads().run(move || trim.lock().run(limits)).await {
            Ok(Ok(count)) => metrics::counter!("sluicegate_stream_records_trimmed_total").increment(count as u64),
            Ok(Err(error)) => {
                tracing::warn!(%error, "old stream records could not be deleted; the next round tries again")
            }
            Err(not_run) => {
                tracing::warn!(?not_run, "old stream records could not be looked for; the next round tries again")
            }
        }
    }
}
