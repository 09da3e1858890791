//! What is sent, so that a client can tell loss, repetition, disorder and damage.

/// Every broadcast message is this long.
pub const BYTES: usize = 256;

/// What a client sends to be told its connection id.
pub const WHO_AM_I: &[u8] = br#"{"action":"who-am-i"}"#;
const ECHO: &[u8] = br#"{"action":"echo","#;
const MARK: &[u8] = b"\"sequence\":";
const MIDDLE: &[u8] = b",\"fill\":\"";
const FILL: u8 = b'x';
/// No message has more of it.
static LONGEST_FILL: [u8; 64 * 1024] = [FILL; 64 * 1024];
const TAIL: &[u8] = b"\"}";

/// The message with this number: JSON text, filled up to [`BYTES`].
pub fn message(sequence: u64) -> Vec<u8> {
    message_of(sequence, BYTES)
}

/// The same of another length.
pub fn message_of(sequence: u64, bytes: usize) -> Vec<u8> {
    filled(b"{", sequence, bytes)
}

fn filled(opening: &[u8], sequence: u64, bytes: usize) -> Vec<u8> {
    let mut text = [opening, MARK, sequence.to_string().as_bytes(), MIDDLE].concat();
    text.resize(bytes - TAIL.len(), FILL);
    text.extend_from_slice(TAIL);
    text
}

/// What a client sends to get the same back.
pub fn question(sequence: u64) -> Vec<u8> {
    filled(ECHO, sequence, BYTES)
}

/// The number of a message that is byte for byte what [`message`] made.
pub fn intact(payload: &[u8]) -> Option<u64> {
    undamaged(payload).filter(|_| payload.len() == BYTES)
}

/// The same for messages of any length.
pub fn undamaged(payload: &[u8]) -> Option<u64> {
    let (number, rest) = leading_number(payload.strip_prefix(b"{")?.strip_prefix(MARK)?)?;
    let fill = rest.strip_prefix(MIDDLE)?.strip_suffix(TAIL)?;
    LONGEST_FILL.starts_with(fill).then_some(number)
}

/// The number that a row of this bench carries, wherever it stands in the message.
pub fn sequence(payload: &[u8]) -> Option<u64> {
    sequences(payload).next()
}

/// The numbers of all rows in a message, in order.
pub fn sequences(payload: &[u8]) -> impl Iterator<Item = u64> {
    let mut rest = payload;
    std::iter::from_fn(move || {
        let start = rest.windows(MARK.len()).position(|window| window == MARK)? + MARK.len();
        let (number, after) = leading_number(&rest[start..])?;
        rest = after;
        Some(number)
    })
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
        let two: Vec<u64> = sequences(br#"[{"sequence":1,"a":1},{"a":2,"sequence":20}]"#).collect();
        assert_eq!(two, [1, 20]);
        assert_eq!((question(7).len(), sequence(&question(7))), (BYTES, Some(7)));
    }
}
