//! Deletes stream records when their retention is over, and the oldest ones when there are too many.
//!
//! Readers hide what is too old by themselves, so nothing depends on when this runs. A trigger on each write could do it
//! too, but would have to know the retention and make writers pay for it.

use crate::stream::store::BUSY_TIMEOUT;
use rusqlite::{Connection, params};
use std::collections::HashMap;
use std::path::Path;

/// Records deleted in one transaction: a few milliseconds in which the engine's writes wait.
const STEP_RECORDS: i64 = 1000;

pub(crate) struct Trim {
    connection: Connection,
    /// Records up to this id have been looked at, and were deleted or are kept on purpose.
    done: i64,
}

/// What is to be deleted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Seconds since the epoch: records made before are over.
    pub(crate) horizon: i64,
    /// More records than this, in all streams together, are not kept.
    pub(crate) max_records: i64,
}

impl Trim {
    pub(crate) fn open(file: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(file)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Ok(Self { connection, done: 0 })
    }

    /// Deletes everything beyond the limits; returns how many records that was.
    pub(crate) fn run(&mut self, limits: Limits) -> rusqlite::Result<usize> {
        let mut deleted = 0;
        while let Some(step) = self.step(limits)? {
            deleted += step;
        }
        self.forget_ended_streams(limits.horizon)?;
        Ok(deleted)
    }

    /// Handles the next records by id; `None` when the rest is within the limits.
    fn step(&mut self, limits: Limits) -> rusqlite::Result<Option<usize>> {
        let bounds: (Option<i64>, Option<i64>) = self.connection.query_row(
            "SELECT (SELECT id FROM _stream_records WHERE id > ?1 ORDER BY id LIMIT 1), MAX(id) FROM _stream_records",
            [self.done],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let (Some(first), Some(newest)) = bounds else { return Ok(None) };
        let transaction = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let surplus = newest - limits.max_records;
        let old = {
            let mut statement = transaction.prepare_cached(
                "SELECT id, table_name, CAST(sequence_number AS INTEGER) FROM _stream_records \
                 WHERE id >= ?1 AND id < ?1 + ?2 AND (created_at < ?3 OR id <= ?4) ORDER BY id",
            )?;
            let rows = statement.query_map(params![first, STEP_RECORDS, limits.horizon, surplus], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
            })?;
            rows.collect::<Result<Vec<_>, _>>()?
        };
        let Some(&(last_id, ..)) = old.last() else { return Ok(None) };

        let mut newest_of: HashMap<&str, i64> = HashMap::new();
        for (_, table, number) in &old {
            let newest = newest_of.entry(table).or_default();
            *newest = (*newest).max(*number);
        }
        let mut deleted = 0;
        for (table, number) in newest_of {
            // A table's newest record stays: the engine numbers the next one after it, whatever the clock says.
            deleted += transaction
                .prepare_cached(
                    "DELETE FROM _stream_records WHERE table_name = ?1 AND CAST(sequence_number AS INTEGER) <= ?2 \
                     AND CAST(sequence_number AS INTEGER) < (SELECT MAX(CAST(sequence_number AS INTEGER)) \
                     FROM _stream_records WHERE table_name = ?1)",
                )?
                .execute(params![table, number])?;
            transaction
                .prepare_cached(
                    "UPDATE \"sluicegate:streams\" SET trimmed_seq = MAX(trimmed_seq, MIN(?2, COALESCE(last_seq, ?2))) \
                     WHERE table_name = ?1 AND after_seq < ?2",
                )?
                .execute(params![table, number])?;
        }
        transaction.commit()?;
        self.done = last_id;
        Ok(Some(deleted))
    }

    /// Drops streams that ended a retention ago, and the last traces of tables that are gone.
    fn forget_ended_streams(&mut self, horizon: i64) -> rusqlite::Result<()> {
        let ended: Vec<String> = self
            .connection
            .prepare_cached("SELECT DISTINCT table_name FROM \"sluicegate:streams\" WHERE closed_at < ?1")?
            .query_map([horizon], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        if ended.is_empty() {
            return Ok(());
        }
        let transaction = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        transaction.execute("DELETE FROM \"sluicegate:streams\" WHERE closed_at < ?1", [horizon])?;
        for table in ended {
            transaction.execute(
                "DELETE FROM _stream_records WHERE table_name = ?1 \
                 AND NOT EXISTS (SELECT 1 FROM _tables WHERE table_name = ?1) \
                 AND NOT EXISTS (SELECT 1 FROM \"sluicegate:streams\" WHERE table_name = ?1)",
                [&table],
            )?;
        }
        transaction.commit()
    }
}
