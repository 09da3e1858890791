//! The records of one invocation, and its payload.

use bytes::Bytes;
use sluicegate_pattern::Filter;
use sluicegate_protocol::limits::INVOCATION_BYTES;
use sluicegate_tables::{Position, StreamRecord};

const OPENING: &str = r#"{"Records":["#;
const CLOSING: &str = "]}";

/// A record as it goes to the function.
#[derive(Debug)]
pub(crate) struct Entry {
    json: String,
    pub(crate) sequence_number: String,
    /// Seconds since the epoch.
    pub(crate) created: u64,
    /// Where reading goes on behind it.
    pub(crate) behind: Position,
}

impl Entry {
    pub(crate) fn of(record: &StreamRecord) -> Self {
        Self {
            json: record.to_lambda_json(),
            sequence_number: record.sequence_number.clone(),
            created: record.approximate_creation,
            behind: record.position(),
        }
    }

    pub(crate) fn passes(&self, filter: &Filter) -> bool {
        // A record is always JSON. Should one not be, its function is to see it.
        filter.matches(&self.json).unwrap_or(true)
    }
}

/// A batch being collected.
#[derive(Debug)]
pub(crate) struct Batch {
    entries: Vec<Entry>,
    /// Of the payload so far.
    bytes: usize,
    max_records: usize,
}

impl Batch {
    pub(crate) fn new(max_records: usize) -> Self {
        Self { entries: Vec::new(), bytes: OPENING.len() + CLOSING.len(), max_records }
    }

    /// How many records still fit in number.
    pub(crate) fn room(&self) -> usize {
        self.max_records - self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds the record, or gives it back: it would make the batch too long or its payload larger than Lambda takes, so it
    /// begins the next one. A batch of one is never too large: an item has at most 400 KB.
    pub(crate) fn push(&mut self, entry: Entry) -> Result<(), Entry> {
        let bytes = self.bytes + entry.json.len() + usize::from(!self.is_empty());
        if self.room() == 0 || (bytes > INVOCATION_BYTES && !self.is_empty()) {
            return Err(entry);
        }
        self.bytes = bytes;
        self.entries.push(entry);
        Ok(())
    }

    /// Reading goes on at `position` when this batch is done: what lies between it and the last record is no function's
    /// concern. `false` when there is no record to wait for.
    pub(crate) fn reaches(&mut self, position: Position) -> bool {
        let last = self.entries.last_mut();
        last.map(|last| last.behind = position).is_some()
    }

    /// When the last record was made, in seconds since the epoch.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.entries.last().map(|entry| entry.created)
    }

    pub(crate) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }
}

/// `{"Records":[…]}`.
pub(crate) fn payload(entries: &[Entry]) -> Bytes {
    let records: usize = entries.iter().map(|entry| entry.json.len() + 1).sum();
    let mut payload = String::with_capacity(OPENING.len() + records + CLOSING.len());
    payload.push_str(OPENING);
    for (place, entry) in entries.iter().enumerate() {
        if place > 0 {
            payload.push(',');
        }
        payload.push_str(&entry.json);
    }
    payload.push_str(CLOSING);
    Bytes::from(payload)
}

#[cfg(test)]
impl Entry {
    pub(crate) fn test(json: &str, sequence_number: &str) -> Self {
        let (json, sequence_number) = (json.to_owned(), sequence_number.to_owned());
        Self { json, sequence_number, created: 0, behind: Position::TrimHorizon }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(bytes: usize) -> Entry {
        Entry::test(&format!("\"{}\"", "x".repeat(bytes - 2)), "")
    }

    #[test]
    fn a_batch_closes_at_its_number_of_records() {
        let mut batch = Batch::new(2);
        assert!(batch.push(entry(10)).is_ok() && batch.push(entry(10)).is_ok());
        assert!(batch.push(entry(10)).is_err());
        assert_eq!(batch.room(), 0);
    }

    #[test]
    fn a_payload_is_as_large_as_lambda_takes_and_no_larger() {
        let frame = OPENING.len() + CLOSING.len();
        for (last, taken) in [(1_000, true), (1_001, false)] {
            let mut batch = Batch::new(10);
            batch.push(entry(INVOCATION_BYTES - frame - 1 - 1_000)).unwrap();
            assert_eq!(batch.push(entry(last)).is_ok(), taken);
            assert_eq!(payload(&batch.into_entries()).len() == INVOCATION_BYTES, taken);
        }
    }

    #[test]
    fn the_payload_holds_the_records_in_order() {
        let entries = [entry(3), entry(4)];
        assert_eq!(payload(&entries), r#"{"Records":["x","xx"]}"#);
    }
}
