//! Selection expressions: `$request.body.action`, `${request.body.a}/${request.body.b}`, `\$default`, plain text.
//!
//! One pass over the text, no recursion into results. Those that choose a response template may also ask about the
//! answer of the integration. Source: the WebSocket API page on selection expressions.

use crate::body_path::BodyPath;
use http::HeaderMap;

/// A parsed expression; evaluates to a route key, or to the key of a model or template.
#[derive(Clone, Debug)]
pub struct SelectionExpression(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Variable(Variable),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Variable {
    Body(BodyPath),
    ResponseStatus,
    /// The last value.
    ResponseHeader(String),
    /// All values, as a list.
    ResponseHeaders(String),
    ResponseBody(BodyPath),
}

/// Which variables an expression may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Request,
    Response,
}

/// The answer of an integration, as expressions see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResponseView<'a> {
    pub(crate) status: u16,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
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

    /// Reads an expression about a message.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        Self::parse_at(text, Stage::Request)
    }

    /// Reads an expression that may ask about the answer too: `${integration.response.statuscode}`.
    pub(crate) fn parse_for_response(text: &str) -> Result<Self, ExpressionError> {
        Self::parse_at(text, Stage::Response)
    }

    fn parse_at(text: &str, stage: Stage) -> Result<Self, ExpressionError> {
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
            parts.push(Part::Variable(parse_variable(variable, stage)?));
            at += length;
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self(parts))
    }

    /// The key for a message; `None` when the message is not JSON and its content was asked for.
    pub fn evaluate(&self, message: &str) -> Option<String> {
        let mut key = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(text) => key.push_str(text),
                Part::Variable(Variable::Body(path)) => key.push_str(&path.text_in(message).ok()?.unwrap_or_default()),
                Part::Variable(_) => {}
            }
        }
        Some(key)
    }

    /// The key for a message and its answer. What is not there is empty, also where the message is not JSON.
    pub(crate) fn evaluate_response(&self, message: &str, response: ResponseView<'_>) -> String {
        self.join(|variable| match variable {
            Variable::Body(path) => path.text(&serde_json::from_str(message).ok()?),
            Variable::ResponseStatus => Some(response.status.to_string()),
            Variable::ResponseHeader(name) => {
                response.headers.get_all(name).iter().next_back()?.to_str().ok().map(str::to_owned)
            }
            Variable::ResponseHeaders(name) => {
                let values = response.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
                Some(format!("[{}]", values.collect::<Vec<_>>().join(", ")))
            }
            Variable::ResponseBody(path) => path.text(&serde_json::from_slice(response.body).ok()?),
        })
    }

    fn join(&self, value: impl Fn(&Variable) -> Option<String>) -> String {
        let text = |part: &Part| match part {
            Part::Literal(text) => text.clone(),
            Part::Variable(variable) => value(variable).unwrap_or_default(),
        };
        self.0.iter().map(text).collect()
    }
}

/// Characters of a variable written without braces.
fn is_bare(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '[' | ']' | '\'' | '"')
}

fn parse_variable(variable: &str, stage: Stage) -> Result<Variable, ExpressionError> {
    if let Some(path) = variable.strip_prefix("request.body").filter(|path| path.starts_with(['.', '['])) {
        return body_path(path).map(Variable::Body);
    }
    // AWS writes both: the longer form in its rules, the shorter one in its samples.
    let asked = variable.strip_prefix("integration.response.").or_else(|| variable.strip_prefix("response."));
    let unknown = || ExpressionError::UnknownVariable(variable.to_owned());
    match asked.filter(|_| stage == Stage::Response).ok_or_else(unknown)? {
        "statuscode" => Ok(Variable::ResponseStatus),
        asked => {
            if let Some(name) = asked.strip_prefix("header.") {
                Ok(Variable::ResponseHeader(name.to_owned()))
            } else if let Some(name) = asked.strip_prefix("multivalueheader.") {
                Ok(Variable::ResponseHeaders(name.to_owned()))
            } else {
                asked.strip_prefix("body").ok_or_else(unknown).and_then(body_path).map(Variable::ResponseBody)
            }
        }
    }
}

fn body_path(path: &str) -> Result<BodyPath, ExpressionError> {
    BodyPath::parse(path).ok_or_else(|| ExpressionError::BadPath(path.to_owned()))
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

    #[test]
    fn expressions_about_answers_see_status_headers_and_body() {
        let mut headers = HeaderMap::new();
        headers.append("x-kind", "a".parse().unwrap());
        headers.append("x-kind", "b".parse().unwrap());
        let response = ResponseView { status: 404, headers: &headers, body: br#"{"errorMessage":"no"}"# };
        for (expression, key) in [
            ("$integration.response.statuscode", "404"),
            ("${response.statuscode}", "404"),
            ("${integration.response.header.X-Kind}", "b"),
            ("${integration.response.multivalueheader.x-kind}", "[a, b]"),
            ("${integration.response.header.other}", ""),
            ("$integration.response.body.errorMessage", "no"),
            ("${request.body.action}-${integration.response.statuscode}", "join-404"),
            (r"\$default", "$default"),
        ] {
            let parsed = SelectionExpression::parse_for_response(expression).unwrap();
            assert_eq!(parsed.evaluate_response(r#"{"action":"join"}"#, response), key, "{expression}");
        }
        assert!(SelectionExpression::parse("$integration.response.statuscode").is_err());
        assert!(SelectionExpression::parse_for_response("$integration.response.latency").is_err());
    }
}
