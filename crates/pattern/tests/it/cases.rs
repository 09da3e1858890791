//! What patterns match, case by case.
//!
//! `cases.jsonl` holds a case a line: `pattern` (an object, or the text of one), `event` where there is one, and `expect`. Most
//! were derived from the tests of aws/event-ruler and from recordings on AWS that LocalStack validates its own with, both
//! under the Apache License 2.0; see the NOTICE beside them.

use serde_json::Value;
use sluicegate_pattern::Filter;
use std::fmt::Write;

fn run(pattern: &str, event: Option<&str>) -> String {
    match (Filter::compile(&[pattern]), event) {
        (Err(_), _) => "refused".to_owned(),
        (Ok(_), None) => "accepted".to_owned(),
        (Ok(filter), Some(event)) => match filter.matches(event) {
            Ok(true) => "match".to_owned(),
            Ok(false) => "no match".to_owned(),
            Err(error) => error.to_string(),
        },
    }
}

/// The text of a pattern or event: the text that a string holds, otherwise as it stands.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn patterns_match_what_they_match_on_aws() {
    let mut told = String::new();
    let mut count = 0;
    for (line, case) in include_str!("cases.jsonl").lines().enumerate() {
        let case: Value = serde_json::from_str(case).unwrap();
        let event = case.get("event").map(text);
        let (expected, got) = (case["expect"].as_str().unwrap(), run(&text(&case["pattern"]), event.as_deref()));
        if got != expected {
            writeln!(told, "line {}: {got} instead of {expected}: {case}", line + 1).unwrap();
        }
        count += 1;
    }
    assert!(told.is_empty(), "{told}");
    assert!(count > 200, "only {count} cases");
}

#[test]
fn a_refusal_names_its_place() {
    for (pattern, expected) in [
        ("{", "It is not JSON: EOF while parsing an object (line 1, column 1)"),
        (r#""INSERT""#, "A pattern is a JSON object (line 1, column 1)"),
        (
            r#"{"eventName": "INSERT"}"#,
            "The value of a field is an object or an array (line 1, column 15, in `eventName`",
        ),
        (
            "{\n \"dynamodb\": {\n  \"Keys\": {\"k\": {\"S\": [{\"begins\": \"x\"}]}}}}",
            "There is no operator `begins` (line 3, column 24, in `dynamodb.Keys.k.S`",
        ),
        (r#"{"é": [{"numeric": [">", "5"]}]}"#, "`\"5\"` is no number (line 1, column 26, in `é`"),
        (r#"{"a": []}"#, "An array of a pattern has at least one test (line 1, column 7, in `a`"),
        (r#"{"$or": [{"a": [1]}]}"#, "`$or` has at least two objects (line 1, column 9)"),
    ] {
        let told = Filter::compile(&["{\"a\": [1]}", pattern]).err().unwrap().to_string();
        let expected = format!("pattern 2: Invalid filter pattern definition. {expected}");
        let expected = if expected.ends_with(')') { expected } else { expected + ")" };
        assert_eq!(told, expected);
    }
}

#[test]
fn one_pattern_of_a_filter_is_enough() {
    let filter = Filter::compile(&[r#"{"a": [1]}"#, r#"{"b": [2]}"#]).unwrap();
    for (event, expected) in [(r#"{"b": 2}"#, true), (r#"{"a": 1, "b": 3}"#, true), (r#"{"a": 2, "b": 1}"#, false)] {
        assert_eq!(filter.matches(event).unwrap(), expected, "{event}");
    }
    assert!(!Filter::compile::<&str>(&[]).unwrap().matches("{}").unwrap());
}

#[test]
fn what_is_no_object_is_no_event() {
    let filter = Filter::compile(&[r#"{"a": [1]}"#]).unwrap();
    for event in ["", "5", "[]", r#"{"a": 1"#, r#"{"a": 1} x"#] {
        assert!(filter.matches(event).is_err(), "{event}");
    }
}

/// The shape of records of DynamoDB's streams, and what of it misleads.
#[test]
fn records_of_streams_are_matched_as_on_aws() {
    let record = |name: &str, image: &str| {
        format!(
            r#"{{"eventName": "{name}", "dynamodb": {{"ApproximateCreationDateTime": 1790000000.0, "NewImage": {image}}}}}"#
        )
    };
    let image = |test: &str| format!(r#"{{"dynamodb": {{"NewImage": {{"k": {test}}}}}}}"#);
    for (pattern, image_written, expected) in [
        (r#"{"eventName": ["INSERT"]}"#.to_owned(), "{}", true),
        (r#"{"eventName": ["MODIFY"]}"#.to_owned(), "{}", false),
        (image(r#"{"S": ["v"]}"#), r#"{"k": {"S": "v"}}"#, true),
        (image(r#"["v"]"#), r#"{"k": {"S": "v"}}"#, false),
        (image(r#"{"S": [{"exists": true}]}"#), r#"{"k": {"S": "v"}}"#, true),
        (image(r#"{"S": [{"exists": true}]}"#), r#"{"other": {"S": "v"}}"#, false),
        (image(r#"[{"exists": true}]"#), r#"{"k": {"S": "v"}}"#, false),
        (image(r#"[{"exists": false}]"#), r#"{"k": {"S": "v"}}"#, true),
        (image(r#"[{"exists": false}]"#), "{}", true),
        (image(r#"{"S": [{"exists": false}]}"#), r#"{"k": {"N": "1"}}"#, true),
        (image(r#"{"S": [{"exists": false}]}"#), r#"{"k": {"S": "v"}}"#, false),
        (image(r#"{"N": [{"numeric": [">", 100]}]}"#), r#"{"k": {"N": "101"}}"#, false),
        (image(r#"{"N": [{"numeric": [">", 100]}, {"anything-but": "101"}]}"#), r#"{"k": {"N": "42"}}"#, true),
        (image(r#"{"N": [{"numeric": [">", 100]}, {"anything-but": "101"}]}"#), r#"{"k": {"N": "101"}}"#, false),
        (image(r#"{"S": [{"prefix": "us-"}]}"#), r#"{"k": {"S": "us-1"}}"#, true),
        (image(r#"{"S": [{"prefix": "us-"}]}"#), r#"{"k": {"S": "eu-1"}}"#, false),
        (image(r#"{"S": [""]}"#), r#"{"k": {"S": ""}}"#, true),
        (image(r#"{"BOOL": [true]}"#), r#"{"k": {"BOOL": true}}"#, true),
        (image(r#"{"SS": ["a"]}"#), r#"{"k": {"SS": ["b", "a"]}}"#, true),
        (image(r#"{"SS": ["a"]}"#), r#"{"k": {"SS": ["b"]}}"#, false),
        (image(r#"{"L": {"S": ["a"], "N": ["1"]}}"#), r#"{"k": {"L": [{"S": "a"}, {"N": "1"}]}}"#, false),
        (r#"{"dynamodb": {"ApproximateCreationDateTime": [{"numeric": [">", 0]}]}}"#.to_owned(), "{}", true),
        (
            r#"{"eventName": ["INSERT"], "$or": [{"x": ["1"]}, {"dynamodb": {"NewImage": {"k": {"S": ["v"]}}}}]}"#
                .to_owned(),
            r#"{"k": {"S": "v"}}"#,
            true,
        ),
    ] {
        let filter = Filter::compile(&[&pattern]).unwrap();
        let record = record("INSERT", image_written);
        assert_eq!(filter.matches(&record).unwrap(), expected, "{pattern} {record}");
    }
}
