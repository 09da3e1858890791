//! What a function says about its batch, where it may say it record by record (`ReportBatchItemFailures`).

use crate::batch::Entry;
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    Handled,
    /// So many are handled; the one behind them and all later ones come again.
    HandledBefore(usize),
    Failed,
}

/// The lowest record named is where the function stopped. One that is not of the batch fails all of it.
pub(crate) fn read(result: &[u8], entries: &[Entry]) -> Report {
    let Ok(Value::Object(response)) = serde_json::from_slice(result) else { return Report::Handled };
    let failures = match response.get("batchItemFailures") {
        None | Some(Value::Null) => return Report::Handled,
        Some(Value::Array(failures)) => failures,
        Some(_) => return Report::Failed,
    };
    let place = |failure: &Value| {
        let named = failure.get("itemIdentifier")?.as_str()?;
        entries.iter().position(|entry| entry.sequence_number == named)
    };
    match failures.iter().map(place).collect::<Option<Vec<usize>>>().map(|places| places.into_iter().min()) {
        Some(None) => Report::Handled,
        Some(Some(first)) if first > 0 => Report::HandledBefore(first),
        // Nothing was handled, or nobody knows what was.
        Some(Some(_)) | None => Report::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_record_named_is_where_the_function_stopped() {
        let entries: Vec<Entry> = (1..=5).map(|number| Entry::test("{}", &number.to_string())).collect();
        let named = |identifiers: &str| format!(r#"{{"batchItemFailures":[{identifiers}]}}"#);
        for (result, expected) in [
            ("[]".to_owned(), Report::Handled),
            ("null".to_owned(), Report::Handled),
            ("\"\"".to_owned(), Report::Handled),
            ("{}".to_owned(), Report::Handled),
            (r#"{"statusCode":200}"#.to_owned(), Report::Handled),
            (r#"{"batchItemFailures":null}"#.to_owned(), Report::Handled),
            (named(""), Report::Handled),
            (named(r#"{"itemIdentifier":"4"},{"itemIdentifier":"2"}"#), Report::HandledBefore(1)),
            (named(r#"{"itemIdentifier":"5"}"#), Report::HandledBefore(4)),
            (named(r#"{"itemIdentifier":"1"}"#), Report::Failed),
            (named(r#"{"itemIdentifier":"4"},{"itemIdentifier":"9"}"#), Report::Failed),
            (named(r#"{"itemIdentifier":4}"#), Report::Failed),
            (named(r#"{"itemIdentifier":""}"#), Report::Failed),
            (named(r#"{"itemIdentifier":null}"#), Report::Failed),
            (named(r#"{"identifier":"4"}"#), Report::Failed),
            (r#"{"batchItemFailures":"4"}"#.to_owned(), Report::Failed),
        ] {
            assert_eq!(read(result.as_bytes(), &entries), expected, "{result}");
        }
    }
}
