//! A place in a stream, between two records.

use std::fmt;

/// The engine counts from the microsecond of the first write; the wire adds 10^20, which makes 21 digits of every number.
const OFFSET: u128 = 100_000_000_000_000_000_000;

/// Where reading goes on. Kept as text: `TRIM_HORIZON`, or the sequence number of the last record behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Before the oldest record there is, whichever that is at the time of reading.
    TrimHorizon,
    After(SequenceNumber),
}

/// The number of a record in its stream; ordered as the records are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SequenceNumber(pub(crate) i64);

impl Position {
    pub(crate) fn after(stored: i64) -> Self {
        Self::After(SequenceNumber(stored))
    }

    /// Reads what [`Display`](fmt::Display) wrote, or any sequence number this server gave out.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "TRIM_HORIZON" {
            return Some(Self::TrimHorizon);
        }
        SequenceNumber::parse(text).map(Self::After)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TrimHorizon => f.write_str("TRIM_HORIZON"),
            Self::After(number) => number.fmt(f),
        }
    }
}

impl SequenceNumber {
    pub fn parse(text: &str) -> Option<Self> {
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number: u128 = text.parse().ok()?;
        i64::try_from(number.checked_sub(OFFSET)?).ok().map(Self)
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", OFFSET + self.0.max(0) as u128)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_being_written_down() {
        for position in [Position::TrimHorizon, Position::after(0), Position::after(1_761_000_000_000_000)] {
            assert_eq!(Position::parse(&position.to_string()), Some(position));
        }
        assert_eq!(Position::after(42).to_string(), "100000000000000000042");
        for text in ["", "LATEST", "42", "-100000000000000000042", "+100000000000000000042", "1e20"] {
            assert_eq!(Position::parse(text), None, "{text}");
        }
    }
}
