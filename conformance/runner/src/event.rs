//! Whether an event is what a case expects, to the order of its keys.

use crate::case::{EventCheck, TypedEvent};
use crate::names::{Names, shorten};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;

/// Compares `payload`, an event as a function got it, and names what the case wants named.
pub fn check(check: &EventCheck, payload: &[u8], names: &mut Names) -> Result<(), String> {
    let event: Value = serde_json::from_slice(payload).map_err(|error| format!("the event is no JSON: {error}"))?;
    if let Some(expected) = &check.has {
        contains(&event, &names.fill_json(expected)?, "")?;
    }
    for pointer in &check.lacks {
        if let Some(found) = event.pointer(pointer) {
            return Err(format!("{pointer} should not be there; it is {found}"));
        }
    }
    for (pointer, expected) in &check.keys {
        let found = keys_in_order(payload, pointer)?;
        if found != *expected {
            return Err(format!("the keys of `{pointer}` are {found:?}, expected {expected:?}"));
        }
    }
    for (pointer, name) in &check.save {
        names.set(name, text_at(&event, pointer)?);
    }
    for (pointer, pattern) in &check.like {
        names.matches_pattern(pattern, &text_at(&event, pointer)?).map_err(|error| format!("{pointer}: {error}"))?;
    }
    for (pointer, name) in &check.differs {
        if text_at(&event, pointer)? == names.get(name)? {
            return Err(format!("{pointer} is the same as {name}"));
        }
    }
    match check.reads_as {
        Some(TypedEvent::AwsLambdaEvents) => reads_as_aws_lambda_event(payload),
        None => Ok(()),
    }
}

/// Whether `found` has at least what `expected` has.
fn contains(found: &Value, expected: &Value, place: &str) -> Result<(), String> {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => expected.iter().try_for_each(|(name, expected)| {
            let place = format!("{place}/{name}");
            match found.get(name) {
                Some(found) => contains(found, expected, &place),
                None => Err(format!("{place} is missing; expected {expected}")),
            }
        }),
        _ if found == expected => Ok(()),
        _ => Err(format!("{place} is {}, expected {expected}", shorten(&found.to_string()))),
    }
}

fn text_at(event: &Value, pointer: &str) -> Result<String, String> {
    match event.pointer(pointer) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Ok(other.to_string()),
        None => Err(format!("{pointer} is missing")),
    }
}

fn reads_as_aws_lambda_event(payload: &[u8]) -> Result<(), String> {
    use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
    serde_json::from_slice::<ApiGatewayWebsocketProxyRequest>(payload)
        .map(drop)
        .map_err(|error| format!("aws_lambda_events cannot read the event: {error}"))
}

/// The keys of the object at a pointer, as the bytes have them.
fn keys_in_order(payload: &[u8], pointer: &str) -> Result<Vec<String>, String> {
    let mut raw: &RawValue = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
    for name in pointer.split('/').skip(1) {
        let members: Members<'_> = serde_json::from_str(raw.get()).map_err(|error| format!("{pointer}: {error}"))?;
        let member = members.0.into_iter().find(|(known, _)| known == name);
        raw = member.ok_or_else(|| format!("{pointer} is missing"))?.1;
    }
    let members: Members<'_> = serde_json::from_str(raw.get()).map_err(|error| format!("{pointer}: {error}"))?;
    Ok(members.0.into_iter().map(|(name, _)| name).collect())
}

/// An object whose members keep their order.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Ordered;
        impl<'de> Visitor<'de> for Ordered {
            type Value = Members<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Ordered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn objects_contain_what_is_expected_and_more() {
        let found = json!({"a": {"b": 1, "c": [1]}, "d": null});
        for (expected, contained) in [
            (json!({}), true),
            (json!({"a": {"b": 1}}), true),
            (json!({"a": {"b": "1"}}), false),
            (json!({"a": {"c": [1]}}), true),
            (json!({"a": {"c": []}}), false),
            (json!({"x": null}), false),
        ] {
            assert_eq!(contains(&found, &expected, "").is_ok(), contained, "{expected}");
        }
    }

    #[test]
    fn keys_keep_their_order() {
        assert_eq!(keys_in_order(br#"{"b":{"y":1,"x":2},"a":1}"#, "").unwrap(), ["b", "a"]);
        assert_eq!(keys_in_order(br#"{"b":{"y":1,"x":2},"a":1}"#, "/b").unwrap(), ["y", "x"]);
    }
}
