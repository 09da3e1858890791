//! Receipt handles: which message was received, and which time that was.

use crate::refusal::{INVALID_RECEIPT, Refusal};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Tells a handle of this program from any other Base64.
const MARK: u8 = b'q';

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) queue: i64,
    pub(crate) message: i64,
    /// How often the message has been received from this queue. A handle of an earlier time deletes nothing.
    pub(crate) time: i64,
}

impl Receipt {
    pub(crate) fn to_handle(self) -> String {
        let mut bytes = vec![MARK];
        for number in [self.queue, self.message, self.time] {
            bytes.extend(number.to_be_bytes());
        }
        STANDARD.encode(bytes)
    }

    /// A handle that this program gave out.
    pub(crate) fn parse(handle: &str) -> Result<Self, Refusal> {
        let decoded = STANDARD.decode(handle).ok();
        decoded.as_deref().and_then(read).ok_or_else(|| Self::invalid(handle))
    }

    pub(crate) fn invalid(handle: &str) -> Refusal {
        let shown: String = handle.chars().take(100).collect();
        Refusal::new(&INVALID_RECEIPT, format!("The input receipt handle \"{shown}\" is not a valid receipt handle."))
    }
}

fn read(bytes: &[u8]) -> Option<Receipt> {
    let [MARK, rest @ ..] = bytes else { return None };
    let (queue, rest) = rest.split_first_chunk()?;
    let (message, rest) = rest.split_first_chunk()?;
    let time = rest.try_into().ok()?;
    let number = i64::from_be_bytes;
    Some(Receipt { queue: number(*queue), message: number(*message), time: number(time) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_say_what_was_received() {
        let receipt = Receipt { queue: 1, message: i64::MAX, time: 3 };
        assert_eq!(Receipt::parse(&receipt.to_handle()), Ok(receipt));
        for handle in ["", "?", "AAAA", &receipt.to_handle()[4..], &STANDARD.encode([MARK; 26])] {
            assert!(Receipt::parse(handle).is_err(), "{handle}");
        }
    }
}
