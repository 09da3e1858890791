//! JSON text into a heap, keys in their order, and back.

use crate::number::Number;
use crate::value::{Heap, Map, Origin, Value};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::sync::Arc;

/// Roughly what a value takes in the heap.
const VALUE_BYTES: u64 = 48;

/// Reads one JSON text into the heap; takes what it makes off `bytes_left`. The depth is serde_json's (128).
pub(crate) fn read(text: &str, heap: &mut Heap, bytes_left: &mut u64) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = IntoHeap { heap, bytes_left }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Copies what is already parsed.
pub(crate) fn import(
    value: &serde_json::Value,
    heap: &mut Heap,
    bytes_left: &mut u64,
) -> Result<Value, serde_json::Error> {
    IntoHeap { heap, bytes_left }.deserialize(value)
}

/// A string with its quotes.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

struct IntoHeap<'h> {
    heap: &'h mut Heap,
    bytes_left: &'h mut u64,
}

impl IntoHeap<'_> {
    fn again(&mut self) -> IntoHeap<'_> {
        IntoHeap { heap: self.heap, bytes_left: self.bytes_left }
    }

    fn charge<E: Error>(&mut self, text: usize) -> Result<(), E> {
        match self.bytes_left.checked_sub(VALUE_BYTES + text as u64) {
            Some(left) => {
                *self.bytes_left = left;
                Ok(())
            }
            None => Err(E::custom("the JSON is too large for a template")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for IntoHeap<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for IntoHeap<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(Number::Integer(value.into())))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(Number::Integer(value.into())))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(Number::Double(value)))
    }

    fn visit_str<E: Error>(mut self, value: &str) -> Result<Value, E> {
        self.charge(value.len())?;
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut access: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = access.next_element_seed(self.again())? {
            self.charge(0)?;
            elements.push(element);
        }
        Ok(self.heap.add_list(Origin::Json, elements))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            self.charge(key.len() + VALUE_BYTES as usize)?;
            let value = access.next_value_seed(self.again())?;
            map.insert(Arc::from(key), value);
        }
        Ok(self.heap.add_map(map))
    }
}
