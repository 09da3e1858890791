//! How large DynamoDB counts an item to be.

use serde_json::{Map, Value};

/// A list or map costs this much by itself, and one byte more for each element.
const CONTAINER_BYTES: usize = 3;

/// The bytes of an item or of a record's part: the names of its attributes and their values.
pub(crate) fn item_bytes(item: &Map<String, Value>) -> usize {
    item.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

fn value_bytes(value: &Value) -> usize {
    let Some((kind, content)) = value.as_object().and_then(|typed| typed.iter().next()) else { return 0 };
    let each = |size: fn(&Value) -> usize| content.as_array().map_or(0, |values| values.iter().map(size).sum());
    match kind.as_str() {
        "S" => text_bytes(content),
        "N" => number_bytes(content),
        "B" => binary_bytes(content),
        "SS" => each(text_bytes),
        "NS" => each(number_bytes),
        "BS" => each(binary_bytes),
        "L" => CONTAINER_BYTES + each(|element| 1 + value_bytes(element)),
        "M" => {
            let members = content.as_object();
            CONTAINER_BYTES + members.map_or(0, |members| members.len() + item_bytes(members))
        }
        // BOOL and NULL.
        _ => 1,
    }
}

fn text_bytes(text: &Value) -> usize {
    text.as_str().map_or(0, str::len)
}

/// Two digits to a byte and one byte for the exponent; one more for the sign of a negative number.
fn number_bytes(number: &Value) -> usize {
    let text = number.as_str().unwrap_or_default();
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.trim_start_matches('0').trim_end_matches('0').len();
    significant.div_ceil(2) + 1 + usize::from(text.starts_with('-'))
}

/// Base64 text stands for three bytes in four characters.
fn binary_bytes(binary: &Value) -> usize {
    let text = binary.as_str().unwrap_or_default();
    text.trim_end_matches('=').len() * 3 / 4
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
            (json!({"B": "Zm9vYmFy"}), 6),
            (json!({"B": "Zm9vYg=="}), 4),
            (json!({"N": "0"}), 1),
            (json!({"N": "7"}), 2),
            (json!({"N": "-7"}), 3),
            (json!({"N": "12345"}), 4),
            (json!({"N": "1000000"}), 2),
            (json!({"N": "0.001"}), 2),
            (json!({"BOOL": false}), 1),
            (json!({"NULL": true}), 1),
            (json!({"SS": ["ab", "c"]}), 3),
            (json!({"NS": ["1", "22"]}), 4),
            (json!({"BS": ["Zm9v"]}), 3),
            (json!({"L": []}), 3),
            (json!({"L": [{"S": "ab"}, {"BOOL": true}]}), 8),
            (json!({"M": {"k": {"S": "ab"}}}), 7),
        ] {
            assert_eq!(value_bytes(&value), expected, "{value}");
        }
    }
}
