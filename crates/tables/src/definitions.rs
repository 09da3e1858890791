//! Creating, changing and deleting tables: what AWS checks and the engine does not, and the streams that come and go with
//! it.
//!
//! The engine's streams are always enabled with both images, so that a write without a change can be told from one with;
//! what a stream was meant to show is kept in our own table and applied when records are read.

use crate::core::Core;
use crate::refusal::Refusal;
use crate::stream::operations::refusal;
use crate::stream::record::ViewType;
use crate::surface::description;
use crate::surface::operation::Operation;
use parking_lot::MutexGuard;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;
use time::macros::format_description;

/// The longest name of the attribute that holds an item's time to live.
const MAX_ATTRIBUTE_NAME_BYTES: usize = 255;

/// What a request says about a table's stream.
enum StreamWish {
    Unchanged,
    Enabled(ViewType),
    Disabled,
}

/// How a table stands in the engine's catalogue.
struct Standing {
    stream_enabled: bool,
    ttl_attribute: Option<String>,
}

impl Core {
    pub(crate) fn create_table(&self, mut request: Value) -> Result<String, Refusal> {
        let wish = stream_wish(&request, Operation::CreateTable)?;
        let definitions = self.definitions().lock();
        let name = request["TableName"].as_str().unwrap_or_default().to_owned();
        refuse_unusable_name(&definitions, &name)?;
        self.apply_wish(&definitions, &name, &wish, &mut request)?;
        self.describe(Operation::CreateTable, &request.to_string())
    }

    pub(crate) fn update_table(&self, mut request: Value) -> Result<String, Refusal> {
        let wish = stream_wish(&request, Operation::UpdateTable)?;
        let definitions = self.definitions().lock();
        let name = request["TableName"].as_str().unwrap_or_default().to_owned();
        // A table that does not exist is the engine's to refuse.
        if let Some(standing) = standing(&definitions, &name)? {
            match wish {
                StreamWish::Enabled(_) if standing.stream_enabled => {
                    return Err(Refusal::validation(format!("Table already has an enabled stream: TableName: {name}")));
                }
                StreamWish::Disabled if !standing.stream_enabled => {
                    return Err(Refusal::validation(format!("Table has no stream to disable: TableName: {name}")));
                }
                _ => {}
            }
        }
        self.apply_wish(&definitions, &name, &wish, &mut request)?;
        let answer = self.describe(Operation::UpdateTable, &request.to_string());
        // Readers of a stream that has ended learn it by reading.
        self.wake().written(&name);
        answer
    }

    pub(crate) fn delete_table(&self, request: &Value, text: &str) -> Result<String, Refusal> {
        let _definitions = self.definitions().lock();
        let answer = self.engine().run(Operation::DeleteTable, text)?;
        if let Some(name) = request["TableName"].as_str() {
            self.wake().written(name);
        }
        description::localize(&answer, self.store())
    }

    pub(crate) fn update_time_to_live(&self, request: &Value, text: &str) -> Result<String, Refusal> {
        let wish = &request["TimeToLiveSpecification"];
        for (value, member) in [
            (&request["TableName"], "tableName"),
            (wish, "timeToLiveSpecification"),
            (&wish["AttributeName"], "timeToLiveSpecification.attributeName"),
            (&wish["Enabled"], "timeToLiveSpecification.enabled"),
        ] {
            if value.is_null() {
                return Err(Refusal::constraint(None, member, "Member must not be null"));
            }
        }
        let attribute = wish["AttributeName"].as_str().unwrap_or_default();
        if attribute.len() > MAX_ATTRIBUTE_NAME_BYTES {
            let bound = format!("Member must have length less than or equal to {MAX_ATTRIBUTE_NAME_BYTES}");
            return Err(Refusal::constraint(Some(attribute), "timeToLiveSpecification.attributeName", &bound));
        }
        let definitions = self.definitions().lock();
        let standing = standing(&definitions, request["TableName"].as_str().unwrap_or_default())?;
        if let Some(Standing { ttl_attribute: current, .. }) = standing {
            match (current, wish["Enabled"].as_bool().unwrap_or_default()) {
                (Some(current), _) if current != attribute => {
                    return Err(Refusal::validation(format!(
                        "TimeToLive is active on a different AttributeName: current AttributeName is {current}"
                    )));
                }
                (Some(_), true) => return Err(Refusal::validation("TimeToLive is already enabled")),
                (None, false) => return Err(Refusal::validation("TimeToLive is already disabled")),
                _ => {}
            }
        }
        self.engine().run(Operation::UpdateTimeToLive, text)
    }

    /// Writes down what the next stream is called and shows, and gives the engine the request it is to see.
    fn apply_wish(
        &self,
        definitions: &MutexGuard<'_, Connection>,
        table: &str,
        wish: &StreamWish,
        request: &mut Value,
    ) -> Result<(), Refusal> {
        let StreamWish::Enabled(view_type) = wish else { return Ok(()) };
        let (label, created_at_ms) = self.next_label(table)?;
        definitions
            .execute(
                "INSERT OR REPLACE INTO \"sluicegate:next_streams\" (table_name, label, view_type, created_at_ms) \
                 VALUES (?1, ?2, ?3, ?4)",
                params![table, label, view_type.name(), created_at_ms],
            )
            .map_err(storage)?;
        request["StreamSpecification"]["StreamViewType"] = ViewType::NewAndOldImages.name().into();
        Ok(())
    }

    /// A label is the time of its making; two in one millisecond must still differ.
    fn next_label(&self, table: &str) -> Result<(String, i64), Refusal> {
        let known = self.store().streams(Some(table)).map_err(refusal)?;
        let newest = known.iter().map(|stream| stream.created_at_ms).max().unwrap_or(0);
        let now_ms = self.store().clock().now_ms().max(newest + 1);
        Ok((label(now_ms), now_ms))
    }
}

/// `YYYY-MM-DDTHH:MM:SS.mmm`, in UTC.
fn label(ms: i64) -> String {
    let time = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    time.format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]"))
        .expect("the description names only parts that every time has")
}

fn stream_wish(request: &Value, operation: Operation) -> Result<StreamWish, Refusal> {
    let specification = &request["StreamSpecification"];
    if specification.is_null() {
        return Ok(StreamWish::Unchanged);
    }
    let Some(enabled) = specification["StreamEnabled"].as_bool() else {
        return Err(Refusal::constraint(None, "streamSpecification.streamEnabled", "Member must not be null"));
    };
    let view_type = match specification["StreamViewType"].as_str() {
        None => None,
        Some(name) => Some(ViewType::parse(name).ok_or_else(|| {
            let allowed = format!("Member must satisfy enum value set: {}", ViewType::NAMES);
            Refusal::constraint(Some(name), "streamSpecification.streamViewType", &allowed)
        })?),
    };
    let creating = operation == Operation::CreateTable;
    let fault = match (enabled, view_type) {
        (true, Some(view_type)) => return Ok(StreamWish::Enabled(view_type)),
        (false, None) => return Ok(StreamWish::Disabled),
        (true, None) if creating => "Table is being created with a stream enabled, UpdateViewType is required",
        (true, None) => "If stream is being enabled then UpdateViewType is required",
        (false, Some(_)) if creating => {
            "Table is being created with a stream disabled, UpdateViewType should not be specified"
        }
        (false, Some(_)) => "If stream is being disabled, then UpdateViewType must not be specified",
    };
    Err(Refusal::validation(format!("One or more parameter values were invalid: {fault}")))
}

/// The engine keeps each table under its own name in SQLite, where case does not count and some names are taken.
fn refuse_unusable_name(definitions: &Connection, name: &str) -> Result<(), Refusal> {
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("sqlite_") || ["_tables", "_config", "_stream_records"].contains(&lower.as_str()) {
        return Err(Refusal::validation(format!("The table name {name} is reserved by this server; choose another")));
    }
    let twin: Option<String> = definitions
        .query_row(
            "SELECT table_name FROM _tables WHERE lower(table_name) = ?1 AND table_name <> ?2",
            [&lower, name],
            |row| row.get(0),
        )
        .optional()
        .map_err(storage)?;
    match twin {
        Some(twin) => Err(Refusal::validation(format!(
            "The table name {name} differs from the existing table {twin} in case only, which this server cannot keep apart"
        ))),
        None => Ok(()),
    }
}

fn standing(definitions: &Connection, table: &str) -> Result<Option<Standing>, Refusal> {
    definitions
        .query_row(
            "SELECT stream_enabled, CASE WHEN ttl_enabled THEN ttl_attribute END FROM _tables WHERE table_name = ?1",
            [table],
            |row| Ok(Standing { stream_enabled: row.get(0)?, ttl_attribute: row.get(1)? }),
        )
        .optional()
        .map_err(storage)
}

fn storage(error: rusqlite::Error) -> Refusal {
    tracing::error!(%error, "the table catalogue failed");
    Refusal::internal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_have_milliseconds_and_no_zone() {
        assert_eq!(label(1_790_000_000_000), "2026-09-21T14:13:20.000");
        assert_eq!(label(1_790_000_000_007), "2026-09-21T14:13:20.007");
    }
}
