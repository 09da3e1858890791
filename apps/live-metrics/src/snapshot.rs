//! The present rows of the metrics table, for a dashboard that has just connected.
//!
//! Sent as one or more `{"type":"METRICS_SNAPSHOT","metrics":[row, …],"last":false}`; the final one says `"last":true`.
//!
//! Changes go on while the table is read, and their updates may arrive before, between or after these messages. A
//! client that follows two rules shows the right thing whatever the order:
//!
//! 1. An update that arrived since the snapshot was asked for beats the snapshot's row for the same entity (a removal too).
//! 2. Of two updates, or of a snapshot's row and a later update, the row with the newer `timestamp` of its own wins.

use crate::packing::Packer;
use crate::tables::METRICS_TABLE;
use bytes::Bytes;
use serde_json::json;
use sluicegate_handler::table::Scan;
use sluicegate_handler::{Context, Item, PostError, TableError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tracing::warn;

/// Smaller than a message may be, so that updates get a chance in between.
const SNAPSHOT_MESSAGE_BYTES: usize = 100_000;
/// A snapshot ends here, with `"truncated":true`; a dashboard of more entities than this needs pages, not a snapshot.
const MAX_SNAPSHOT_ROWS: usize = 10_000;
/// Rows per page: a page holds up the table's other users for about a millisecond.
const PAGE_ROWS: u32 = 250;
/// Snapshots read at the same time; when every client comes back at once, the others wait for their turn.
const READERS: usize = 16;
/// How long a client whose queue is full may hold up its snapshot in all, and how often it is tried.
const FULL_QUEUE_PATIENCE: Duration = Duration::from_secs(2);
const FULL_QUEUE_PAUSE: Duration = Duration::from_millis(100);

const OPENING: &str = r#"{"type":"METRICS_SNAPSHOT","metrics":["#;
const CLOSING: &str = r#"],"last":false}"#;
const CLOSING_LAST: &str = r#"],"last":true}"#;
const CLOSING_TRUNCATED: &str = r#"],"last":true,"truncated":true}"#;
const ROOM: usize = SNAPSHOT_MESSAGE_BYTES - OPENING.len() - CLOSING_TRUNCATED.len();

/// Posts the snapshot, or an error message when the table cannot be read.
pub(crate) async fn send(context: &Context, connection_id: &str) -> Result<(), PostError> {
    match stream(context, connection_id).await {
        Ok(()) => Ok(()),
        Err(Unsent::Post(error)) => Err(error),
        Err(Unsent::Table(error)) => {
            warn!(%error, "a snapshot could not be read");
            let message = json!({"type": "error", "message": "The metrics cannot be read right now: ask again later"});
            context.connections().post_json(connection_id, &message).await
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Unsent {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Post(#[from] PostError),
}

static TURNS: Semaphore = Semaphore::const_new(READERS);

/// Holds one page and one message at a time, however large the table is.
async fn stream(context: &Context, connection_id: &str) -> Result<(), Unsent> {
    let _turn = TURNS.acquire().await.expect("nobody closes the turns");
    let mut client = Client { context, connection_id, patience: FULL_QUEUE_PATIENCE };
    let mut packer = Packer::new(ROOM);
    let mut rows = 0;
    let mut start = None;
    loop {
        let scan = Scan::new(METRICS_TABLE).limit(PAGE_ROWS).start_after(start);
        let page = context.tables().scan_items(&scan).await?;
        for item in &page.items {
            if rows == MAX_SNAPSHOT_ROWS {
                return Ok(client.post(&packer.finish(), CLOSING_TRUNCATED).await?);
            }
            rows += 1;
            if let Some(full) = packer.push(&row(item)) {
                client.post(&full, CLOSING).await?;
            }
        }
        start = page.last_key;
        if start.is_none() {
            return Ok(client.post(&packer.finish(), CLOSING_LAST).await?);
        }
    }
}

/// A row that would not fit into any message is named without its data, as in updates.
fn row(item: &Item) -> String {
    let whole = serde_json::to_string(&item.plain()).expect("text keys and plain values are always JSON");
    if whole.len() <= ROOM {
        return whole;
    }
    json!({"entity_id": item.text("entity_id"), "truncated": true}).to_string()
}

/// Who gets the snapshot, and how much longer they may be slow.
struct Client<'a> {
    context: &'a Context,
    connection_id: &'a str,
    patience: Duration,
}

impl Client<'_> {
    async fn post(&mut self, rows: &str, closing: &str) -> Result<(), PostError> {
        let message = Bytes::from([OPENING, rows, closing].concat());
        loop {
            match self.context.connections().post(self.connection_id, message.clone()).await {
                Err(PostError::QueueFull) if !self.patience.is_zero() => {
                    self.patience = self.patience.saturating_sub(FULL_QUEUE_PAUSE);
                    sleep(FULL_QUEUE_PAUSE).await;
                }
                posted => return posted,
            }
        }
    }
}
