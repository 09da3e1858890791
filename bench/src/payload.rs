//! What is sent, so that a client can tell loss, repetition, disorder and damage.

/// Every broadcast message is this long.
pub const BYTES: usize = 256;

const MARK: &[u8] = b"\"sequence\":";
const MIDDLE: &[u8] = b",\"fill\":\"";
const FILL: u8 = b'x';
const TAIL: &[u8] = b"\"}";

/// The message with this number: JSON text, filled up to [`BYTES`].
pub fn message(sequence: u64) -> Vec<u8> {
    let mut text = [b"{", MARK, sequence.to_string().as_bytes(), MIDDLE].concat();
    text.resize(BYTES - TAIL.len(), FILL);
    text.extend_from_slice(TAIL);
    text
}

/// The number of a message that is byte for byte what [`message`] made.
pub fn intact(payload: &[u8]) -> Option<u64> {
    let (number, rest) = leading_number(payload.strip_prefix(b"{")?.strip_prefix(MARK)?)?;
    let fill = rest.strip_prefix(MIDDLE)?.strip_suffix(TAIL)?;
    (payload.len() == BYTES && fill.iter().all(|byte| *byte == FILL)).then_some(number)
}

/// The number that a row of this bench carries, wherever it stands in the message.
pub fn sequence(payload: &[u8]) -> Option<u64> {
    let start = payload.windows(MARK.len()).position(|window| window == MARK)? + MARK.len();
    Some(leading_number(&payload[start..])?.0)
}

fn leading_number(text: &[u8]) -> Option<(u64, &[u8])> {
    let (digits, rest) = text.split_at(text.iter().take_while(|byte| byte.is_ascii_digit()).count());
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_recognised_and_damage_is_not() {
        for number in [0, 9, 1_234_567_890_123] {
            let whole = message(number);
            assert_eq!((whole.len(), intact(&whole)), (BYTES, Some(number)));
            for damaged in [0, 5, 100, BYTES - 1] {
                let mut payload = whole.clone();
                payload[damaged] ^= 1;
                assert_ne!(intact(&payload), Some(number), "byte {damaged}");
            }
            assert_eq!(intact(&whole[..BYTES - 1]), None);
        }
        assert_eq!(sequence(br#"{"updates":[{"data":{"sequence":42,"a":1}}]}"#), Some(42));
        assert_eq!(sequence(b"{}"), None);
    }
}
