//! Selection expressions: `$request.body.action`, `${request.body.a}/${request.body.b}`, `\$default`, plain text.
//!
//! One pass over the text, no recursion into results. Source: the WebSocket API page on selection expressions.

use serde_json::Value;
use std::borrow::Cow;

/// A parsed expression; evaluates to a route key.
#[derive(Clone, Debug)]
pub struct SelectionExpression(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Body(Vec<Step>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(usize),
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    #[error("it is empty; the usual one is `$request.body.action`")]
    Empty,
    #[error("`${{` at character {0} is never closed; add the missing `}}`")]
    Unclosed(usize),
    #[error("`{0}` is no variable of a WebSocket message; use `request.body.` and a path")]
    UnknownVariable(String),
    #[error("`{0}` is no path; write names and `[index]` separated by dots")]
    BadPath(String),
}

impl SelectionExpression {
    /// An expression that always yields `key`.
    pub fn fixed(key: &str) -> Self {
        Self(vec![Part::Literal(key.to_owned())])
    }

    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        if text.is_empty() {
            return Err(ExpressionError::Empty);
        }
        let (mut parts, mut literal, mut at) = (Vec::new(), String::new(), 0);
        while let Some(next) = text[at..].chars().next() {
            let rest = &text[at..];
            let (variable, length) = if rest.starts_with("\\$") {
                literal.push('$');
                at += 2;
                continue;
            } else if let Some(inner) = rest.strip_prefix("${") {
                let end = inner.find('}').ok_or(ExpressionError::Unclosed(at + 1))?;
                (&inner[..end], end + 3)
            } else if let Some(inner) = rest.strip_prefix('$') {
                let end = inner.find(|c: char| !is_bare(c)).unwrap_or(inner.len());
                (&inner[..end], end + 1)
            } else {
                literal.push(next);
                at += next.len_utf8();
                continue;
            };
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Body(parse_variable(variable)?));
            at += length;
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self(parts))
    }

    /// The key for a message; `None` when the message is not JSON and its content was asked for.
    pub fn evaluate(&self, message: &str) -> Option<String> {
        if let [Part::Literal(text)] = self.0.as_slice() {
            return Some(text.clone());
        }
        let body: Value = serde_json::from_str(message).ok()?;
        let text = |part: &Part| match part {
            Part::Literal(text) => text.clone(),
            Part::Body(path) => find(&body, path).map(|value| stringified(value).into_owned()).unwrap_or_default(),
        };
        Some(self.0.iter().map(text).collect())
    }
}

/// Characters of a variable written without braces.
fn is_bare(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '[' | ']' | '\'' | '"')
}

fn parse_variable(variable: &str) -> Result<Vec<Step>, ExpressionError> {
    match variable.strip_prefix("request.body") {
        Some(path) if path.starts_with(['.', '[']) => parse_path(path),
        _ => Err(ExpressionError::UnknownVariable(variable.to_owned())),
    }
}

fn parse_path(path: &str) -> Result<Vec<Step>, ExpressionError> {
    let bad = || ExpressionError::BadPath(path.to_owned());
    let (mut steps, mut rest) = (Vec::new(), path);
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (index, after) = inner.split_once(']').ok_or_else(bad)?;
            let name = index.strip_prefix('\'').and_then(|name| name.strip_suffix('\''));
            let name = name.or_else(|| index.strip_prefix('"').and_then(|name| name.strip_suffix('"')));
            steps.push(match name {
                Some(name) => Step::Member(name.to_owned()),
                None => Step::Element(index.parse().map_err(|_| bad())?),
            });
            rest = after;
        } else {
            let inner = rest.strip_prefix('.').ok_or_else(bad)?;
            let end = inner.find(['.', '[']).unwrap_or(inner.len());
            if end == 0 {
                return Err(bad());
            }
            steps.push(Step::Member(inner[..end].to_owned()));
            rest = &inner[end..];
        }
    }
    Ok(steps)
}

fn find<'a>(body: &'a Value, path: &[Step]) -> Option<&'a Value> {
    path.iter().try_fold(body, |value, step| match step {
        Step::Member(name) => value.get(name),
        Step::Element(index) => value.get(index),
    })
}

/// Arrays come out as `[one, two]`; JSON null counts as not found.
fn stringified(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => Cow::Borrowed(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(stringified).collect();
            Cow::Owned(format!("[{}]", items.join(", ")))
        }
        other => Cow::Owned(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_evaluate_as_documented() {
        let message =
            r#"{"service":"chat","action":"join","data":{"room":"room1234","n":[1,"b",true]},"none":null,"v":1}"#;
        for (expression, key) in [
            ("$request.body.action", "join"),
            ("${request.body.action}", "join"),
            ("${request.body.service}/${request.body.action}", "chat/join"),
            ("${request.body.action}-${request.body.invalidPath}", "join-"),
            ("action", "action"),
            (r"\$default", "$default"),
            ("$request.body.data.room", "room1234"),
            ("$request.body.data.n", "[1, b, true]"),
            ("$request.body.data.n[1]", "b"),
            ("${request.body['data']['room']}", "room1234"),
            ("$request.body.v", "1"),
            ("x$request.body.none", "x"),
            ("$request.body.action.deeper", ""),
        ] {
            let parsed = SelectionExpression::parse(expression).unwrap();
            assert_eq!(parsed.evaluate(message).as_deref(), Some(key), "{expression}");
        }
    }

    #[test]
    fn a_message_that_is_not_json_has_no_key_unless_the_key_is_fixed() {
        assert_eq!(SelectionExpression::parse("$request.body.action").unwrap().evaluate("hello"), None);
        assert_eq!(SelectionExpression::parse("action").unwrap().evaluate("hello").as_deref(), Some("action"));
    }

    #[test]
    fn what_does_not_parse_says_why() {
        for (expression, problem) in [
            ("", ExpressionError::Empty),
            ("a${request.body.x", ExpressionError::Unclosed(2)),
            ("$request.header.x", ExpressionError::UnknownVariable("request.header.x".to_owned())),
            ("$request.body", ExpressionError::UnknownVariable("request.body".to_owned())),
            ("${request.body.a..b}", ExpressionError::BadPath(".a..b".to_owned())),
            ("${request.body.a[x]}", ExpressionError::BadPath(".a[x]".to_owned())),
        ] {
            assert_eq!(SelectionExpression::parse(expression).err(), Some(problem), "{expression}");
        }
    }
}
