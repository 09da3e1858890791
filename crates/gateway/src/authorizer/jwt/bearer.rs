//! Where a token is found in a handshake.

use crate::api::problem::Checker;
use crate::exchange::ClientRequest;

/// The subprotocol a browser offers right before its token: it cannot set headers, and query strings end up in logs.
const SUBPROTOCOL: &str = "bearer";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Header(String),
    Query(String),
    Subprotocol,
}

impl Place {
    /// In the order in which they are looked at; `Authorization` if none is named.
    pub(super) fn compile(written: &[String], checker: &mut Checker) -> Vec<Self> {
        if written.is_empty() {
            return vec![Self::Header("Authorization".to_owned())];
        }
        let places = written.iter().filter_map(|text| {
            let place = Self::parse(text);
            if place.is_none() {
                checker.problem(
                    format!("identity source `{text}`"),
                    "use route.request.header.NAME, route.request.querystring.NAME or subprotocol",
                );
            }
            place
        });
        places.collect()
    }

    fn parse(text: &str) -> Option<Self> {
        let named = |prefix| text.strip_prefix(prefix).filter(|name: &&str| !name.is_empty()).map(str::to_owned);
        match text {
            "subprotocol" => Some(Self::Subprotocol),
            _ => named("route.request.header.")
                .map(Self::Header)
                .or_else(|| named("route.request.querystring.").map(Self::Query)),
        }
    }

    /// The token, and the subprotocol that shall be answered with if it came as one.
    pub(super) fn token<'a>(&self, request: &'a ClientRequest) -> Option<(&'a str, Option<&'static str>)> {
        let found = match self {
            Self::Header(name) => (without_scheme(request.header(name)?), None),
            Self::Query(name) => (request.query(name)?, None),
            Self::Subprotocol => (after_bearer(request.header("Sec-WebSocket-Protocol")?)?, Some(SUBPROTOCOL)),
        };
        (!found.0.is_empty()).then_some(found)
    }
}

fn without_scheme(value: &str) -> &str {
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => token.trim(),
        _ => value.trim(),
    }
}

fn after_bearer(offered: &str) -> Option<&str> {
    let mut protocols = offered.split(',').map(str::trim);
    protocols.find(|protocol| *protocol == SUBPROTOCOL)?;
    protocols.next()
}
