//! Request parameter mapping: `integration.request.header.NAME` ← `route.request.querystring.NAME` and the like.
//!
//! What a source does not have is not sent. Sources of the handshake's request have values on `$connect` only; they are
//! no error elsewhere, as one integration may serve `$connect` and other routes.

use super::uri::is_name;
use crate::api::problem::Checker;
use crate::body_path::BodyPath;
use crate::exchange::Exchange;
use http::HeaderName;
use http::header::{CONNECTION, CONTENT_LENGTH, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use serde_json::Value;
use std::collections::BTreeMap;

/// Headers that belong to the connection to the backend, which is ours to keep.
const OWN_HEADERS: [HeaderName; 6] = [CONNECTION, CONTENT_LENGTH, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
const TARGETS: &str = "use integration.request.header.NAME, integration.request.querystring.NAME or \
                       integration.request.path.NAME";
const SOURCES: &str = "use route.request.{querystring|multivaluequerystring|header|multivalueheader}.NAME, \
                       route.request.body.JSONPATH, stageVariables.NAME, context.NAME or 'text'";

#[derive(Debug, Default)]
pub(super) struct RequestParameters(Vec<(Target, Source)>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Header(HeaderName),
    Query(String),
    Path(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Query(String),
    MultiValueQuery(String),
    Header(String),
    MultiValueHeader(String),
    Body(BodyPath),
    StageVariable(String),
    Context(String),
    Literal(String),
}

/// What a request's parameters came to.
#[derive(Debug, Default)]
pub(super) struct Mapped {
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) query: Vec<(String, String)>,
    path: Vec<(String, String)>,
}

impl Mapped {
    pub(super) fn path(&self, name: &str) -> Option<String> {
        self.path.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }
}

impl RequestParameters {
    pub(super) fn compile(written: &BTreeMap<String, String>, checker: &mut Checker) -> Self {
        let mut compiled = Vec::new();
        for (target, source) in written {
            checker.at(format!("requestParameters.{target}"), |checker| {
                let parsed = (Target::parse(target, checker), Source::parse(source));
                match parsed {
                    (Some(target), Some(source)) => compiled.push((target, source)),
                    (_, None) => checker.problem(format!("`{source}` is no source of a parameter"), SOURCES),
                    (None, Some(_)) => {}
                }
            });
        }
        Self(compiled)
    }

    pub(super) fn has_path(&self, name: &str) -> bool {
        self.0.iter().any(|(target, _)| matches!(target, Target::Path(known) if known == name))
    }

    /// Whether and how a header is mapped, for what an integration reads rather than sends.
    pub(super) fn header(&self, name: &str, exchange: &Exchange<'_>) -> Option<String> {
        let (_, source) = self.0.iter().find(|(target, _)| matches!(target, Target::Header(known) if known == name))?;
        source.values(exchange, &body_of(exchange)).pop()
    }

    pub(super) fn map(&self, exchange: &Exchange<'_>) -> Mapped {
        let reads_body = self.0.iter().any(|(_, source)| matches!(source, Source::Body(_)));
        let body = if reads_body { body_of(exchange) } else { Value::Null };
        let mut mapped = Mapped::default();
        for (target, source) in &self.0 {
            for value in source.values(exchange, &body) {
                match target {
                    Target::Header(name) => mapped.headers.push((name.clone(), value)),
                    Target::Query(name) => mapped.query.push((name.clone(), value)),
                    Target::Path(name) => mapped.path.push((name.clone(), value)),
                }
            }
        }
        mapped
    }
}

fn body_of(exchange: &Exchange<'_>) -> Value {
    serde_json::from_str(exchange.body()).unwrap_or(Value::Null)
}

impl Target {
    fn parse(text: &str, checker: &mut Checker) -> Option<Self> {
        let Some((kind, name)) = text.strip_prefix("integration.request.").and_then(|rest| rest.split_once('.')) else {
            checker.problem("this is no target of a parameter", TARGETS);
            return None;
        };
        if !is_name(name) {
            checker.problem(format!("`{name}` is no name"), "use letters, digits, `.`, `_`, `$` and `-`");
            return None;
        }
        match kind {
            "header" => {
                let header = HeaderName::from_bytes(name.as_bytes()).ok();
                let header = header.filter(|header| !OWN_HEADERS.contains(header));
                if header.is_none() {
                    checker.problem(format!("the header `{name}` is the gateway's own"), "map to another header");
                }
                header.map(Self::Header)
            }
            "querystring" => Some(Self::Query(name.to_owned())),
            "path" => Some(Self::Path(name.to_owned())),
            _ => {
                checker.problem("this is no target of a parameter", TARGETS);
                None
            }
        }
    }
}

/// A source that is told by a name.
type Kind = fn(String) -> Source;

impl Source {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(literal) = quoted(text) {
            return Some(Self::Literal(literal.to_owned()));
        }
        if let Some(path) = text.strip_prefix("route.request.body") {
            return BodyPath::parse(path).map(Self::Body);
        }
        let request = |kind: Kind| move |name: &str| is_name(name).then(|| kind(name.to_owned()));
        let kinds: [(&str, Kind); 6] = [
            ("route.request.querystring.", Self::Query),
            ("route.request.multivaluequerystring.", Self::MultiValueQuery),
            ("route.request.header.", Self::Header),
            ("route.request.multivalueheader.", Self::MultiValueHeader),
            ("stageVariables.", Self::StageVariable),
            ("context.", Self::Context),
        ];
        kinds.into_iter().find_map(|(prefix, kind)| text.strip_prefix(prefix).and_then(request(kind)))
    }

    fn values(&self, exchange: &Exchange<'_>, body: &Value) -> Vec<String> {
        let request = exchange.client_request();
        let one = |value: Option<&str>| value.map(str::to_owned).into_iter().collect();
        match self {
            Self::Query(name) => one(request.and_then(|request| request.query(name))),
            Self::Header(name) => one(request.and_then(|request| request.header(name))),
            Self::MultiValueQuery(name) => request
                .map_or(&[][..], |request| &request.query)
                .iter()
                .filter(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
                .collect(),
            Self::MultiValueHeader(name) => request
                .map_or(&[][..], |request| &request.headers)
                .iter()
                .filter(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.clone())
                .collect(),
            Self::Body(path) => path.text(body).into_iter().collect(),
            Self::StageVariable(name) => one(exchange.stage_variable(name)),
            Self::Context(name) => exchange.context(name).into_iter().collect(),
            Self::Literal(text) => vec![text.clone()],
        }
    }
}

/// The text between single quotes.
pub(super) fn quoted(text: &str) -> Option<&str> {
    text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_those_of_the_mapping_reference() {
        let text = |text: &str| text.to_owned();
        for (source, expected) in [
            ("'0'", Some(Source::Literal(text("0")))),
            ("''", Some(Source::Literal(text("")))),
            ("route.request.querystring.token", Some(Source::Query(text("token")))),
            ("route.request.multivaluequerystring.t", Some(Source::MultiValueQuery(text("t")))),
            ("route.request.header.X-A", Some(Source::Header(text("X-A")))),
            ("route.request.multivalueheader.X-A", Some(Source::MultiValueHeader(text("X-A")))),
            ("route.request.body.a[0].b", Some(Source::Body(BodyPath::parse(".a[0].b").unwrap()))),
            ("route.request.body", Some(Source::Body(BodyPath::parse("").unwrap()))),
            ("stageVariables.env", Some(Source::StageVariable(text("env")))),
            ("context.authorizer.principalId", Some(Source::Context(text("authorizer.principalId")))),
            ("'open", None),
            ("token", None),
            ("route.request.querystring.", None),
            ("route.request.querystring.a b", None),
            ("route.request.path.id", None),
            ("route.request.body..x", None),
            ("", None),
            ("'", None),
        ] {
            assert_eq!(Source::parse(source), expected, "{source}");
        }
    }

    #[test]
    fn bad_mappings_are_located_problems() {
        for (target, source, expected) in [
            (
                "integration.request.header.a b",
                "'x'",
                "requestParameters.integration.request.header.a b: `a b` is no name",
            ),
            ("integration.request.header.Connection", "'x'", "is the gateway's own"),
            ("integration.request.cookie.a", "'x'", "this is no target of a parameter; use integration.request.header"),
            ("header.a", "'x'", "this is no target"),
            ("integration.request.header.a", "request.x", "`request.x` is no source of a parameter; use route.request"),
        ] {
            let mut checker = Checker::default();
            RequestParameters::compile(&BTreeMap::from([(target.to_owned(), source.to_owned())]), &mut checker);
            let problems = checker.finish(()).expect_err("a problem").to_string();
            assert!(problems.contains(expected), "{problems}");
        }
    }
}
