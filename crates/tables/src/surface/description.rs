//! Table descriptions as this server gives them: its own region, account and stream in place of the engine's.

use crate::refusal::Refusal;
use crate::stream::operations::refusal;
use crate::stream::store::StreamStore;
use serde_json::{Map, Value};

/// Rewrites an answer that holds a `TableDescription` or a `Table`.
pub(crate) fn localize(answer: &str, store: &StreamStore) -> Result<String, Refusal> {
    // The stand-ins for region and account occur in ARNs only: names have no colons.
    let answer = store.arns().localized(answer);
    let mut answer: Value = serde_json::from_str(&answer).map_err(|error| {
        tracing::error!(%error, "the engine's description of a table is no JSON");
        Refusal::internal()
    })?;
    for member in ["TableDescription", "Table"] {
        if let Some(table) = answer.get_mut(member).and_then(Value::as_object_mut) {
            show_stream(table, store)?;
        }
    }
    Ok(answer.to_string())
}

/// The latest stream keeps its ARN and label when it is disabled; only the specification goes.
fn show_stream(table: &mut Map<String, Value>, store: &StreamStore) -> Result<(), Refusal> {
    table.remove("LatestStreamArn");
    table.remove("LatestStreamLabel");
    let name = table.get("TableName").and_then(Value::as_str).unwrap_or_default();
    let Some(stream) = store.latest(name).map_err(refusal)? else { return Ok(()) };
    table.insert("LatestStreamArn".into(), (*stream.arn).into());
    if let Some(specification) = table.get_mut("StreamSpecification").and_then(Value::as_object_mut) {
        specification.insert("StreamViewType".into(), stream.view_type.name().into());
    }
    table.insert("LatestStreamLabel".into(), stream.label.into());
    Ok(())
}
