//! How large DynamoDB counts an item to be.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A list or map costs this much by itself, and one byte more for each element.
const CONTAINER_BYTES: usize = 3;

/// The bytes of an item or of a record's part, from its JSON text: the names of its attributes and their values.
pub(crate) fn item_bytes(json: &str) -> serde_json::Result<usize> {
    serde_json::from_str(json).map(|Item { bytes, .. }| bytes)
}

/// Read for its size alone, so nothing of it is kept.
struct Item {
    attributes: usize,
    bytes: usize,
}

/// A typed attribute value.
struct AttributeValue {
    bytes: usize,
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an item")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Item, A::Error> {
                let mut item = Item { attributes: 0, bytes: 0 };
                while let Some((Text(name), value)) = map.next_entry::<Text<'_>, AttributeValue>()? {
                    item.attributes += 1;
                    item.bytes += name.len() + value.bytes;
                }
                Ok(item)
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

impl<'de> Deserialize<'de> for AttributeValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = AttributeValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an attribute value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AttributeValue, A::Error> {
                let mut bytes = 0;
                while let Some(Text(kind)) = map.next_key()? {
                    bytes += content_bytes(&kind, &mut map)?;
                }
                Ok(AttributeValue { bytes })
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

fn content_bytes<'de, A: MapAccess<'de>>(kind: &str, map: &mut A) -> Result<usize, A::Error> {
    let mut each = |size: fn(&str) -> usize| -> Result<usize, A::Error> {
        Ok(map.next_value::<Vec<Text<'_>>>()?.iter().map(|Text(text)| size(text)).sum())
    };
    Ok(match kind {
        "SS" => each(str::len)?,
        "NS" => each(number_bytes)?,
        "BS" => each(binary_bytes)?,
        "S" => map.next_value::<Text<'_>>()?.0.len(),
        "N" => number_bytes(&map.next_value::<Text<'_>>()?.0),
        "B" => binary_bytes(&map.next_value::<Text<'_>>()?.0),
        "L" => {
            let elements = map.next_value::<Vec<AttributeValue>>()?;
            CONTAINER_BYTES + elements.iter().map(|element| 1 + element.bytes).sum::<usize>()
        }
        "M" => {
            let members = map.next_value::<Item>()?;
            CONTAINER_BYTES + members.attributes + members.bytes
        }
        // BOOL and NULL.
        _ => map.next_value::<IgnoredAny>().map(|_| 1)?,
    })
}

/// Two digits to a byte and one byte for the exponent; one more for the sign of a negative number.
fn number_bytes(number: &str) -> usize {
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    // Zeros count between other digits only.
    let (mut significant, mut zeros) = (0usize, 0);
    for digit in mantissa.bytes().filter(u8::is_ascii_digit) {
        match digit {
            b'0' if significant == 0 => {}
            b'0' => zeros += 1,
            _ => {
                significant += zeros + 1;
                zeros = 0;
            }
        }
    }
    significant.div_ceil(2) + 1 + usize::from(number.starts_with('-'))
}

/// Base64 text stands for three bytes in four characters.
fn binary_bytes(binary: &str) -> usize {
    binary.trim_end_matches('=').len() * 3 / 4
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_have_the_size_dynamodb_gives_them() {
        for (value, expected) in [
            (json!({"S": "hello world"}), 11),
            (json!({"S": "é"}), 2),
            (json!({"S": ""}), 0),
            (json!({"S": "\"\n"}), 2),
            (json!({"B": "Zm9vYmFy"}), 6),
            (json!({"B": "Zm9vYg=="}), 4),
            (json!({"N": "0"}), 1),
            (json!({"N": "7"}), 2),
            (json!({"N": "-7"}), 3),
            (json!({"N": "12345"}), 4),
            (json!({"N": "1000000"}), 2),
            (json!({"N": "0.001"}), 2),
            (json!({"N": "1002e5"}), 3),
            (json!({"BOOL": false}), 1),
            (json!({"NULL": true}), 1),
            (json!({"SS": ["ab", "c"]}), 3),
            (json!({"NS": ["1", "22"]}), 4),
            (json!({"BS": ["Zm9v"]}), 3),
            (json!({"L": []}), 3),
            (json!({"L": [{"S": "ab"}, {"BOOL": true}]}), 8),
            (json!({"M": {"k": {"S": "ab"}}}), 7),
        ] {
            let item = json!({"name": value}).to_string();
            assert_eq!(item_bytes(&item).unwrap(), "name".len() + expected, "{item}");
        }
    }
}
