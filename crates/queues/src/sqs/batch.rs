//! What all batches have: entries with ids, and answers that say of each what became of it.

use crate::limits::BATCH_ENTRIES;
use crate::refusal::{EMPTY_BATCH, IDS_NOT_DISTINCT, INVALID_ENTRY_ID, Refusal, SERIALIZATION, TOO_MANY_ENTRIES};
use crate::request::Request;
use serde_json::{Value, json};
use std::collections::HashSet;

const ID_CHARS: usize = 80;

pub(super) struct Entry<'a> {
    pub(super) id: &'a str,
    pub(super) members: Request<'a>,
}

/// The entries of a request, which AWS's XML calls `kind`.
pub(super) fn entries<'a>(request: Request<'a>, kind: &str) -> Result<Vec<Entry<'a>>, Refusal> {
    let written = request.list("Entries")?;
    if written.is_empty() {
        return Err(Refusal::new(&EMPTY_BATCH, format!("There should be at least one {kind} in the request.")));
    }
    if written.len() > BATCH_ENTRIES {
        let message =
            format!("Maximum number of entries per request are {BATCH_ENTRIES}. You have sent {}.", written.len());
        return Err(Refusal::new(&TOO_MANY_ENTRIES, message));
    }
    let mut ids = HashSet::new();
    written
        .iter()
        .map(|entry| {
            let members = entry.as_object().map(Request);
            let members = members.ok_or_else(|| Refusal::new(&SERIALIZATION, "An entry is no structure."))?;
            let id = members.text("Id")?.unwrap_or_default();
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if id.is_empty() || id.len() > ID_CHARS || !id.chars().all(fits) {
                let message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. \
                               It can be at most 80 letters long.";
                return Err(Refusal::new(&INVALID_ENTRY_ID, message));
            }
            if !ids.insert(id) {
                return Err(Refusal::new(&IDS_NOT_DISTINCT, format!("Id {id} repeated.")));
            }
            Ok(Entry { id, members })
        })
        .collect()
}

/// `{Successful: […], Failed: […]}`; a success has its own members besides the id.
pub(super) fn answer<'a>(results: impl IntoIterator<Item = (&'a str, Result<Value, Refusal>)>) -> Value {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (id, result) in results {
        match result {
            Ok(mut members) => {
                members["Id"] = id.into();
                successful.push(members);
            }
            Err(refusal) => failed.push(json!({
                "Id": id,
                "SenderFault": !refusal.is_server_fault(),
                "Code": refusal.fault.code,
                "Message": refusal.message,
            })),
        }
    }
    let mut answer = json!({ "Successful": successful });
    // AWS leaves it out.
    if !failed.is_empty() {
        answer["Failed"] = failed.into();
    }
    answer
}
