//! One reading of an event: the values of the fields a filter looks at. Everything else is skipped, and no tree is built.

use crate::array::Places;
use crate::limits::EVENT_DEPTH;
use crate::paths::Step;
use crate::test::Leaf;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// What an event holds in the fields of a filter, by their numbers.
pub(crate) struct Fields<'e> {
    found: Vec<Vec<Value<'e>>>,
    /// Where the reading stands.
    places: Places,
    arrays: u32,
    /// How many readers of parts are within each other.
    depth: usize,
}

/// A value, and the elements of arrays it stands in.
#[derive(Debug)]
pub(crate) struct Value<'e> {
    pub(crate) leaf: Leaf<'e>,
    pub(crate) places: Places,
}

impl<'e> Fields<'e> {
    pub(crate) fn read(event: &'e str, paths: &Step, fields: usize) -> serde_json::Result<Self> {
        let found = std::iter::repeat_with(Vec::new).take(fields).collect();
        let mut read = Self { found, places: Places::default(), arrays: 0, depth: 0 };
        let mut deserializer = serde_json::Deserializer::from_str(event);
        deserializer.deserialize_map(Reading { fields: &mut read, step: paths })?;
        deserializer.end()?;
        Ok(read)
    }

    pub(crate) fn values(&self, field: usize) -> &[Value<'e>] {
        &self.found[field]
    }

    fn add(&mut self, field: usize, leaf: Leaf<'e>) {
        self.found[field].push(Value { leaf, places: self.places.clone() });
    }
}

/// What stands behind `step`.
struct Reading<'f, 'e> {
    fields: &'f mut Fields<'e>,
    step: &'f Step,
}

impl<'e> Reading<'_, 'e> {
    /// A value that may be one a filter tests; its text tells of which kind it is.
    fn raw<E: serde::de::Error>(self, field: usize, raw: &'e str) -> Result<(), E> {
        let leaf = match raw.as_bytes().first() {
            Some(b'{') if self.step.is_last() => return Ok(()),
            Some(b'{' | b'[') => {
                let Self { fields, step } = self;
                if fields.depth == EVENT_DEPTH {
                    return Err(E::custom(format_args!("it is more than {EVENT_DEPTH} arrays and objects deep")));
                }
                fields.depth += 1;
                let mut deserializer = serde_json::Deserializer::from_str(raw);
                deserializer.deserialize_any(Reading { fields: &mut *fields, step }).map_err(E::custom)?;
                fields.depth -= 1;
                return Ok(());
            }
            Some(b'"') => Leaf::Text(unquoted(raw).map_err(E::custom)?),
            Some(b't') => Leaf::True,
            Some(b'f') => Leaf::False,
            Some(b'n') => Leaf::Null,
            _ => Leaf::number(raw),
        };
        self.fields.add(field, leaf);
        Ok(())
    }
}

/// Most strings have nothing escaped and need no copy.
fn unquoted(raw: &str) -> serde_json::Result<Cow<'_, str>> {
    match raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) {
        Some(text) if !text.contains('\\') => Ok(Cow::Borrowed(text)),
        _ => serde_json::from_str(raw).map(Cow::Owned),
    }
}

impl<'de> DeserializeSeed<'de> for Reading<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.step.field {
            Some(field) => self.raw(field, <&RawValue>::deserialize(deserializer)?.get()),
            None => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Reading<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(next) = map.next_key_seed(Name(self.step))? {
            match next {
                Some(step) => map.next_value_seed(Reading { fields: self.fields, step })?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let array = self.fields.arrays;
        self.fields.arrays = array.checked_add(1).ok_or_else(|| A::Error::custom("too many arrays"))?;
        let mut element = 0;
        loop {
            let step = Element { reading: Reading { fields: self.fields, step: self.step }, array, element };
            if elements.next_element_seed(step)?.is_none() {
                return Ok(());
            }
            element += 1;
        }
    }

    // A value where the filter looks for fields of an object.

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// An element of an array. Objects and arrays within it stand in that element; values do not, for an array of values is as
/// good as each of them.
struct Element<'f, 'e> {
    reading: Reading<'f, 'e>,
    array: u32,
    element: u32,
}

impl<'de> DeserializeSeed<'de> for Element<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Reading { fields, step } = self.reading;
        let Some(field) = step.field else {
            fields.places.enter(self.array, self.element);
            deserializer.deserialize_any(Reading { fields: &mut *fields, step })?;
            fields.places.leave();
            return Ok(());
        };
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        let is_within = raw.starts_with(['{', '[']);
        if is_within {
            fields.places.enter(self.array, self.element);
        }
        Reading { fields: &mut *fields, step }.raw(field, raw)?;
        if is_within {
            fields.places.leave();
        }
        Ok(())
    }
}

/// The name of a field, as the step behind it.
struct Name<'f>(&'f Step);

impl<'de, 'f> DeserializeSeed<'de> for Name<'f> {
    type Value = Option<&'f Step>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'f> Visitor<'_> for Name<'f> {
    type Value = Option<&'f Step>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.behind(name))
    }
}
