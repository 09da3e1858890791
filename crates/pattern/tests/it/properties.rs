//! What holds for every pattern and event.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use sluicegate_pattern::Filter;

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..4i64).prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()).prop_map(Value::from),
        "[a-c*\\\\ß\"]{0,3}".prop_map(Value::from),
        "([0-9]{1,3}\\.){3}[0-9]{1,3}".prop_map(Value::from),
    ]
}

fn name() -> impl Strategy<Value = String> {
    "[a-c]|[ab]\\.[ab]|\\$or"
}

fn event() -> impl Strategy<Value = Value> {
    let value = leaf().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name(), inner, 0..4).prop_map(|fields| fields.into_iter().collect()),
        ]
    });
    prop::collection::btree_map(name(), value, 0..4).prop_map(|fields| fields.into_iter().collect())
}

/// A pattern that asks of every field what the event has there.
fn exact(event: &Map<String, Value>) -> Value {
    let tests = |value: &Value| match value {
        Value::Object(fields) => exact(fields),
        Value::Array(elements) if elements.is_empty() => json!([{ "exists": false }]),
        Value::Array(elements) => Value::from(elements.clone()),
        leaf => json!([leaf]),
    };
    event.iter().map(|(name, value)| (name.clone(), tests(value))).collect()
}

/// Fields of objects in objects; arrays only of values.
fn plain_event() -> impl Strategy<Value = Value> {
    let field = prop_oneof![leaf(), prop::collection::vec(leaf(), 0..4).prop_map(Value::from)];
    let object = field.prop_recursive(3, 16, 4, |inner| {
        prop::collection::btree_map("[a-c]", inner, 1..4).prop_map(|fields| fields.into_iter().collect())
    });
    prop::collection::btree_map("[a-c]", object, 1..4).prop_map(|fields| fields.into_iter().collect())
}

fn matches(pattern: &Value, event: &Value) -> bool {
    Filter::compile(&[pattern.to_string()]).unwrap().matches(&event.to_string()).unwrap()
}

proptest! {
    #[test]
    fn any_text_compiles_or_is_refused(pattern in "\\PC{0,60}", event in event()) {
        if let Ok(filter) = Filter::compile(&[pattern]) {
            let _ = filter.matches(&event.to_string());
        }
    }

    #[test]
    fn any_json_compiles_or_is_refused(pattern in event(), event in event()) {
        if let Ok(filter) = Filter::compile(&[pattern.to_string()]) {
            filter.matches(&event.to_string()).unwrap();
        }
    }

    #[test]
    fn an_event_matches_what_it_is(event in plain_event()) {
        prop_assert!(matches(&exact(event.as_object().unwrap()), &event));
    }

    #[test]
    fn a_value_is_or_is_not(value in leaf(), other in leaf()) {
        let event = json!({ "a": value });
        if other.is_string() || (other.is_number() && value.is_string()) {
            let equal = matches(&json!({ "a": [{ "anything-but": other }] }), &event);
            let same = value == other;
            prop_assert_ne!(equal, same);
        }
        prop_assert_ne!(
            matches(&json!({ "a": [{ "exists": true }] }), &event),
            matches(&json!({ "a": [{ "exists": false }] }), &event)
        );
    }

    #[test]
    fn ranges_are_told_by_comparing(value in -5.0..5.0f64, least in -5..5i32, width in 1..5i32) {
        let most = least + width;
        let pattern = json!({ "a": [{ "numeric": [">=", least, "<", most] }] });
        let expected = value >= f64::from(least) && value < f64::from(most);
        prop_assert_eq!(matches(&pattern, &json!({ "a": value })), expected);
    }

    #[test]
    fn parts_of_a_text_are_found(text in "[a-cß]{0,8}", other in "[a-cß]{0,3}") {
        let event = json!({ "a": text });
        let test = |test: Value| matches(&json!({ "a": [test] }), &event);
        prop_assert_eq!(test(json!({ "prefix": other })), text.starts_with(&other));
        prop_assert_eq!(test(json!({ "suffix": other })), text.ends_with(&other));
        prop_assert_eq!(test(json!({ "wildcard": format!("{other}*") })), text.starts_with(&other));
        prop_assert_eq!(test(json!({ "wildcard": format!("*{other}") })), text.ends_with(&other));
        if !other.is_empty() {
            prop_assert_eq!(test(json!({ "wildcard": format!("*{other}*") })), text.contains(&other));
        }
        let shouted = test(json!({ "equals-ignore-case": text.to_uppercase() }));
        prop_assert!(shouted || text.contains('ß'));
    }

    #[test]
    fn alternatives_are_alternatives(one in plain_event(), other in plain_event(), event in plain_event()) {
        let (one, other) = (exact(one.as_object().unwrap()), exact(other.as_object().unwrap()));
        let either = matches(&one, &event) || matches(&other, &event);
        prop_assert_eq!(matches(&json!({ "$or": [one, other] }), &event), either);
        let filter = Filter::compile(&[one.to_string(), other.to_string()]).unwrap();
        prop_assert_eq!(filter.matches(&event.to_string()).unwrap(), either);
    }
}
