//! Ids on the wire: eleven bytes in URL-safe Base64 with its padding, sixteen characters in all.
//!
//! The shape is what AWS uses for connection, message and request ids; clients and handlers treat them as opaque.

use std::fmt;

const BYTES: usize = 11;
const CHARS: usize = 16;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Names one WebSocket connection, and says where it lives: which node, and which slot of that node's hub.
///
/// Bytes 0–1 are the node, 2–5 the slot, 6–10 random. The first six are masked with a hash of the random ones, so ids that
/// follow each other do not look alike. The random part tells two connections that used the same slot apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId([u8; BYTES]);

impl ConnectionId {
    /// Builds the id of the connection in `slot` of `node`; only the low 40 bits of `random` are used.
    pub fn new(node: u16, slot: u32, random: u64) -> Self {
        let mut bytes = [0; BYTES];
        bytes[..2].copy_from_slice(&node.to_be_bytes());
        bytes[2..6].copy_from_slice(&slot.to_be_bytes());
        bytes[6..].copy_from_slice(&random.to_be_bytes()[3..]);
        Self(masked(bytes))
    }

    pub fn text(&self) -> Text {
        encode(&self.0)
    }

    /// Reads an id as it stands in a URL. `None` unless it is fifteen characters of the alphabet and one `=`.
    pub fn parse(text: &str) -> Option<Self> {
        decode(text).map(Self)
    }

    pub fn node(&self) -> u16 {
        let clear = masked(self.0);
        u16::from_be_bytes([clear[0], clear[1]])
    }

    pub fn slot(&self) -> u32 {
        let clear = masked(self.0);
        u32::from_be_bytes([clear[2], clear[3], clear[4], clear[5]])
    }
}

/// Flips the first six bytes with bits derived from the last five: its own inverse.
fn masked(mut bytes: [u8; BYTES]) -> [u8; BYTES] {
    let seed = bytes[6..].iter().fold(0u64, |seed, byte| seed << 8 | u64::from(*byte));
    // Fibonacci hashing spreads 40 random bits over the six bytes; this hides patterns, not secrets.
    let mask = (seed ^ 0x5bd1_e995).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    for (byte, flip) in bytes[..6].iter_mut().zip(mask) {
        *byte ^= flip;
    }
    bytes
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(encode(&self.0).as_str())
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionId({self})")
    }
}

/// Names one request or message: eleven random bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; BYTES]);

impl RequestId {
    pub fn text(&self) -> Text {
        encode(&self.0)
    }

    /// Builds an id from 128 random bits, of which 88 are used.
    pub fn new(random: u128) -> Self {
        let mut bytes = [0; BYTES];
        bytes.copy_from_slice(&random.to_be_bytes()[5..]);
        Self(bytes)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(encode(&self.0).as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({self})")
    }
}

/// An id as it is written: letters, digits, `+`, `/` and `=`.
#[derive(Clone, Copy, Debug)]
pub struct Text([u8; CHARS]);

impl Text {
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("the alphabet is ASCII")
    }
}

fn encode(bytes: &[u8; BYTES]) -> Text {
    // 88 bits are fourteen whole characters and four bits, which the fifteenth carries in its upper part.
    let bits = bytes.iter().fold(0u128, |bits, byte| bits << 8 | u128::from(*byte)) << 2;
    let mut text = [b'='; CHARS];
    for (place, character) in text[..15].iter_mut().enumerate() {
        *character = ALPHABET[(bits >> (84 - 6 * place)) as usize & 63];
    }
    Text(text)
}

fn decode(text: &str) -> Option<[u8; BYTES]> {
    let [digits @ .., b'='] = text.as_bytes() else { return None };
    if digits.len() != 15 {
        return None;
    }
    let mut bits = 0u128;
    for digit in digits {
        let value = ALPHABET.iter().position(|letter| letter == digit)?;
        bits = bits << 6 | value as u128;
    }
    let mut bytes = [0; BYTES];
    bytes.copy_from_slice(&(bits >> 2).to_be_bytes()[5..]);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_id_says_where_it_lives() {
        for (node, slot, random) in [(0, 0, 0), (7, 123_456, 99), (u16::MAX, u32::MAX, u64::MAX)] {
            let id = ConnectionId::new(node, slot, random);
            assert_eq!((id.node(), id.slot()), (node, slot));
            assert_eq!(ConnectionId::parse(&id.to_string()), Some(id));
        }
    }

    #[test]
    fn ids_have_the_shape_clients_know() {
        let text = ConnectionId::new(1, 2, 3).to_string();
        assert_eq!(text.len(), 16);
        assert!(text.ends_with('='));
        assert_eq!(RequestId::new(u128::MAX).to_string(), "______________8=");
    }

    #[test]
    fn published_ids_are_well_formed_and_anything_else_is_not() {
        for good in ["L0SM9cOFvHcCIhw=", "FYnvDeD_NjMCKlg="] {
            assert_eq!(ConnectionId::parse(good).map(|id| id.to_string()).as_deref(), Some(good));
        }
        for bad in ["", "=", "L0SM9cOFvHcCIhw", "L0SM9cOFvHcCIhw=test", "L0SM9cOFvHcCIh+=", "L0SM9cOFvHcCIhwé="] {
            assert_eq!(ConnectionId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn neighbouring_slots_do_not_look_alike() {
        let (one, two) = (ConnectionId::new(0, 1, 11).to_string(), ConnectionId::new(0, 2, 12).to_string());
        assert_ne!(one[..4], two[..4]);
    }
}
