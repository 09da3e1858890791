//! Removes the rows of connections that are gone but whose `$disconnect` could not clean up: the server was killed, the
//! table was down, somebody wrote a row by hand.
//!
//! A broadcast reaches live connections without reading the table, so a stale row can neither fail nor slow it. It is
//! still wrong, so batches of changes set off a sweep: the first one after start, then at most one every
//! [`STALE_SWEEP_INTERVAL`], and never for more than a hundredth of the time. It runs beside the batch, not in it.

use crate::connection_row::ConnectionKey;
use crate::tables::CONNECTIONS_TABLE;
use serde::Deserialize;
use sluicegate_handler::table::{Scan, Write};
use sluicegate_handler::{Context, Item, TableError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, sleep};
use tracing::{Instrument, debug, info, warn};

/// Sweeps begin at least this far apart.
pub const STALE_SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// `$connect` writes the row before the socket is established, and may take 29 s. Until this long after that, a
/// connection that cannot be found may be one that is just arriving.
pub const ADMISSION_GRACE: Duration = Duration::from_secs(35);
/// Rows per page: a page holds up the table's other users for about a millisecond.
const PAGE_ROWS: u32 = 250;
/// Rows have their time in whole milliseconds, rounded down.
const ROW_TIME_STEP: Duration = Duration::from_millis(1);
/// A sweep that took t is followed by a pause of at least a hundred t.
const PAUSE_PER_SWEEP: u32 = 100;

pub(crate) struct StaleConnections {
    started: SystemTime,
    turn: Mutex<Turn>,
}

/// Whose turn it is: one sweep at a time.
#[derive(Default)]
struct Turn {
    is_running: bool,
    /// A sweep spared arriving connections and has arranged to look at them again.
    is_follow_up_planned: bool,
    not_before: Option<Instant>,
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Swept {
    looked_at: u64,
    removed: u64,
    /// Rows whose connection cannot be found but may be just arriving.
    spared: u64,
}

impl Default for StaleConnections {
    fn default() -> Self {
        Self { started: SystemTime::now(), turn: Mutex::default() }
    }
}

impl StaleConnections {
    /// Starts a sweep beside the caller, if it is time for one.
    pub(crate) fn sweep_if_due(self: &Arc<Self>, context: &Context) {
        if let Some(running) = self.take_turn() {
            let (stale_connections, context) = (Arc::clone(self), context.clone());
            tokio::spawn(async move { stale_connections.run(running, context).await }.in_current_span());
        }
    }

    async fn run(self: Arc<Self>, running: Running, context: Context) {
        let swept = self.sweep(&context).await;
        drop(running);
        match swept {
            Ok(swept) if swept.removed > 0 => info!(?swept, "removed the rows of connections that are gone"),
            Ok(swept) => debug!(?swept, "no stale connections"),
            Err(ref error) => warn!(%error, "stale connections could not be swept; the next batch tries again"),
        }
        if swept.is_ok_and(|swept| swept.spared > 0) {
            self.plan_follow_up(context);
        }
    }

    /// Looks again at rows that were too young to judge, even if no change ever comes again.
    fn plan_follow_up(self: Arc<Self>, context: Context) {
        if std::mem::replace(&mut self.turn().is_follow_up_planned, true) {
            return;
        }
        tokio::spawn(async move {
            sleep(ADMISSION_GRACE).await;
            self.turn().is_follow_up_planned = false;
            self.sweep_if_due(&context);
        });
    }

    async fn sweep(&self, context: &Context) -> Result<Swept, TableError> {
        let mut swept = Swept::default();
        let mut start = None;
        loop {
            let scan = Scan::new(CONNECTIONS_TABLE).projection("connectionId, connectedAt").limit(PAGE_ROWS);
            let page = context.tables().scan::<Seen>(&scan.start_after(start)).await?;
            let mut stale = Vec::new();
            for row in page.items {
                swept.looked_at += 1;
                if context.connections().get(&row.connection_id).await.is_some() {
                    continue;
                }
                if self.may_be_arriving(&row, SystemTime::now()) {
                    swept.spared += 1;
                } else {
                    stale.push(Write::Delete(key(&row.connection_id)));
                }
            }
            swept.removed += stale.len() as u64;
            context.tables().batch_write(CONNECTIONS_TABLE, stale).await?;
            start = page.last_key;
            if start.is_none() {
                return Ok(swept);
            }
        }
    }

    /// A handshake does not outlive the process that serves it, so a row from before this process is stale at once.
    /// (With several servers on one table, this exception to the grace has to go.)
    fn may_be_arriving(&self, row: &Seen, now: SystemTime) -> bool {
        let Some(connected_at) = row.connected_at.as_deref().and_then(|text| humantime::parse_rfc3339(text).ok())
        else {
            return false;
        };
        // The clock may have been set back since.
        let age = now.duration_since(connected_at).unwrap_or_else(|ahead| ahead.duration());
        let is_from_this_process = connected_at + ROW_TIME_STEP >= self.started;
        is_from_this_process && age < ADMISSION_GRACE
    }

    fn take_turn(self: &Arc<Self>) -> Option<Running> {
        let mut turn = self.turn();
        let is_due = turn.not_before.is_none_or(|not_before| Instant::now() >= not_before);
        if turn.is_running || !is_due {
            return None;
        }
        turn.is_running = true;
        Some(Running { stale_connections: Arc::clone(self), since: Instant::now() })
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        // Nothing inside the lock can leave a turn half changed.
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the turn however the sweep ends.
struct Running {
    stale_connections: Arc<StaleConnections>,
    since: Instant,
}

impl Drop for Running {
    fn drop(&mut self) {
        let pause = STALE_SWEEP_INTERVAL.max(self.since.elapsed() * PAUSE_PER_SWEEP);
        let mut turn = self.stale_connections.turn();
        turn.is_running = false;
        turn.not_before = Some(Instant::now() + pause);
    }
}

/// A row as the sweep sees it; rows written by others may lack the time.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    connection_id: String,
    #[serde(default)]
    connected_at: Option<String>,
}

fn key(connection_id: &str) -> Item {
    Item::from_serde(&ConnectionKey { connection_id }).expect("a key is an object with one text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_young_row_of_this_process_may_be_arriving() {
        let started = humantime::parse_rfc3339("2026-01-02T00:00:00.000500Z").unwrap();
        let stale_connections = StaleConnections { started, turn: Mutex::default() };
        for (connected_at, age_s, may_be_arriving) in [
            (Some("2026-01-01T23:59:59.999Z"), 1, false),
            (Some("2026-01-02T00:00:00.000Z"), 1, true),
            (Some("2026-01-02T00:00:09.000Z"), 34, true),
            (Some("2026-01-02T00:00:09.000Z"), 35, false),
            (Some("2026-01-02T00:00:09.000Z"), -3, true),
            (Some("yesterday"), 1, false),
            (None, 1, false),
        ] {
            let row = Seen { connection_id: String::new(), connected_at: connected_at.map(str::to_owned) };
            let connected = connected_at.and_then(|text| humantime::parse_rfc3339(text).ok()).unwrap_or(started);
            let age = Duration::from_secs(u64::from(i32::unsigned_abs(age_s)));
            let now = if age_s < 0 { connected - age } else { connected + age };
            assert_eq!(stale_connections.may_be_arriving(&row, now), may_be_arriving, "{connected_at:?} {age_s}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn sweeps_take_turns_and_a_hundredth_of_the_time() {
        let stale_connections = Arc::new(StaleConnections::default());
        let first = stale_connections.take_turn().unwrap();
        assert!(stale_connections.take_turn().is_none(), "one at a time");
        drop(first);
        assert!(stale_connections.take_turn().is_none(), "not at once");
        tokio::time::advance(STALE_SWEEP_INTERVAL).await;

        let slow = stale_connections.take_turn().unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        drop(slow);
        tokio::time::advance(Duration::from_secs(99)).await;
        assert!(stale_connections.take_turn().is_none());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(stale_connections.take_turn().is_some());
    }
}
