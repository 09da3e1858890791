//! Attributes of messages, and the digests that SDKs compare with their own.

use crate::limits::MESSAGE_ATTRIBUTES;
use crate::refusal::{INVALID_VALUE, Refusal};
use crate::request::Request;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The names and types a message may have are AWS's.
const NAME_CHARS: usize = 256;

/// By name. The digest is over the names in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageAttributes(BTreeMap<String, Attribute>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attribute {
    /// `String`, `Number` or `Binary`, and maybe a dot and a word of the sender's own.
    pub(crate) data_type: String,
    pub(crate) content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Text(String),
    Binary(Vec<u8>),
}

/// In digests.
const TEXT: u8 = 1;
const BINARY: u8 = 2;

impl MessageAttributes {
    /// `{name: {DataType, StringValue | BinaryValue}}`
    pub(crate) fn parse(written: &Map<String, Value>) -> Result<Self, Refusal> {
        let refused = |reason: String| Refusal::new(&INVALID_VALUE, reason);
        if written.len() > MESSAGE_ATTRIBUTES {
            let message = format!(
                "Number of message attributes [{}] exceeds the allowed maximum [{MESSAGE_ATTRIBUTES}].",
                written.len()
            );
            return Err(refused(message));
        }
        let mut attributes = BTreeMap::new();
        for (name, value) in written {
            let complain = |what: &str| refused(format!("The message attribute '{name}' {what}."));
            check_name(name).map_err(refused)?;
            let value = value.as_object().ok_or_else(|| complain("is no structure"))?;
            attributes.insert(name.clone(), attribute(Request(value)).map_err(|what| complain(&what))?);
        }
        Ok(Self(attributes))
    }

    /// A text that AWS has a name for; digests of those are made the same way.
    pub(crate) fn of_system(name: &str, text: &str) -> Self {
        let attribute = Attribute { data_type: "String".to_owned(), content: Content::Text(text.to_owned()) };
        Self(BTreeMap::from([(name.to_owned(), attribute)]))
    }

    /// What [`to_json`](Self::to_json) made.
    pub(crate) fn stored(text: &str) -> Self {
        let written: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
        Self::parse(&written).unwrap_or_default()
    }

    /// `{name: {DataType, StringValue | BinaryValue}}`
    pub fn to_json(&self) -> Value {
        let each = self.0.iter().map(|(name, attribute)| {
            let value = match &attribute.content {
                Content::Text(text) => json!({ "DataType": attribute.data_type, "StringValue": text }),
                Content::Binary(bytes) => {
                    json!({ "DataType": attribute.data_type, "BinaryValue": STANDARD.encode(bytes) })
                }
            };
            (name.clone(), value)
        });
        Value::Object(each.collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Attribute)> {
        self.0.iter()
    }

    /// What counts towards the size of a message.
    pub(crate) fn bytes(&self) -> usize {
        let content = |content: &Content| match content {
            Content::Text(text) => text.len(),
            Content::Binary(bytes) => bytes.len(),
        };
        self.0.iter().map(|(name, one)| name.len() + one.data_type.len() + content(&one.content)).sum()
    }

    /// Those that a receiver asks for: names, `All`, `.*`, and beginnings with `.*` behind them.
    pub(crate) fn asked(&self, names: &[&str]) -> Self {
        let is_asked = |name: &str| {
            names.iter().any(|asked| match asked.strip_suffix(".*") {
                Some(beginning) => {
                    beginning.is_empty() || name == beginning || name.starts_with(&format!("{beginning}."))
                }
                None => *asked == "All" || *asked == name,
            })
        };
        let kept = self.0.iter().filter(|(name, _)| is_asked(name)).map(|(name, one)| (name.clone(), one.clone()));
        Self(kept.collect())
    }

    /// What SDKs compare with their own. `None` without attributes: there is no digest then.
    pub fn digest(&self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let mut digested = Vec::new();
        let mut write = |bytes: &[u8], kind: Option<u8>| {
            digested.extend(kind);
            digested.extend((bytes.len() as u32).to_be_bytes());
            digested.extend(bytes);
        };
        for (name, attribute) in &self.0 {
            write(name.as_bytes(), None);
            write(attribute.data_type.as_bytes(), None);
            match &attribute.content {
                Content::Text(text) => write(text.as_bytes(), Some(TEXT)),
                Content::Binary(bytes) => write(bytes, Some(BINARY)),
            }
        }
        Some(digest(&digested))
    }
}

/// MD5, in hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("{:x}", md5::compute(bytes))
}

fn check_name(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let lower = name.to_ascii_lowercase();
    let is_reserved = lower.starts_with("aws.") || lower.starts_with("amazon.");
    let dotted = name.starts_with('.') || name.ends_with('.') || name.contains("..");
    if name.is_empty() || name.len() > NAME_CHARS || !name.chars().all(fits) || dotted || is_reserved {
        return Err(format!(
            "The message attribute name '{name}' is invalid: use up to {NAME_CHARS} letters, digits, hyphens, underscores and \
             single dots, and do not begin with AWS. or Amazon."
        ));
    }
    Ok(())
}

fn attribute(value: Request<'_>) -> Result<Attribute, String> {
    let text = |name| value.text(name).map_err(|refusal| format!("is wrong: {}", refusal.message));
    for list in ["StringListValues", "BinaryListValues"] {
        if value.list(list).is_ok_and(|items| !items.is_empty()) {
            return Err("has a list of values, which AWS does not take either".to_owned());
        }
    }
    let data_type = text("DataType")?.filter(|text| !text.is_empty());
    let data_type = data_type.ok_or("must contain a non-empty message attribute type")?;
    if data_type.len() > NAME_CHARS {
        return Err(format!("has a type of more than {NAME_CHARS} characters"));
    }
    let content = match data_type.split_once('.').map_or(data_type, |(base, _)| base) {
        base @ ("String" | "Number") => {
            let text = text("StringValue")?.filter(|text| !text.is_empty());
            let text = text.ok_or_else(|| format!("must contain a non-empty value of type '{base}'"))?;
            if base == "Number" && text.trim().parse::<f64>().is_err() {
                return Err("can't cast its value to a number".to_owned());
            }
            Content::Text(text.to_owned())
        }
        "Binary" => {
            let text = text("BinaryValue")?.filter(|text| !text.is_empty());
            let text = text.ok_or("must contain a non-empty value of type 'Binary'")?;
            Content::Binary(STANDARD.decode(text).map_err(|_| "has a binary value that is no Base64")?)
        }
        other => {
            return Err(format!(
                "has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String, \
                 and it is '{other}'"
            ));
        }
    };
    Ok(Attribute { data_type: data_type.to_owned(), content })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(written: &Value) -> Result<MessageAttributes, Refusal> {
        MessageAttributes::parse(written.as_object().unwrap())
    }

    /// Digests that botocore and the service agree on.
    #[test]
    fn digests_are_those_of_aws() {
        assert_eq!(digest(b"This is a test message"), "fafb00f5732ab283681e124bf8747ed1");
        let attributes = json!({
            "test_attribute_name_1": {"DataType": "String", "StringValue": "test_attribute_value_1"},
        });
        let mut bytes = Vec::new();
        for part in ["test_attribute_name_1", "String"] {
            bytes.extend((part.len() as u32).to_be_bytes());
            bytes.extend(part.as_bytes());
        }
        bytes.push(1);
        bytes.extend(22u32.to_be_bytes());
        bytes.extend(b"test_attribute_value_1");
        assert_eq!(parse(&attributes).unwrap().digest(), Some(digest(&bytes)));
        assert_eq!(MessageAttributes::default().digest(), None);
    }

    #[test]
    fn what_is_kept_is_what_was_sent() {
        let written = json!({
            "text": {"DataType": "String.mine", "StringValue": "ä"},
            "number": {"DataType": "Number", "StringValue": "1.5e3"},
            "bytes": {"DataType": "Binary", "BinaryValue": "AAEC"},
        });
        let attributes = parse(&written).unwrap();
        assert_eq!(attributes.to_json(), written);
        assert_eq!(MessageAttributes::stored(&written.to_string()), attributes);
        assert_eq!(attributes.bytes(), 4 + 11 + 2 + 6 + 6 + 5 + 5 + 6 + 3);
    }

    #[test]
    fn attributes_are_refused_as_aws_refuses_them() {
        let text = |value: &str| json!({"DataType": "String", "StringValue": value});
        for (name, value, expected) in [
            ("a", text(""), "non-empty value of type 'String'"),
            ("a", json!({"StringValue": "b"}), "non-empty message attribute type"),
            ("a", json!({"DataType": "Text", "StringValue": "b"}), "supported type prefixes"),
            ("a", json!({"DataType": "Number", "StringValue": "b"}), "can't cast"),
            ("a", json!({"DataType": "Binary", "BinaryValue": "?"}), "no Base64"),
            ("a", json!("b"), "is no structure"),
            ("AWS.a", text("b"), "name 'AWS.a' is invalid"),
            ("a..b", text("b"), "name 'a..b' is invalid"),
            ("a b", text("b"), "name 'a b' is invalid"),
        ] {
            let refusal = parse(&json!({ name: value })).unwrap_err();
            assert!(refusal.message.contains(expected), "{name} {refusal}");
        }
        let many: Map<String, Value> = (0..11).map(|n| (format!("a{n}"), text("b"))).collect();
        let refusal = MessageAttributes::parse(&many).unwrap_err();
        assert_eq!(refusal.message, "Number of message attributes [11] exceeds the allowed maximum [10].");
    }

    #[test]
    fn receivers_get_the_attributes_they_ask_for() {
        let one = json!({"DataType": "String", "StringValue": "v"});
        let attributes = parse(&json!({"a.b": one, "a.c": one, "ab": one})).unwrap();
        for (asked, expected) in
            [(&["All"][..], 3), (&[".*"], 3), (&["a.*"], 2), (&["ab", "a.b"], 2), (&["x"], 0), (&[], 0)]
        {
            assert_eq!(attributes.asked(asked).len(), expected, "{asked:?}");
        }
    }
}
