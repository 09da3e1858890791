//! Streams and their records, read beside the engine.
//!
//! Reading through our own connections keeps readers off the engine's lock: SQLite's write-ahead log lets them see the
//! last commit while a write is under way.

use super::position::Position;
use super::record::{StoredRecord, StreamRecord, ViewType};
use crate::arns::Arns;
use crate::clock::Clock;
use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// GetRecords gives at most so much, whichever is reached first.
pub(crate) const MAX_RECORDS: usize = 1000;
pub(crate) const MAX_BYTES: usize = 1024 * 1024;

/// Rows looked at for one batch. Writes that changed nothing leave rows that are not shown; a long run of them must not
/// make one read long.
const MAX_ROWS: usize = 10_000;

/// Idle connections kept for the next reader.
const SPARE_CONNECTIONS: usize = 16;

/// How long a statement waits for another connection's commit.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) const RECORDS: &str = "SELECT CAST(sequence_number AS INTEGER), event_name, keys_json, new_image, old_image, \
     created_at, user_identity, event_id FROM _stream_records WHERE table_name = ?1 \
     AND CAST(sequence_number AS INTEGER) > ?2 AND CAST(sequence_number AS INTEGER) <= ?3 \
     ORDER BY CAST(sequence_number AS INTEGER)";

pub(crate) const NEWEST: &str = "SELECT MAX(CAST(sequence_number AS INTEGER)) FROM _stream_records \
     WHERE table_name = ?1 AND CAST(sequence_number AS INTEGER) <= ?2";

const EXTENT: &str =
    "SELECT trimmed_seq, last_seq FROM \"sluicegate:streams\" WHERE id = ?1 AND (closed_at IS NULL OR closed_at >= ?2)";

const STREAMS: &str = "SELECT id, table_name, label, view_type, key_schema, created_at_ms, after_seq, trimmed_seq, \
     last_seq, closed_at FROM \"sluicegate:streams\"";

pub(crate) struct StreamStore {
    file: PathBuf,
    /// `None` once the tables are closed: another server may have the folder then.
    spare: Mutex<Option<Vec<Connection>>>,
    arns: Arns,
    region: Arc<str>,
    retention: Duration,
    clock: Clock,
}

/// A stream that is, or was until no longer than the retention ago.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    id: i64,
    pub(crate) table: String,
    pub(crate) label: String,
    pub(crate) arn: Arc<str>,
    pub(crate) view_type: ViewType,
    /// The table's key schema, as JSON.
    pub(crate) key_schema: String,
    pub(crate) created_at_ms: i64,
    /// Records of this stream have higher numbers.
    pub(crate) after: i64,
    /// Records up to this number are gone.
    trimmed: i64,
    /// The last record's number, once the stream is disabled.
    pub(crate) last: Option<i64>,
}

/// What of a stream changes while it lasts.
#[derive(Clone, Copy)]
struct Extent {
    trimmed: i64,
    last: Option<i64>,
}

/// Records in order, and where to go on.
#[derive(Clone, Debug)]
pub struct Batch {
    pub records: Vec<StreamRecord>,
    /// Behind everything looked at, which may be more than the records shown: writes without a change are passed over.
    pub next: Position,
    pub remainder: Remainder,
}

/// What a stream has behind a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remainder {
    /// The read ended at one of its limits: there may be more.
    Unread,
    /// Everything that was written when the read began has been read.
    Unwritten,
    /// Nothing will follow: the stream was disabled, or its table deleted, and this was the last of it.
    Nothing,
}

#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// Records between the position and the oldest one left were trimmed: go on at the trim horizon.
    #[error("records behind the position are older than the retention and no longer there")]
    Trimmed,
    /// The stream ended and its retention is over.
    #[error("the stream no longer exists")]
    Gone,
    #[error("the stream's records could not be read: {0}")]
    Storage(String),
}

impl From<rusqlite::Error> for StreamError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(error.to_string())
    }
}

impl From<serde_json::Error> for StreamError {
    fn from(error: serde_json::Error) -> Self {
        Self::Storage(format!("a stored record is not the JSON it should be: {error}"))
    }
}

impl StreamStore {
    pub(crate) fn new(file: &Path, arns: Arns, retention: Duration, clock: Clock) -> Self {
        let region = arns.region().into();
        Self { file: file.to_owned(), spare: Mutex::new(Some(Vec::new())), arns, region, retention, clock }
    }

    pub(crate) fn arns(&self) -> &Arns {
        &self.arns
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Records and ended streams older than this, in seconds since the epoch, are over.
    pub(crate) fn horizon(&self) -> i64 {
        self.clock.now_secs().saturating_sub(i64::try_from(self.retention.as_secs()).unwrap_or(i64::MAX))
    }

    /// Reads are refused from now on.
    pub(crate) fn close(&self) {
        self.spare.lock().take();
    }

    fn with_connection<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StreamError>) -> Result<T, StreamError> {
        let closed = || StreamError::Storage("the tables are closed".to_owned());
        let kept = self.spare.lock().as_mut().ok_or_else(closed)?.pop();
        let connection = match kept {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let result = read(&connection);
        // A connection that failed is not kept: whatever is wrong with it would fail the next reader too.
        if result.is_ok() {
            match self.spare.lock().as_mut() {
                Some(spare) if spare.len() < SPARE_CONNECTIONS => spare.push(connection),
                _ => {}
            }
        }
        result
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(
            &self.file,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Ok(connection)
    }

    /// The streams of `table`, or of all tables, in the order of their ARNs.
    pub(crate) fn streams(&self, table: Option<&str>) -> Result<Vec<Stream>, StreamError> {
        self.with_connection(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "{STREAMS} WHERE (?1 IS NULL OR table_name = ?1) AND (closed_at IS NULL OR closed_at >= ?2) \
                 ORDER BY table_name, label"
            ))?;
            let streams = statement.query_map(params![table, self.horizon()], |row| self.stream(row))?;
            Ok(streams.collect::<Result<_, _>>()?)
        })
    }

    /// The table's newest stream, enabled or not.
    pub(crate) fn latest(&self, table: &str) -> Result<Option<Stream>, StreamError> {
        self.one("table_name = ?1 AND (closed_at IS NULL OR closed_at >= ?2) ORDER BY id DESC", table)
    }

    pub(crate) fn find(&self, table: &str, label: &str) -> Result<Option<Stream>, StreamError> {
        Ok(self.streams(Some(table))?.into_iter().find(|stream| stream.label == label))
    }

    fn one(&self, condition: &str, table: &str) -> Result<Option<Stream>, StreamError> {
        self.with_connection(|connection| {
            let mut statement = connection.prepare_cached(&format!("{STREAMS} WHERE {condition} LIMIT 1"))?;
            Ok(statement.query_row(params![table, self.horizon()], |row| self.stream(row)).optional()?)
        })
    }

    fn stream(&self, row: &Row<'_>) -> rusqlite::Result<Stream> {
        let (table, label): (String, String) = (row.get(1)?, row.get(2)?);
        let view_type: String = row.get(3)?;
        Ok(Stream {
            id: row.get(0)?,
            arn: self.arns.stream(&table, &label).into(),
            table,
            label,
            // We wrote it; an unknown one can only be a newer version's, which shows at least as much.
            view_type: ViewType::parse(&view_type).unwrap_or(ViewType::NewAndOldImages),
            key_schema: row.get(4)?,
            created_at_ms: row.get(5)?,
            after: row.get(6)?,
            trimmed: row.get(7)?,
            last: row.get(8)?,
        })
    }

    /// The position behind the newest record.
    pub(crate) fn newest(&self, stream: &Stream) -> Result<Position, StreamError> {
        self.with_connection(|connection| {
            let newest: Option<i64> = connection
                .prepare_cached(NEWEST)?
                .query_row(params![stream.table, stream.last.unwrap_or(i64::MAX)], |row| row.get(0))?;
            Ok(Position::after(newest.unwrap_or(0).max(stream.after)))
        })
    }

    /// The position before the first record made at `time_ms` or later. Records carry whole seconds.
    pub(crate) fn at_time(&self, stream: &Stream, time_ms: i64) -> Result<Position, StreamError> {
        let second = time_ms.div_euclid(1000) + i64::from(time_ms.rem_euclid(1000) > 0);
        self.with_connection(|connection| {
            let before: Option<i64> = connection
                .prepare_cached(
                    "SELECT CAST(sequence_number AS INTEGER) FROM _stream_records WHERE table_name = ?1 \
                     AND CAST(sequence_number AS INTEGER) > ?2 AND CAST(sequence_number AS INTEGER) <= ?3 \
                     AND created_at < ?4 ORDER BY CAST(sequence_number AS INTEGER) DESC LIMIT 1",
                )?
                .query_row(params![stream.table, stream.after, stream.last.unwrap_or(i64::MAX), second], |row| {
                    row.get(0)
                })
                .optional()?;
            Ok(match before {
                Some(number) if number >= stream.trimmed => Position::after(number),
                _ => Position::TrimHorizon,
            })
        })
    }

    /// Reads on from `position`: at most `limit` records and about [`MAX_BYTES`].
    pub(crate) fn read(&self, stream: &Stream, position: Position, limit: usize) -> Result<Batch, StreamError> {
        let horizon = self.horizon();
        self.with_connection(|connection| {
            // One transaction, so that the stream's end and its records belong to the same moment. After an error it ends
            // with the connection, which is not kept.
            connection.prepare_cached("BEGIN")?.execute([])?;
            let extent = connection
                .prepare_cached(EXTENT)?
                .query_row(params![stream.id, horizon], |row| Ok(Extent { trimmed: row.get(0)?, last: row.get(1)? }))
                .optional()?
                .ok_or(StreamError::Gone)?;
            let batch = self.read_rows(connection, (stream, extent), position, limit, horizon)?;
            connection.prepare_cached("COMMIT")?.execute([])?;
            Ok(batch)
        })
    }

    fn read_rows(
        &self,
        connection: &Connection,
        (stream, extent): (&Stream, Extent),
        position: Position,
        limit: usize,
        horizon: i64,
    ) -> Result<Batch, StreamError> {
        let from = match position {
            Position::TrimHorizon => stream.after,
            Position::After(number) if number.0 < extent.trimmed => return Err(StreamError::Trimmed),
            Position::After(number) => number.0.max(stream.after),
        };
        let mut batch = Batch { records: Vec::new(), next: position, remainder: Remainder::Unread };
        let mut bytes = 0;
        let mut statement = connection.prepare_cached(RECORDS)?;
        let mut rows = statement.query(params![stream.table, from, extent.last.unwrap_or(i64::MAX)])?;
        let mut looked_at = 0;
        while let Some(row) = rows.next()? {
            let stored = stored_record(row)?;
            if stored.created_at < horizon {
                if position != Position::TrimHorizon {
                    return Err(StreamError::Trimmed);
                }
                continue;
            }
            if batch.records.len() == limit
                || looked_at == MAX_ROWS
                || (!batch.records.is_empty() && bytes + stored.bytes() > MAX_BYTES)
            {
                return Ok(batch);
            }
            looked_at += 1;
            bytes += stored.bytes();
            batch.next = Position::after(stored.number);
            batch.records.extend(stored.shown(stream.view_type, &self.region, &stream.arn)?);
        }
        batch.remainder = if extent.last.is_none() { Remainder::Unwritten } else { Remainder::Nothing };
        Ok(batch)
    }
}

fn stored_record(row: &Row<'_>) -> rusqlite::Result<StoredRecord> {
    Ok(StoredRecord {
        number: row.get(0)?,
        event_name: row.get(1)?,
        keys: row.get(2)?,
        new_image: row.get(3)?,
        old_image: row.get(4)?,
        created_at: row.get(5)?,
        user_identity: row.get(6)?,
        event_id: row.get(7)?,
    })
}

impl Stream {
    /// Streams have one shard each. AWS's ids have this form; its length must be between 28 and 65.
    pub(crate) fn shard_id(&self) -> String {
        format!("shardId-{:020}-{:08x}", self.created_at_ms.max(0), crc32fast::hash(self.arn.as_bytes()))
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.last.is_none()
    }

    /// Whether the record of this number would have to be one that was trimmed.
    pub(crate) fn has_trimmed(&self, number: i64) -> bool {
        number <= self.trimmed && self.trimmed > self.after
    }
}
