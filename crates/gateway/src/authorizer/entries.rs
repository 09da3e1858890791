//! JSON objects with their own order, whose values become text: what `requestContext.authorizer` shows.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// The members of an object in their order. Of a name that comes twice the last value counts, in the place of the first.
#[derive(Debug, Default)]
pub(super) struct Entries(pub(super) Vec<(String, Box<RawValue>)>);

/// What a value that is no text becomes.
pub(super) enum Flat {
    Text(String),
    Null,
    /// Objects and arrays, as JSON.
    Nested(String),
}

impl Entries {
    pub(super) fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// A member that is a text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }
}

/// `true` is `"true"`, `1.50` is `"1.50"`: numbers keep the digits they were written with.
pub(super) fn flatten(value: &RawValue) -> Flat {
    let json = value.get();
    match json.as_bytes().first() {
        Some(b'"') => Flat::Text(serde_json::from_str(json).unwrap_or_default()),
        Some(b'n') => Flat::Null,
        Some(b'{' | b'[') => Flat::Nested(json.to_owned()),
        _ => Flat::Text(json.to_owned()),
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut entries: Vec<(String, Box<RawValue>)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
            match entries.iter_mut().find(|(known, _)| *known == name) {
                Some((_, place)) => *place = value,
                None => entries.push((name, value)),
            }
        }
        Ok(Entries(entries))
    }
}
