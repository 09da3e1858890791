//! How deep an expression may nest.
//!
//! The engine parses and evaluates expressions by recursion, and a stack that overflows takes the whole process with it. 4 KB,
//! which AWS allows for an expression, is room for two thousand parentheses.

use crate::refusal::Refusal;
use serde_json::Value;

/// AWS allows 300 operators in an expression, so nothing legal nests deeper.
pub(crate) const MAX_DEPTH: usize = 300;

/// Longer expressions are refused by the engine, unread and in AWS's words.
const MAX_BYTES: usize = 4096;

const EXPRESSIONS: [&str; 5] =
    ["ConditionExpression", "FilterExpression", "KeyConditionExpression", "ProjectionExpression", "UpdateExpression"];

/// Checks every expression of a request, those of a transaction's parts included.
pub(crate) fn check(request: &Value) -> Result<(), Refusal> {
    check_members(request)?;
    let parts = request["TransactItems"].as_array().into_iter().flatten();
    parts.filter_map(Value::as_object).flat_map(|part| part.values()).try_for_each(check_members)?;
    let tables = request["RequestItems"].as_object().into_iter().flatten();
    tables.map(|(_, keys)| keys).try_for_each(check_members)
}

fn check_members(members: &Value) -> Result<(), Refusal> {
    for name in EXPRESSIONS {
        let text = members.get(name).and_then(Value::as_str).filter(|text| text.len() <= MAX_BYTES);
        if text.is_some_and(|text| depth(text) > MAX_DEPTH) {
            return Err(Refusal::validation(format!(
                "Invalid {name}: The expression is nested too deeply; the maximum depth is {MAX_DEPTH}"
            )));
        }
    }
    Ok(())
}

/// An upper bound: parentheses open at the same time, and every `NOT`, each of which the parser may recurse for.
fn depth(expression: &str) -> usize {
    let (mut open, mut deepest) = (0usize, 0usize);
    for byte in expression.bytes() {
        match byte {
            b'(' => {
                open += 1;
                deepest = deepest.max(open);
            }
            b')' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    let words = expression.split(|character: char| !character.is_ascii_alphanumeric());
    deepest + words.filter(|word| word.eq_ignore_ascii_case("not")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_what_the_parser_recurses_for() {
        for (expression, expected) in [
            ("a = :a", 0),
            ("(a = :a) AND (b = :b)", 1),
            ("attribute_exists(a) AND (NOT (b = :b))", 3),
            ("not notable", 1),
            (")))(", 1),
        ] {
            assert_eq!(depth(expression), expected, "{expression}");
        }
        assert_eq!(depth(&"(".repeat(2000)), 2000);
        assert_eq!(depth(&"NOT ".repeat(1000)), 1000);
    }
}
