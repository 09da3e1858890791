//! JSON as it is written for every message: straight into bytes, without asking anything twice.
//!
//! Most of an event are texts with nothing to escape, copied as they are. Against the general serializer this spares two thirds
//! of the instructions of an event.

use std::io::Write;
use std::net::IpAddr;

const ONES: u64 = u64::from_le_bytes([0x01; 8]);
const HIGH_BITS: u64 = u64::from_le_bytes([0x80; 8]);
const QUOTES: u64 = u64::from_le_bytes([b'"'; 8]);
const BACKSLASHES: u64 = u64::from_le_bytes([b'\\'; 8]);

/// An object being written; [`end`](Self::end) closes it.
#[derive(Debug)]
pub struct Object<'a> {
    json: &'a mut Vec<u8>,
    is_empty: bool,
}

impl<'a> Object<'a> {
    pub fn begin(json: &'a mut Vec<u8>) -> Self {
        json.push(b'{');
        Self { json, is_empty: true }
    }

    pub fn end(self) {
        self.json.push(b'}');
    }

    /// The place of a value whose name is as its author wrote it: plain letters.
    pub fn field(&mut self, name: &'static str) -> &mut Vec<u8> {
        self.separate();
        self.json.push(b'"');
        self.json.extend_from_slice(name.as_bytes());
        self.json.extend_from_slice(b"\":");
        self.json
    }

    /// The place of a value whose name may be anything.
    pub fn named(&mut self, name: &str) -> &mut Vec<u8> {
        self.separate();
        text(self.json, name);
        self.json.push(b':');
        self.json
    }

    fn separate(&mut self) {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.json.push(b',');
        }
    }
}

/// A string of letters, digits and signs that need no escape.
pub fn plain(json: &mut Vec<u8>, text: &str) {
    json.push(b'"');
    json.extend_from_slice(text.as_bytes());
    json.push(b'"');
}

/// A string of any text.
pub fn text(json: &mut Vec<u8>, text: &str) {
    json.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(place) = first_special(rest) {
        json.extend_from_slice(&rest[..place]);
        escape(json, rest[place]);
        rest = &rest[place + 1..];
    }
    json.extend_from_slice(rest);
    json.push(b'"');
}

pub fn number(json: &mut Vec<u8>, number: u64) {
    json.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// An address as a string.
pub fn address(json: &mut Vec<u8>, address: IpAddr) {
    json.push(b'"');
    match address {
        IpAddr::V4(address) => {
            for (place, octet) in address.octets().into_iter().enumerate() {
                if place > 0 {
                    json.push(b'.');
                }
                number(json, octet.into());
            }
        }
        IpAddr::V6(address) => {
            // Writing to a vector cannot fail.
            let _ = write!(json, "{address}");
        }
    }
    json.push(b'"');
}

pub fn boolean(json: &mut Vec<u8>, value: bool) {
    json.extend_from_slice(if value { b"true" } else { b"false" });
}

/// Where the first quote, backslash or control character is. Eight bytes are looked at together.
fn first_special(text: &[u8]) -> Option<usize> {
    let (words, tail) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let specials = below(word, 0x20) | below(word ^ QUOTES, 1) | below(word ^ BACKSLASHES, 1);
        if specials != 0 {
            // A borrow may mark bytes behind the first one falsely, never before.
            return Some(index * 8 + specials.trailing_zeros() as usize / 8);
        }
    }
    let is_special = |byte: &u8| matches!(byte, 0..0x20 | b'"' | b'\\');
    Some(words.len() * 8 + tail.iter().position(is_special)?)
}

/// The high bits of those bytes that are below `limit`, which is at most 128.
fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGH_BITS
}

fn escape(json: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0C => b'f',
        _ => {
            let _ = write!(json, "\\u{byte:04x}");
            return;
        }
    };
    json.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_written_as_others_write_it() {
        let all: String = (0..=0x3FF).filter_map(char::from_u32).chain(['\u{2028}', '😀']).collect();
        let written = |what: &str| {
            let mut json = Vec::new();
            text(&mut json, what);
            String::from_utf8(json).unwrap()
        };
        // Every beginning and every end, so that each sign stands at every place of a word.
        for (place, _) in all.char_indices() {
            for part in [&all[place..], &all[..place]] {
                assert_eq!(written(part), serde_json::to_string(part).unwrap());
            }
        }
        for byte in 0..=0x7F_u8 {
            for place in 0..16 {
                let mut part = "é2345678".repeat(2).into_bytes();
                part.insert(place + usize::from(place == 1) + usize::from(place == 10), byte);
                if let Ok(part) = std::str::from_utf8(&part) {
                    assert_eq!(written(part), serde_json::to_string(part).unwrap(), "{byte} at {place}");
                }
            }
        }
    }

    #[test]
    fn objects_have_their_commas() {
        let mut json = Vec::new();
        let mut object = Object::begin(&mut json);
        number(object.field("a"), u64::MAX);
        let mut inner = Object::begin(object.named("b\"c"));
        boolean(inner.field("d"), true);
        inner.end();
        Object::begin(object.field("e")).end();
        plain(object.field("f"), "g");
        address(object.field("g"), [198, 51, 100, 0].into());
        address(object.field("h"), IpAddr::V6(1.into()));
        object.end();
        let expected = r#"{"a":18446744073709551615,"b\"c":{"d":true},"e":{},"f":"g","g":"198.51.100.0","h":"::1"}"#;
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }
}
