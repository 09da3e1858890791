//! Queues in the file.

use crate::limits::QUEUES;
use crate::names::Place;
use crate::queues::QueueChange;
use crate::receipt::Receipt;
use crate::refusal::{OVER_LIMIT, PURGE_IN_PROGRESS, QUEUE_NAME_EXISTS, Refusal};
use crate::settings::{DeadLetters, QueueSettings};
use crate::store::WorkError;
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Between two purges of a queue, as on AWS.
const PURGE_PAUSE_MS: i64 = 60_000;

/// A queue as it is in the file.
#[derive(Clone, Debug)]
pub(crate) struct QueueRecord {
    pub(crate) id: i64,
    pub(crate) name: String,
    /// Milliseconds since the epoch.
    pub(crate) created: i64,
    pub(crate) modified: i64,
    pub(crate) settings: QueueSettings,
}

/// Messages of a queue by what can be done with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) visible: i64,
    pub(crate) in_flight: i64,
    pub(crate) delayed: i64,
}

pub(crate) fn find(connection: &Connection, name: &str) -> Result<QueueRecord, WorkError> {
    Ok(look_up(connection, name)?.ok_or_else(Refusal::no_queue)?)
}

pub(crate) fn look_up(connection: &Connection, name: &str) -> rusqlite::Result<Option<QueueRecord>> {
    connection.prepare_cached("SELECT * FROM queues WHERE name = ?1")?.query_row([name], record).optional()
}

pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<QueueRecord>> {
    connection.prepare_cached("SELECT * FROM queues ORDER BY name")?.query_map([], record)?.collect()
}

fn record(row: &Row<'_>) -> rusqlite::Result<QueueRecord> {
    let dead_letter_queue: Option<String> = row.get("dead_letter_queue")?;
    let max_receive_count = row.get("max_receive_count")?;
    let kept: String = row.get("kept")?;
    Ok(QueueRecord {
        id: row.get("id")?,
        name: row.get("name")?,
        created: row.get("created")?,
        modified: row.get("modified")?,
        settings: QueueSettings {
            visibility_timeout: row.get("visibility_timeout")?,
            retention: row.get("retention")?,
            delay: row.get("delay")?,
            maximum_bytes: row.get("maximum_bytes")?,
            receive_wait: row.get("receive_wait")?,
            dead_letters: dead_letter_queue.map(|queue| DeadLetters { queue, max_receive_count }),
            kept: serde_json::from_str(&kept).unwrap_or_default(),
        },
    })
}

/// Makes a queue. One that is there stays as it is, and must have the attributes that are asked for.
pub(crate) fn create(
    connection: &Connection,
    name: &str,
    asked: &Map<String, Value>,
    place: &Place,
    now: i64,
) -> Result<(), WorkError> {
    if let Some(there) = look_up(connection, name)? {
        let mut wanted = there.settings.clone();
        wanted.set(asked, place)?;
        let (has, wants) = (there.settings.to_attributes(place), wanted.to_attributes(place));
        return match has.iter().chain(&wants).find(|(name, _)| has.get(*name) != wants.get(*name)) {
            None => Ok(()),
            Some((attribute, _)) => {
                let message = format!(
                    "A queue already exists with the same name and a different value for attribute {attribute}"
                );
                Err(Refusal::new(&QUEUE_NAME_EXISTS, message).into())
            }
        };
    }
    let mut settings = QueueSettings::default();
    settings.set(asked, place)?;
    insert(connection, name, &settings, now)
}

/// Makes a queue, or gives the one that is there these settings.
pub(crate) fn ensure(
    connection: &Connection,
    name: &str,
    settings: &QueueSettings,
    now: i64,
) -> Result<QueueChange, WorkError> {
    let Some(there) = look_up(connection, name)? else {
        return insert(connection, name, settings, now).map(|()| QueueChange::Created);
    };
    let settings = QueueSettings { kept: there.settings.kept.clone(), ..settings.clone() };
    if there.settings == settings {
        return Ok(QueueChange::None);
    }
    change(connection, &there, &settings, now).map(|()| QueueChange::Changed)
}

fn insert(connection: &Connection, name: &str, settings: &QueueSettings, now: i64) -> Result<(), WorkError> {
    check_dead_letters(connection, settings)?;
    let count: i64 = connection.prepare_cached("SELECT count(*) FROM queues")?.query_row([], |row| row.get(0))?;
    if count >= QUEUES {
        return Err(Refusal::new(&OVER_LIMIT, format!("There are {QUEUES} queues; delete some first.")).into());
    }
    connection.execute(
        "INSERT INTO queues (name, created, modified, visibility_timeout, retention, delay, maximum_bytes, receive_wait, \
         dead_letter_queue, max_receive_count, kept) VALUES (:name, :now, :now, :visibility_timeout, :retention, :delay, \
         :maximum_bytes, :receive_wait, :dead_letter_queue, :max_receive_count, :kept)",
        named_params! {
            ":name": name,
            ":now": now,
            ":visibility_timeout": settings.visibility_timeout,
            ":retention": settings.retention,
            ":delay": settings.delay,
            ":maximum_bytes": settings.maximum_bytes,
            ":receive_wait": settings.receive_wait,
            ":dead_letter_queue": settings.dead_letters.as_ref().map(|dead| &dead.queue),
            ":max_receive_count": settings.dead_letters.as_ref().map_or(0, |dead| dead.max_receive_count),
            ":kept": text(&settings.kept),
        },
    )?;
    Ok(())
}

pub(crate) fn change(
    connection: &Connection,
    queue: &QueueRecord,
    settings: &QueueSettings,
    now: i64,
) -> Result<(), WorkError> {
    check_dead_letters(connection, settings)?;
    connection.execute(
        "UPDATE queues SET modified = :now, visibility_timeout = :visibility_timeout, retention = :retention, \
         delay = :delay, maximum_bytes = :maximum_bytes, receive_wait = :receive_wait, \
         dead_letter_queue = :dead_letter_queue, max_receive_count = :max_receive_count, kept = :kept WHERE id = :id",
        named_params! {
            ":id": queue.id,
            ":now": now,
            ":visibility_timeout": settings.visibility_timeout,
            ":retention": settings.retention,
            ":delay": settings.delay,
            ":maximum_bytes": settings.maximum_bytes,
            ":receive_wait": settings.receive_wait,
            ":dead_letter_queue": settings.dead_letters.as_ref().map(|dead| &dead.queue),
            ":max_receive_count": settings.dead_letters.as_ref().map_or(0, |dead| dead.max_receive_count),
            ":kept": text(&settings.kept),
        },
    )?;
    Ok(())
}

fn text(kept: &BTreeMap<String, String>) -> String {
    Value::from_iter(kept.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())))).to_string()
}

fn check_dead_letters(connection: &Connection, settings: &QueueSettings) -> Result<(), WorkError> {
    let Some(dead) = &settings.dead_letters else { return Ok(()) };
    match look_up(connection, &dead.queue)? {
        Some(_) => Ok(()),
        None => Err(Refusal::value(&dead.queue, "RedrivePolicy", "Dead letter target does not exist").into()),
    }
}

/// Its messages are gone with its id, which no other queue will have; the sweep deletes them.
pub(crate) fn delete(connection: &Connection, queue: &QueueRecord) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM queues WHERE id = ?1", [queue.id])?;
    Ok(())
}

/// Gives the queue a new id: the messages of the old one are gone at once, however many they are.
pub(crate) fn purge(connection: &Connection, queue: &QueueRecord, now: i64) -> Result<(), WorkError> {
    let purged: i64 = connection.query_row("SELECT purged FROM queues WHERE id = ?1", [queue.id], |row| row.get(0))?;
    if now - purged < PURGE_PAUSE_MS {
        let message = format!("Only one PurgeQueue operation on {} is allowed every 60 seconds.", queue.name);
        return Err(Refusal::new(&PURGE_IN_PROGRESS, message).into());
    }
    connection.execute(
        "REPLACE INTO queues (name, created, modified, purged, visibility_timeout, retention, delay, maximum_bytes, \
         receive_wait, dead_letter_queue, max_receive_count, kept) SELECT name, created, modified, ?2, visibility_timeout, \
         retention, delay, maximum_bytes, receive_wait, dead_letter_queue, max_receive_count, kept FROM queues WHERE id = ?1",
        [queue.id, now],
    )?;
    Ok(())
}

/// Ids of deleted and purged queues that have messages yet. Finds each with one step in the index.
pub(crate) fn former(connection: &Connection) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached(
            "WITH RECURSIVE used(id) AS (SELECT min(queue) FROM messages UNION ALL \
             SELECT (SELECT min(queue) FROM messages WHERE queue > used.id) FROM used WHERE used.id IS NOT NULL) \
             SELECT id FROM used WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM queues)",
        )?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// What a handle says that was given out for a message of this queue, perhaps before it was purged.
pub(crate) fn receipt(
    connection: &Connection,
    queue: &QueueRecord,
    handle: &str,
) -> rusqlite::Result<Result<Receipt, Refusal>> {
    let receipt = match Receipt::parse(handle) {
        Ok(receipt) => receipt,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let is_of_another = receipt.queue != queue.id
        && (receipt.queue > queue.id
            || connection.prepare_cached("SELECT 1 FROM queues WHERE id = ?1")?.exists([receipt.queue])?);
    Ok(if is_of_another { Err(Receipt::invalid(handle)) } else { Ok(receipt) })
}

pub(crate) fn counts(connection: &Connection, queue: &QueueRecord, now: i64) -> rusqlite::Result<Counts> {
    connection
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE visible_at <= ?2), count(*) FILTER (WHERE visible_at > ?2 AND received_here > 0), \
             count(*) FILTER (WHERE visible_at > ?2 AND received_here = 0) FROM messages WHERE queue = ?1",
        )?
        .query_row([queue.id, now], |row| {
            Ok(Counts { visible: row.get(0)?, in_flight: row.get(1)?, delayed: row.get(2)? })
        })
}
