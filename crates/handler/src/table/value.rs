//! Attribute values, and their two other forms: Rust types (through serde) and plain JSON.
//!
//! | attribute value | plain JSON |
//! |---|---|
//! | `S` | text |
//! | `N` | number, digit for digit: integers of any size stay exact |
//! | `B` | text, base64 as it came |
//! | `BOOL`, `NULL` | `true` or `false`, `null` |
//! | `M`, `L` | object, array |
//! | `SS`, `NS`, `BS` | array |
//!
//! Back from plain JSON there are no sets and no binary: arrays become lists, base64 stays text.

use serde::de::DeserializeOwned;
use serde::ser::{Error as _, SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A value as DynamoDB writes it: `{"S":"text"}`, `{"N":"12.5"}`, …
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AttributeValue {
    S(String),
    /// Up to 38 digits; DynamoDB sends numbers as text to keep them.
    N(String),
    /// Base64.
    B(String),
    #[serde(rename = "BOOL")]
    Bool(bool),
    #[serde(rename = "NULL")]
    Null(bool),
    M(Item),
    L(Vec<AttributeValue>),
    #[serde(rename = "SS")]
    StringSet(Vec<String>),
    #[serde(rename = "NS")]
    NumberSet(Vec<String>),
    #[serde(rename = "BS")]
    BinarySet(Vec<String>),
}

/// An item, a key, or a map inside one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Item(pub BTreeMap<String, AttributeValue>);

impl Item {
    /// From any type that serialises to a JSON object.
    pub fn from_serde(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        match serde_json::to_value(value)?.into() {
            AttributeValue::M(item) => Ok(item),
            _ => Err(serde_json::Error::custom("an item must serialise to a JSON object")),
        }
    }

    pub fn to_serde<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_value(self.to_json())
    }

    /// Plain JSON in memory, where numbers beyond 64 bits lose digits. [`plain`](Self::plain) writes them exactly.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self.plain()).unwrap_or_default()
    }

    /// Serialises as plain JSON.
    pub fn plain(&self) -> impl Serialize + '_ {
        PlainItem(self)
    }

    pub fn get(&self, attribute: &str) -> Option<&AttributeValue> {
        self.0.get(attribute)
    }

    /// The text of an `S` attribute.
    pub fn text(&self, attribute: &str) -> Option<&str> {
        match self.get(attribute) {
            Some(AttributeValue::S(text)) => Some(text),
            _ => None,
        }
    }
}

impl From<serde_json::Value> for AttributeValue {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Self::Null(true),
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => Self::N(number.to_string()),
            Value::String(text) => Self::S(text),
            Value::Array(values) => Self::L(values.into_iter().map(Self::from).collect()),
            Value::Object(entries) => {
                Self::M(Item(entries.into_iter().map(|(name, value)| (name, value.into())).collect()))
            }
        }
    }
}

struct PlainItem<'a>(&'a Item);

impl Serialize for PlainItem<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.0.len()))?;
        for (name, value) in &self.0.0 {
            map.serialize_entry(name, &PlainValue(value))?;
        }
        map.end()
    }
}

struct PlainValue<'a>(&'a AttributeValue);

impl Serialize for PlainValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            AttributeValue::S(text) | AttributeValue::B(text) => serializer.serialize_str(text),
            AttributeValue::N(digits) => PlainNumber(digits).serialize(serializer),
            AttributeValue::Bool(value) => serializer.serialize_bool(*value),
            AttributeValue::Null(_) => serializer.serialize_unit(),
            AttributeValue::M(item) => PlainItem(item).serialize(serializer),
            AttributeValue::L(values) => serializer.collect_seq(values.iter().map(PlainValue)),
            AttributeValue::StringSet(values) | AttributeValue::BinarySet(values) => serializer.collect_seq(values),
            AttributeValue::NumberSet(values) => {
                serializer.collect_seq(values.iter().map(|digits| PlainNumber(digits)))
            }
        }
    }
}

struct PlainNumber<'a>(&'a str);

impl Serialize for PlainNumber<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Ok(integer) = self.0.parse::<i64>() {
            return serializer.serialize_i64(integer);
        }
        let is_number = self.0.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        match RawValue::from_string(self.0.to_owned()) {
            Ok(digits) if is_number => digits.serialize(serializer),
            // No engine writes numbers that are not numbers; if one did, the text is the honest answer.
            _ => serializer.serialize_str(self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_attribute_type_has_a_plain_form() {
        for (typed, plain) in [
            (r#"{"S":"text"}"#, r#""text""#),
            (r#"{"N":"0"}"#, "0"),
            (r#"{"N":"-7"}"#, "-7"),
            (r#"{"N":"1234.5"}"#, "1234.5"),
            (r#"{"N":"1E+40"}"#, "1E+40"),
            (r#"{"N":"9007199254740993"}"#, "9007199254740993"),
            (r#"{"N":"12345678901234567890123456789012345678"}"#, "12345678901234567890123456789012345678"),
            (r#"{"N":"NaN"}"#, r#""NaN""#),
            (r#"{"B":"Zm9vYmFy"}"#, r#""Zm9vYmFy""#),
            (r#"{"BOOL":false}"#, "false"),
            (r#"{"NULL":true}"#, "null"),
            (r#"{"M":{"a":{"L":[{"S":"x"},{"NULL":true}]},"b":{"N":"1"}}}"#, r#"{"a":["x",null],"b":1}"#),
            (r#"{"SS":["a","b"]}"#, r#"["a","b"]"#),
            (r#"{"NS":["1","2.5"]}"#, "[1,2.5]"),
            (r#"{"BS":["Zm8="]}"#, r#"["Zm8="]"#),
        ] {
            let value: AttributeValue = serde_json::from_str(typed).unwrap();
            assert_eq!(serde_json::to_string(&PlainValue(&value)).unwrap(), plain, "{typed}");
            assert_eq!(serde_json::to_string(&value).unwrap(), typed, "unchanged on the way through");
        }
    }

    #[test]
    fn rows_go_through_serde_and_back() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Row {
            entity_id: String,
            metric_value: f64,
            count: u64,
            tags: Vec<String>,
            unit: Option<String>,
        }
        let row =
            Row { entity_id: "cpu".into(), metric_value: 12.5, count: u64::MAX, tags: vec!["a".into()], unit: None };
        let item = Item::from_serde(&row).unwrap();
        assert_eq!(item.get("count"), Some(&AttributeValue::N(u64::MAX.to_string())));
        assert_eq!(item.text("entity_id"), Some("cpu"));
        assert_eq!(item.to_serde::<Row>().unwrap(), row);
    }

    #[test]
    fn only_objects_are_items() {
        assert!(Item::from_serde(&json!([1])).is_err());
        assert!(Item::from_serde(&json!({})).is_ok());
    }
}
