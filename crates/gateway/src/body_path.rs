//! Paths into a JSON body: `.data.room`, `['data'][0].x`; and how AWS writes what they find as text.

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BodyPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(usize),
}

impl BodyPath {
    /// Reads a path that starts with `.` or `[`; the empty one is the body itself. `None` when it is no path.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let (mut steps, mut rest) = (Vec::new(), path);
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let (index, after) = inner.split_once(']')?;
                let name = index.strip_prefix('\'').and_then(|name| name.strip_suffix('\''));
                let name = name.or_else(|| index.strip_prefix('"').and_then(|name| name.strip_suffix('"')));
                steps.push(match name {
                    Some(name) => Step::Member(name.to_owned()),
                    None => Step::Element(index.parse().ok()?),
                });
                rest = after;
            } else {
                let inner = rest.strip_prefix('.')?;
                let end = inner.find(['.', '[']).unwrap_or(inner.len());
                if end == 0 {
                    return None;
                }
                steps.push(Step::Member(inner[..end].to_owned()));
                rest = &inner[end..];
            }
        }
        Some(Self(steps))
    }

    /// What is there, as text; `None` where there is nothing, or null.
    pub(crate) fn text(&self, body: &Value) -> Option<String> {
        let found = self.0.iter().try_fold(body, |value, step| match step {
            Step::Member(name) => value.get(name),
            Step::Element(index) => value.get(index),
        })?;
        (!found.is_null()).then(|| stringified(found).into_owned())
    }

    /// The same in a text, of which only what is there is kept; the rest is read over.
    ///
    /// # Errors
    /// The text is not JSON.
    pub(crate) fn text_in(&self, body: &str) -> Result<Option<String>, serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_str(body);
        let found = Find(&self.0).deserialize(&mut reader)?;
        reader.end()?;
        Ok(found.and_then(|found| Self(Vec::new()).text(&found)))
    }
}

/// Reads the value at the end of these steps. Of a name that comes several times the last value counts.
struct Find<'a>(&'a [Step]);

impl<'de> DeserializeSeed<'de> for Find<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        if self.0.is_empty() { Value::deserialize(reader).map(Some) } else { reader.deserialize_any(self) }
    }
}

impl<'de> Visitor<'de> for Find<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (name, rest) = match self.0 {
            [Step::Member(name), rest @ ..] => (Some(name.as_str()), rest),
            _ => (None, &[][..]),
        };
        let mut found = None;
        while let Some(is_it) = map.next_key_seed(IsName(name))? {
            match is_it {
                true => found = map.next_value_seed(Find(rest))?,
                false => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        if let [Step::Element(index), rest @ ..] = self.0 {
            for _ in 0..*index {
                if seq.next_element::<IgnoredAny>()?.is_none() {
                    return Ok(None);
                }
            }
            found = seq.next_element_seed(Find(rest))?.flatten();
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// Reads a key and says whether it is this one; `None` is no key.
struct IsName<'a>(Option<&'a str>);

impl<'de> DeserializeSeed<'de> for IsName<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for IsName<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        Ok(self.0 == Some(key))
    }
}

/// Arrays come out as `[one, two]`; JSON null counts as not found.
fn stringified(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => Cow::Borrowed(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(stringified).collect();
            Cow::Owned(format!("[{}]", items.join(", ")))
        }
        other => Cow::Owned(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_finds_the_same_in_a_text_as_in_its_value() {
        let bodies = [
            r#"{"a":"x"}"#,
            r#"{"a":"x","a":"y"}"#,
            r#"{"a":{"b":[1,{"c":null},[2,"z"]]},"b":true}"#,
            r#"{"a":{"b":"first"},"a":5}"#,
            r#"{"a":{"b":"\u00e9\n"}}"#,
            r#"{"\u0061":{"b":1.50}}"#,
            r#"[{"a":1},["p","q"],-3]"#,
            "7",
            "-7.5",
            r#""text""#,
            "null",
            "true",
            "{}",
            "[]",
        ];
        for path in ["", ".a", ".b", ".a.b", ".a.b[0]", ".a.b[1].c", ".a.b[2][1]", ".a.b[9]", "[0].a", "[1]", "['a']"] {
            let path = BodyPath::parse(path).unwrap();
            for body in bodies {
                let expected = path.text(&serde_json::from_str(body).unwrap());
                assert_eq!(path.text_in(body).unwrap(), expected, "{path:?} in {body}");
            }
            for broken in ["", "{", r#"{"a":1}x"#, r#"{"a":}"#, r#"{"z":[1,}"#, r#"{"a":"b"#, "nul", "{a:1}"] {
                assert!(path.text_in(broken).is_err(), "{path:?} in {broken}");
            }
        }
    }
}
