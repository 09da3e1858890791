//! Integration responses: which of them takes an answer, and what it makes of it.

use super::content::ContentHandling;
use super::parameters::quoted;
use super::templates::{Templates, render};
use super::{Answer, Failure};
use crate::api::definition::{IntegrationDefinition, IntegrationResponseDefinition};
use crate::api::problem::Checker;
use crate::body_path::BodyPath;
use crate::exchange::Exchange;
use crate::selection_expression::{ResponseView, SelectionExpression};
use bytes::Bytes;
use fancy_regex::{Regex, RegexBuilder};
use http::HeaderMap;

/// A pattern that backtracks more than that matches nothing. What it is matched against comes from backends.
const BACKTRACK_LIMIT: usize = 100_000;
const SUBPROTOCOL: &str = "Sec-WebSocket-Protocol";

/// What an integration came back with, before any response took it.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Received {
    pub(super) fn ok(body: Bytes) -> Self {
        Self { status: 200, headers: HeaderMap::new(), body }
    }

    pub(super) fn subprotocol(&self) -> Option<String> {
        self.headers.get(SUBPROTOCOL)?.to_str().ok().map(str::to_owned)
    }

    fn view(&self) -> ResponseView<'_> {
        ResponseView { status: self.status, headers: &self.headers, body: &self.body }
    }
}

#[derive(Debug)]
pub(super) struct Responses(Vec<(Key, Response)>);

#[derive(Debug)]
enum Key {
    Default,
    /// Matches as a whole, as Java's `matches`.
    Pattern(Regex),
}

#[derive(Debug)]
struct Response {
    templates: Templates,
    content: ContentHandling,
    /// What to put in `Sec-WebSocket-Protocol`, the only header that reaches a client.
    subprotocol: Option<Source>,
}

/// Sources of a response parameter.
#[derive(Debug)]
enum Source {
    Header(String),
    Body(BodyPath),
    Literal(String),
}

impl Responses {
    pub(super) fn compile(written: &IntegrationDefinition, checker: &mut Checker) -> Self {
        let mut responses: Vec<(Key, Response)> = Vec::new();
        let written = &written.integration_responses;
        for (index, response) in written.iter().enumerate() {
            let key = response.integration_response_key.as_str();
            checker.at(format!("integration response {key}"), |checker| {
                if written[..index].iter().any(|earlier| earlier.integration_response_key == key) {
                    checker.problem("there is another response with this key", "remove one, or give it another key");
                }
                let compiled = Response::compile(response, checker);
                responses.extend(Key::parse(key, checker).map(|key| (key, compiled)));
            });
        }
        Self(responses)
    }

    /// The response for `selected`: the value of the integration's fixed selection expression, `None` without one.
    /// Of several patterns that match, the first one written is taken.
    fn find(&self, selected: Option<&str>) -> Option<&Response> {
        let pattern = self.0.iter().find(|(key, _)| match (key, selected) {
            (Key::Pattern(pattern), Some(selected)) => pattern.is_match(selected).unwrap_or(false),
            _ => false,
        });
        pattern.or_else(|| self.0.iter().find(|(key, _)| matches!(key, Key::Default))).map(|(_, response)| response)
    }

    /// Whether anything takes such an answer.
    pub(super) fn take(&self, selected: Option<&str>) -> bool {
        self.find(selected).is_some()
    }

    /// The answer for a route that sends one back. Without a response that takes it there is none.
    pub(super) fn answer(
        &self,
        selected: Option<&str>,
        received: &Received,
        exchange: &Exchange<'_>,
    ) -> Result<Answer, Failure> {
        let Some(response) = self.find(selected) else {
            let selected = selected.unwrap_or("$default");
            tracing::warn!(
                route = %exchange.route_key, selected,
                "no integration response takes this answer: add one with the key $default"
            );
            exchange.log.failure(format_args!(
                "Execution failed due to configuration error: No match for output mapping and no default endpoint response \
                 configured. Endpoint Response Status Code: {}",
                received.status
            ));
            return Err(Failure::Failed);
        };
        Ok(Answer { status: received.status, body: response.body(received, exchange)?, ..Answer::default() })
    }

    /// The answer for `$connect`: its status and subprotocol.
    pub(super) fn admission(&self, selected: Option<&str>, received: &Received) -> Answer {
        let mapped = self.find(selected).and_then(|response| response.subprotocol.as_ref());
        let subprotocol = mapped.and_then(|source| source.value(received)).or_else(|| received.subprotocol());
        Answer { status: received.status, subprotocol, ..Answer::default() }
    }
}

impl Key {
    fn parse(text: &str, checker: &mut Checker) -> Option<Self> {
        if text == "$default" {
            return Some(Self::Default);
        }
        let Some(pattern) = text.strip_prefix('/').and_then(|text| text.strip_suffix('/')) else {
            checker.problem(
                format!("integration response key `{text}`"),
                r"use $default, or a regular expression between slashes such as /4\d\d/",
            );
            return None;
        };
        let pattern = RegexBuilder::new(&format!(r"\A(?:{pattern})\z")).backtrack_limit(BACKTRACK_LIMIT).build();
        pattern
            .map(Self::Pattern)
            .map_err(|error| checker.problem(error.to_string(), "mend the regular expression"))
            .ok()
    }
}

impl Response {
    fn compile(written: &IntegrationResponseDefinition, checker: &mut Checker) -> Self {
        let expression = written.template_selection_expression.as_deref();
        let read = SelectionExpression::parse_for_response;
        Self {
            templates: Templates::compile("responseTemplates", &written.response_templates, expression, read, checker),
            content: ContentHandling::compile(written.content_handling_strategy.as_deref(), checker),
            subprotocol: subprotocol(written, checker),
        }
    }

    fn body(&self, received: &Received, exchange: &Exchange<'_>) -> Result<Bytes, Failure> {
        let payload = self.content.before_template(received.body.clone());
        let key = self.templates.selection().evaluate_response(exchange.body(), received.view());
        let payload = match self.templates.find(&key) {
            Some(template) => render(template, exchange, &payload).inspect_err(|_| {
                let log = exchange.log;
                log.failure(format_args!("Execution failed due to configuration error: Unable to transform response"));
            })?,
            None => payload,
        };
        self.content.after_template(payload)
    }
}

/// Reads all response parameters; what does not end in the subprotocol is checked and has no channel to the client.
fn subprotocol(written: &IntegrationResponseDefinition, checker: &mut Checker) -> Option<Source> {
    let mut subprotocol = None;
    for (target, source) in &written.response_parameters {
        checker.at(format!("responseParameters.{target}"), |checker| {
            // The service model says `method.`, the mapping reference `route.`.
            let name = ["route.", "method."].iter().find_map(|prefix| target.strip_prefix(prefix));
            let Some(name) = name.and_then(|rest| rest.strip_prefix("response.header.")) else {
                return checker.problem("this is no target of a parameter", "use route.response.header.NAME");
            };
            match Source::parse(source) {
                Some(source) if name.eq_ignore_ascii_case(SUBPROTOCOL) => subprotocol = Some(source),
                Some(_) => {}
                None => checker.problem(
                    format!("`{source}` is no source of a parameter"),
                    "use integration.response.header.NAME, integration.response.body.JSONPATH or 'text'",
                ),
            }
        });
    }
    subprotocol
}

impl Source {
    fn parse(text: &str) -> Option<Self> {
        if let Some(literal) = quoted(text) {
            return Some(Self::Literal(literal.to_owned()));
        }
        let rest = text.strip_prefix("integration.response.")?;
        if let Some(name) = rest.strip_prefix("header.").or_else(|| rest.strip_prefix("multivalueheader.")) {
            return Some(Self::Header(name.to_owned()));
        }
        rest.strip_prefix("body").and_then(BodyPath::parse).map(Self::Body)
    }

    fn value(&self, received: &Received) -> Option<String> {
        match self {
            Self::Header(name) => received.headers.get(name)?.to_str().ok().map(str::to_owned),
            Self::Body(path) => path.text(&serde_json::from_slice(&received.body).ok()?),
            Self::Literal(text) => Some(text.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn responses(keys: &[&str]) -> Result<Responses, String> {
        let integration_responses = keys.iter().map(|key| IntegrationResponseDefinition {
            integration_response_key: (*key).to_owned(),
            ..Default::default()
        });
        let written =
            IntegrationDefinition { integration_responses: integration_responses.collect(), ..Default::default() };
        let mut checker = Checker::default();
        let compiled = Responses::compile(&written, &mut checker);
        checker.finish(compiled).map_err(|problems| problems.to_string())
    }

    #[test]
    fn a_pattern_takes_an_answer_as_a_whole_else_the_default_does() {
        let written = [r"/4\d\d/", "/.*boom.*/", "/(?!secret).*z/", "$default"];
        let responses = responses(&written).unwrap();
        let index = |selected| {
            let found = responses.find(selected).map(std::ptr::from_ref);
            responses.0.iter().position(|(_, response)| Some(std::ptr::from_ref(response)) == found)
        };
        for (selected, expected) in [
            (Some("404"), 0),
            (Some("1404"), 3),
            (Some("4040"), 3),
            (Some("xx boom"), 1),
            (Some("xx\nboom"), 3),
            (Some("jazz"), 2),
            (Some("secretz"), 3),
            (Some(""), 3),
            (None, 3),
        ] {
            assert_eq!(index(selected), Some(expected), "{selected:?}");
        }
    }

    #[test]
    fn without_a_default_an_answer_may_find_no_response() {
        let responses = responses(&[r"/4\d\d/"]).unwrap();
        assert!(!responses.take(Some("200")) && !responses.take(None) && responses.take(Some("400")));
    }

    #[test]
    fn keys_that_cannot_be_are_located_problems() {
        for (keys, expected) in [
            (&["200"][..], "integration response 200: integration response key `200`; use $default"),
            (&["/(/"], "integration response /(/: "),
            (&["/"], "integration response /: "),
            (&["$default", "$default"], "integration response $default: there is another response with this key"),
        ] {
            let problems = responses(keys).expect_err("a problem");
            assert!(problems.contains(expected), "{problems}");
        }
    }
}
