//! Which messages of a batch the function has not handled, as it says itself.

use serde::Deserialize;
use std::collections::HashSet;

#[derive(Deserialize)]
struct Report {
    #[serde(rename = "batchItemFailures")]
    failures: Option<Vec<Failure>>,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(rename = "itemIdentifier")]
    id: String,
}

/// What the function said cannot be understood: all counts as not handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Incomprehensible;

/// The ids of messages that were not handled. Nothing, `null`, an empty object and an empty list say: all were.
pub(super) fn failures(answer: &[u8], batch: &[&str]) -> Result<HashSet<String>, Incomprehensible> {
    if answer.is_empty() {
        return Ok(HashSet::new());
    }
    let report: Option<Report> = serde_json::from_slice(answer).map_err(|_| Incomprehensible)?;
    let failures = report.and_then(|report| report.failures).unwrap_or_default();
    failures
        .into_iter()
        .map(|failure| if batch.contains(&failure.id.as_str()) { Ok(failure.id) } else { Err(Incomprehensible) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read_as_aws_reads_them() {
        for (answer, expected) in [
            ("", Some(vec![])),
            ("null", Some(vec![])),
            ("{}", Some(vec![])),
            (r#"{"batchItemFailures": null}"#, Some(vec![])),
            (r#"{"batchItemFailures": []}"#, Some(vec![])),
            (r#"{"batchItemFailures": [{"itemIdentifier": "a"}]}"#, Some(vec!["a"])),
            (r#"{"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "b"}]}"#, Some(vec!["b"])),
            (r#"{"batchItemFailures": [{"itemIdentifier": ""}]}"#, None),
            (r#"{"batchItemFailures": [{"itemIdentifier": null}]}"#, None),
            (r#"{"batchItemFailures": [{"itemIdentifer": "a"}]}"#, None),
            (r#"{"batchItemFailures": [{"itemIdentifier": "x"}]}"#, None),
            (r#"{"batchItemFailures": "a"}"#, None),
            (r#""done""#, None),
            ("{", None),
        ] {
            let expected = expected.map(|ids| ids.into_iter().map(str::to_owned).collect());
            assert_eq!(failures(answer.as_bytes(), &["a", "b"]).ok(), expected, "{answer}");
        }
    }
}
