//! What we add to the engine's file, and the proof that the file is the one we know.
//!
//! The engine keeps every stream record of every table in `_stream_records`, without an index, for ever, and tells the
//! streams of a table apart by nothing: each write looks for the highest sequence number by reading the whole table, and a
//! table created anew shows its predecessor's records. Four additions mend that:
//!
//! * an index on table and sequence number, with which a write and a read cost the same at a million records as at one;
//! * `sluicegate:streams`, one row per stream that ever was, with the range of sequence numbers that belongs to it;
//! * triggers that open and close those rows inside the engine's own transactions, so that no write can fall between;
//! * deletion by age, in [`retention`](crate::retention).
//!
//! Records of a deleted table stay readable under their old stream ARN until they are trimmed, as at AWS; the ranges keep
//! them out of the next stream. A colon cannot stand in a table's name, so our tables never meet a user's.

use rusqlite::Connection;

/// The engine's columns that we read or hang triggers on. Another version of the engine may change them; then we must look
/// before we touch the file.
const EXPECTED: [(&str, &[&str]); 2] = [
    (
        "_stream_records",
        &[
            "id INTEGER",
            "table_name TEXT",
            "event_name TEXT",
            "keys_json TEXT",
            "new_image TEXT",
            "old_image TEXT",
            "sequence_number TEXT",
            "shard_id TEXT",
            "created_at INTEGER",
            "user_identity TEXT",
            "event_id TEXT",
        ],
    ),
    (
        "_tables",
        &[
            "table_name TEXT",
            "key_schema TEXT",
            "attribute_definitions TEXT",
            "gsi_definitions TEXT",
            "lsi_definitions TEXT",
            "stream_enabled INTEGER",
            "stream_view_type TEXT",
            "stream_label TEXT",
            "ttl_attribute TEXT",
            "ttl_enabled INTEGER",
            "created_at INTEGER",
            "table_status TEXT",
            "billing_mode TEXT",
            "provisioned_throughput TEXT",
            "tags TEXT",
            "sse_specification TEXT",
            "table_class TEXT",
            "deletion_protection_enabled INTEGER",
            "on_demand_throughput TEXT",
            "table_id TEXT",
            "vector_index_definitions TEXT",
        ],
    ),
];

const ADDITIONS: &str = r#"
CREATE INDEX IF NOT EXISTS "sluicegate:stream_records_by_sequence"
    ON _stream_records (table_name, CAST(sequence_number AS INTEGER));

-- after_seq < sequence number <= last_seq; an open stream has no last_seq.
CREATE TABLE IF NOT EXISTS "sluicegate:streams" (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    table_name TEXT NOT NULL,
    label TEXT NOT NULL,
    view_type TEXT NOT NULL,
    key_schema TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    after_seq INTEGER NOT NULL,
    trimmed_seq INTEGER NOT NULL,
    last_seq INTEGER,
    closed_at INTEGER,
    UNIQUE (table_name, label)
);

-- What the next stream of a table is to be called and to show; written just before the engine opens it.
CREATE TABLE IF NOT EXISTS "sluicegate:next_streams" (
    table_name TEXT PRIMARY KEY,
    label TEXT NOT NULL,
    view_type TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL
);

CREATE TRIGGER IF NOT EXISTS "sluicegate:close_stream" AFTER UPDATE ON _tables
WHEN OLD.stream_enabled = 1 AND (NEW.stream_enabled = 0 OR NEW.stream_label IS NOT OLD.stream_label)
BEGIN
    UPDATE "sluicegate:streams" SET
        last_seq = MAX(after_seq, COALESCE((SELECT MAX(CAST(sequence_number AS INTEGER))
            FROM _stream_records WHERE table_name = OLD.table_name), 0)),
        closed_at = CAST(strftime('%s', 'now') AS INTEGER)
    WHERE table_name = OLD.table_name AND last_seq IS NULL;
END;

CREATE TRIGGER IF NOT EXISTS "sluicegate:open_stream" AFTER UPDATE ON _tables
WHEN NEW.stream_enabled = 1 AND (OLD.stream_enabled = 0 OR NEW.stream_label IS NOT OLD.stream_label)
BEGIN
    INSERT INTO "sluicegate:streams"
        (table_name, label, view_type, key_schema, created_at_ms, after_seq, trimmed_seq)
    SELECT NEW.table_name, next.label, next.view_type, NEW.key_schema, next.created_at_ms,
        COALESCE((SELECT MAX(CAST(sequence_number AS INTEGER))
            FROM _stream_records WHERE table_name = NEW.table_name), 0),
        COALESCE((SELECT MAX(CAST(sequence_number AS INTEGER))
            FROM _stream_records WHERE table_name = NEW.table_name), 0)
    FROM "sluicegate:next_streams" AS next WHERE next.table_name = NEW.table_name;
END;

CREATE TRIGGER IF NOT EXISTS "sluicegate:delete_table" AFTER DELETE ON _tables
WHEN OLD.stream_enabled = 1
BEGIN
    UPDATE "sluicegate:streams" SET
        last_seq = MAX(after_seq, COALESCE((SELECT MAX(CAST(sequence_number AS INTEGER))
            FROM _stream_records WHERE table_name = OLD.table_name), 0)),
        closed_at = CAST(strftime('%s', 'now') AS INTEGER)
    WHERE table_name = OLD.table_name AND last_seq IS NULL;
END;
"#;

/// The file's tables are not the ones this version was built for.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error("table {table} of the engine has columns this version does not know: {found}")]
    Unknown { table: &'static str, found: String },
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// Checks the engine's schema and puts our additions beside it.
pub(crate) fn apply(connection: &Connection) -> Result<(), SchemaError> {
    check(connection)?;
    connection.execute_batch(&format!("BEGIN IMMEDIATE; {ADDITIONS} COMMIT;"))?;
    Ok(())
}

fn check(connection: &Connection) -> Result<(), SchemaError> {
    for (table, expected) in EXPECTED {
        let found = columns(connection, table)?;
        if found != expected {
            return Err(SchemaError::Unknown { table, found: found.join(", ") });
        }
    }
    Ok(())
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT name || ' ' || type FROM pragma_table_info(?1) ORDER BY cid")?;
    statement.query_map([table], |row| row.get(0))?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine_file() -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("engine.db");
        drop(dynoxide::Database::new(file.to_str().unwrap()).unwrap());
        let connection = Connection::open(file).unwrap();
        (folder, connection)
    }

    /// Fails when an update of the engine brings another schema: then read its migrations before widening `EXPECTED`.
    #[test]
    fn the_engine_has_the_schema_we_know() {
        let (_folder, connection) = engine_file();
        check(&connection).unwrap();
    }

    #[test]
    fn a_schema_we_do_not_know_is_left_alone() {
        let (_folder, connection) = engine_file();
        connection.execute_batch("ALTER TABLE _stream_records ADD COLUMN shard_epoch INTEGER").unwrap();
        let refused = apply(&connection).unwrap_err().to_string();
        assert!(refused.contains("shard_epoch"), "{refused}");
    }

    #[test]
    fn applying_twice_changes_nothing() {
        let (_folder, connection) = engine_file();
        apply(&connection).unwrap();
        apply(&connection).unwrap();
    }

    /// The statements are the engine's (`next_stream_sequence_number`) and our reader's.
    #[test]
    fn sequence_numbers_are_found_by_the_index() {
        let (_folder, connection) = engine_file();
        apply(&connection).unwrap();
        for statement in [
            "SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 FROM _stream_records WHERE table_name = ?1",
            crate::stream::store::RECORDS,
            crate::stream::store::NEWEST,
        ] {
            let plan: Vec<String> = connection
                .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
                .unwrap()
                .query_map(
                    rusqlite::params_from_iter(std::iter::repeat_n("1", statement.matches('?').count())),
                    |row| row.get("detail"),
                )
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            let plan = plan.join("; ");
            assert!(plan.contains("SEARCH") && plan.contains("sluicegate:stream_records_by_sequence"), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}
