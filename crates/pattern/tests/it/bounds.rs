//! Hostile patterns and events: refused, or done in time.

use sluicegate_pattern::{Filter, limits};
use std::time::{Duration, Instant};

/// Generous: what is bounded takes milliseconds, what is not takes minutes.
const SOON: Duration = Duration::from_secs(20);

#[test]
fn patterns_beyond_the_limits_are_refused() {
    let or = r#""$or":[{"a":[1]},{"b":[1]}]"#;
    let deep = |depth: usize| format!("{}[1]{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    let long = |length: usize| format!(r#"{{"a":["{}"]}}"#, "x".repeat(length - r#"{"a":[""]}"#.len()));
    for (pattern, expected) in [
        (format!("{{{}}}", [or; 9].join(",")), None),
        (format!("{{{}}}", [or; 10].join(",")), Some("more than 1000 combinations")),
        (format!("{{{}}}", [or; 130].join(",")), Some("more than 1000 combinations")),
        (deep(limits::DEPTH), None),
        (deep(600), Some("at most 100 objects deep")),
        (long(limits::PATTERN_CHARS), None),
        (long(limits::PATTERN_CHARS + 1), Some("has 4097 characters; at most 4096 are taken")),
        (r#"{"a": [{"wildcard": "*a*a*a*a*a*"}]}"#.to_owned(), Some("too complex: it has 6 `*`")),
    ] {
        let started = Instant::now();
        let told = Filter::compile(&[&pattern]).err().map(|error| error.to_string());
        match (expected, &told) {
            (None, None) => {}
            (Some(expected), Some(told)) if told.contains(expected) => {}
            _ => panic!("{told:?} instead of {expected:?}"),
        }
        assert!(started.elapsed() < SOON);
    }
    let many = ["{\"a\": [1]}"; limits::PATTERNS + 1];
    assert_eq!(Filter::compile(&many).err().unwrap().to_string(), "there are 6 patterns; a filter has at most 5");
}

#[test]
fn matching_ends_soon_whatever_the_event() {
    // Each array could be combined with each other.
    let arrays: Vec<String> =
        (0..8).map(|array| format!(r#""x{array}":[{}]"#, [r#"{"a":1,"b":1}"#; 2_000].join(","))).collect();
    let independent = format!("{{{}}}", arrays.join(","));
    let fields: Vec<String> = (0..8).map(|array| format!(r#""x{array}":{{"a":[1],"b":[1]}}"#)).collect();
    let never = format!(r#"{{{},"z":{{"a":[2]}}}}"#, fields.join(","));
    let one_array = format!(r#"{{"x":[{}]}}"#, [r#"{"a":1},{"b":1}"#; 20_000].join(","));
    let letters = format!(r#"{{"a":"{}"}}"#, "a".repeat(400_000));
    for (pattern, event) in [
        (never.as_str(), independent.as_str()),
        (r#"{"x":{"a":[1],"b":[1]}}"#, &one_array),
        (r#"{"a":[{"wildcard":"*aaaaaaaaaaaaaaaab*aaaaaaaaaaaab*a*c"}]}"#, &letters),
    ] {
        let filter = Filter::compile(&[pattern]).unwrap();
        let started = Instant::now();
        let _ = filter.matches(event).unwrap();
        assert!(started.elapsed() < SOON, "{pattern}: {:?}", started.elapsed());
    }
}

#[test]
fn depth_of_an_event_is_no_danger() {
    let filter = Filter::compile(&[r#"{"a": {"a": ["x"]}, "b": ["x"]}"#]).unwrap();
    let deep = |field: &str| format!(r#"{{"{field}": {}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    // Skipped, or refused; never a stack that runs over.
    assert!(!filter.matches(&deep("other")).unwrap());
    for field in ["a", "b"] {
        let _ = filter.matches(&deep(field));
    }
}
