//! Addresses of integrations: text with `${stageVariables.name}` and, for HTTP, `{name}` for a mapped path parameter.
//!
//! Stage variables are put in per request: one deployment may be served by several stages.

use crate::exchange::Exchange;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but RFC 3986's unreserved characters, so that a value can never become a segment, a query or a host.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const STAGE_VARIABLES: &str = "stageVariables.";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Uri(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    StageVariable(String),
    PathParameter(String),
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UriError {
    #[error("`{{` at character {0} is never closed")]
    Unclosed(usize),
    #[error("`${{{0}}}` is no stage variable: write ${{stageVariables.NAME}}")]
    NotAStageVariable(String),
    #[error("`{{{0}}}` is no path parameter: use letters, digits, `.`, `_`, `$` and `-`")]
    NotAName(String),
}

/// Why an address could not be made for a request.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unresolved {
    #[error("the stage has no variable `{0}`: add it to the stage")]
    NoStageVariable(String),
    #[error("the path parameter `{0}` has no value in this request")]
    NoPathParameter(String),
    /// `.` and `..` would leave the place in the path that they were mapped to.
    #[error("the path parameter `{0}` is a dot segment")]
    DotSegment(String),
}

impl Uri {
    pub(super) fn parse(text: &str) -> Result<Self, UriError> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some(at) = rest.find('{') {
            let (before, inner) = (&rest[..at], &rest[at + 1..]);
            let end = inner.find('}').ok_or(UriError::Unclosed(text.len() - rest.len() + at + 1))?;
            let name = inner[..end].trim();
            let (literal, part) = match before.strip_suffix('$') {
                Some(literal) => (literal, Part::StageVariable(stage_variable(name)?)),
                None if is_name(name) => (before, Part::PathParameter(name.to_owned())),
                None => return Err(UriError::NotAName(name.to_owned())),
            };
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            parts.push(part);
            rest = &inner[end + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// The text it starts with, before anything that is only known per request.
    pub(super) fn start(&self) -> &str {
        match self.0.first() {
            Some(Part::Literal(text)) => text,
            _ => "",
        }
    }

    pub(super) fn path_parameters(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::PathParameter(name) => Some(name.as_str()),
            Part::Literal(_) | Part::StageVariable(_) => None,
        })
    }

    /// The address with a plausible value in each place, to see whether it can be one at all.
    pub(super) fn sample(&self) -> String {
        let part = |part: &Part| match part {
            Part::Literal(text) => text.clone(),
            Part::StageVariable(_) => "1".to_owned(),
            Part::PathParameter(_) => "1".to_owned(),
        };
        self.0.iter().map(part).collect()
    }

    /// The address for a request. Path parameters are percent-encoded, stage variables are the operator's own words.
    pub(super) fn resolve(
        &self,
        exchange: &Exchange<'_>,
        path_parameter: impl Fn(&str) -> Option<String>,
    ) -> Result<String, Unresolved> {
        let mut resolved = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(text) => resolved.push_str(text),
                Part::StageVariable(name) => {
                    let value = exchange.stage_variable(name);
                    resolved.push_str(value.ok_or_else(|| Unresolved::NoStageVariable(name.clone()))?);
                }
                Part::PathParameter(name) => {
                    let value = path_parameter(name).filter(|value| !value.is_empty());
                    let value = value.ok_or_else(|| Unresolved::NoPathParameter(name.clone()))?;
                    if matches!(value.as_str(), "." | "..") {
                        return Err(Unresolved::DotSegment(name.clone()));
                    }
                    resolved.push_str(&encoded(&value));
                }
            }
        }
        Ok(resolved)
    }
}

/// A value as it may stand in a path or a query.
pub(crate) fn encoded(value: &str) -> String {
    utf8_percent_encode(value, VALUE).to_string()
}

/// Names of parameters: `^[a-zA-Z0-9._$-]+$`.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '$' | '-'))
}

fn stage_variable(name: &str) -> Result<String, UriError> {
    let known = name.strip_prefix(STAGE_VARIABLES).filter(|name| is_name(name));
    known.map(str::to_owned).ok_or_else(|| UriError::NotAStageVariable(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_parse_or_say_why_not() {
        for (text, sample, start) in [
            ("https://example.org/a", "https://example.org/a", "https://example.org/a"),
            ("https://${stageVariables.host}/a/{id}?x=1", "https://1/a/1?x=1", "https://"),
            ("${stageVariables.base}", "1", ""),
            ("a$b", "a$b", "a$b"),
        ] {
            let uri = Uri::parse(text).unwrap();
            assert_eq!((uri.sample().as_str(), uri.start()), (sample, start), "{text}");
        }
        for (text, error) in [
            ("http://a/{id", UriError::Unclosed(10)),
            ("http://a/{i d}", UriError::NotAName("i d".to_owned())),
            ("http://a/{}", UriError::NotAName(String::new())),
            ("http://${host}/", UriError::NotAStageVariable("host".to_owned())),
        ] {
            assert_eq!(Uri::parse(text).err(), Some(error), "{text}");
        }
    }
}
