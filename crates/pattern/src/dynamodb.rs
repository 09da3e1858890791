//! What patterns cannot do on records of DynamoDB's streams.
//!
//! Attribute values are typed there, `{"N": "5"}`: numbers are strings, and the field of a value is the one below its
//! attribute. Patterns that overlook this are right, and never match.

use crate::Filter;
use crate::compile::{Alternative, compile};
use crate::test::Test;
use std::fmt;

/// A field that cannot be met, or cannot fail, on records of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Its steps joined by dots.
    pub path: String,
    trap: Trap,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trap {
    NumbersAreStrings,
    WithoutType,
    AbsentWithoutType,
}

impl Filter {
    /// In the order of the paths, each once.
    pub fn remarks_on_dynamodb(&self) -> Vec<Remark> {
        let alternatives = self.patterns().iter().filter_map(|pattern| compile(pattern).ok()).flatten();
        let mut remarks: Vec<Remark> = alternatives.flat_map(|alternative| remarks(&alternative)).collect();
        remarks.sort_by(|one, other| (&one.path, one.trap).cmp(&(&other.path, other.trap)));
        remarks.dedup();
        remarks
    }
}

fn remarks(alternative: &Alternative) -> Vec<Remark> {
    let trap = |(path, tests): (&String, &std::sync::Arc<[Test]>)| {
        let trap = trap(attribute(path)?, tests)?;
        Some(Remark { path: path.clone(), trap })
    };
    alternative.iter().filter_map(trap).collect()
}

/// The steps below an image or the keys.
fn attribute(path: &str) -> Option<Vec<&str>> {
    let mut steps = path.strip_prefix("dynamodb.")?.split('.');
    matches!(steps.next()?, "NewImage" | "OldImage" | "Keys").then(|| steps.collect())
}

fn trap(steps: Vec<&str>, tests: &[Test]) -> Option<Trap> {
    let is_typed = ends_in_a_type(&steps);
    let only_absence = tests.iter().all(|test| matches!(test, Test::Absent));
    match steps.last() {
        _ if !is_typed && only_absence => Some(Trap::AbsentWithoutType),
        _ if !is_typed && !tests.iter().any(|test| matches!(test, Test::Absent)) => Some(Trap::WithoutType),
        Some(&("N" | "NS" | "S" | "SS" | "B" | "BS")) if is_typed && tests.iter().all(Test::is_numeric) => {
            Some(Trap::NumbersAreStrings)
        }
        _ => None,
    }
}

/// `name.S`, `name.M.inner.N`, `name.L.S`.
fn ends_in_a_type(steps: &[&str]) -> bool {
    let Some((_attribute, mut rest)) = steps.split_first() else { return false };
    loop {
        rest = match rest {
            ["S" | "N" | "B" | "BOOL" | "NULL" | "SS" | "NS" | "BS"] => return true,
            // An element of a list is a typed value itself.
            ["L", rest @ ..] => rest,
            ["M", _attribute, rest @ ..] => rest,
            _ => return false,
        };
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match self.trap {
            Trap::NumbersAreStrings => write!(
                f,
                "`{path}` never matches, here and on AWS: it is compared with numbers, which are strings in records of \
                 DynamoDB; write them in quotes"
            ),
            Trap::WithoutType => write!(
                f,
                "`{path}` never matches, here and on AWS: values have a type in records of DynamoDB; write `{path}.S` \
                 or its like"
            ),
            Trap::AbsentWithoutType => write!(
                f,
                "`{path}` always matches, here and on AWS: `exists` looks at values, which have a type in records of \
                 DynamoDB; write `{path}.S` or its like"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traps_of_typed_values_are_told() {
        for (pattern, expected) in [
            (r#"{"eventName": ["INSERT"]}"#, None),
            (r#"{"dynamodb": {"NewImage": {"n": {"N": ["5"]}}}}"#, None),
            (r#"{"dynamodb": {"NewImage": {"n": {"N": [5]}}}}"#, Some(Trap::NumbersAreStrings)),
            (r#"{"dynamodb": {"NewImage": {"n": {"N": [{"numeric": [">", 5]}]}}}}"#, Some(Trap::NumbersAreStrings)),
            (r#"{"dynamodb": {"NewImage": {"n": {"N": [{"numeric": [">", 5]}, {"anything-but": "101"}]}}}}"#, None),
            (r#"{"dynamodb": {"NewImage": {"n": ["5"]}}}"#, Some(Trap::WithoutType)),
            (r#"{"dynamodb": {"NewImage": {"n": [{"exists": true}]}}}"#, Some(Trap::WithoutType)),
            (r#"{"dynamodb": {"NewImage": {"n": [{"exists": false}]}}}"#, Some(Trap::AbsentWithoutType)),
            (r#"{"dynamodb": {"NewImage": {"n": {"N": [{"exists": false}]}}}}"#, None),
            (r#"{"dynamodb": {"Keys": {"m": {"M": {"n": {"L": {"BOOL": [true]}}}}}}}"#, None),
            (r#"{"dynamodb": {"Keys": {"m": {"M": {"n": ["x"]}}}}}"#, Some(Trap::WithoutType)),
            (r#"{"dynamodb": {"ApproximateCreationDateTime": [{"numeric": [">", 0]}]}}"#, None),
            (r#"{"$or": [{"dynamodb": {"Keys": {"a": ["x"]}}}, {"eventName": ["x"]}]}"#, Some(Trap::WithoutType)),
        ] {
            let remarks = Filter::compile(&[pattern]).unwrap().remarks_on_dynamodb();
            assert_eq!(remarks.iter().map(|remark| remark.trap).next(), expected, "{pattern}");
        }
    }
}
