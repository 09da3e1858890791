//! What a request must carry before a function is asked about it.

use crate::exchange::{ClientRequest, Exchange};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum IdentitySource {
    /// Header names have no case.
    Header(String),
    Query(String),
    Context(String),
    StageVariable(String),
}

impl IdentitySource {
    /// `route.request.header.NAME`, `route.request.querystring.NAME`, `context.NAME` or `stageVariables.NAME`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let named = |prefix| text.strip_prefix(prefix).filter(|name: &&str| !name.is_empty()).map(str::to_owned);
        named("route.request.header.")
            .map(Self::Header)
            .or_else(|| named("route.request.querystring.").map(Self::Query))
            .or_else(|| named("context.").map(Self::Context))
            .or_else(|| named("stageVariables.").map(Self::StageVariable))
    }

    /// The header or query parameter that it is.
    pub(super) fn client_name(&self) -> Option<&str> {
        match self {
            Self::Header(name) | Self::Query(name) => Some(name),
            Self::Context(_) | Self::StageVariable(_) => None,
        }
    }

    /// Whether it has a value that is not empty.
    pub(super) fn is_given(&self, exchange: &Exchange<'_>, request: &ClientRequest) -> bool {
        match self {
            Self::Header(name) => request.header(name).is_some_and(|value| !value.is_empty()),
            Self::Query(name) => request.query(name).is_some_and(|value| !value.is_empty()),
            Self::Context(name) => exchange.context(name).is_some_and(|value| !value.is_empty()),
            Self::StageVariable(name) => exchange.stage_variable(name).is_some_and(|value| !value.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read() {
        for (text, expected) in [
            ("route.request.header.Auth", Some(IdentitySource::Header("Auth".into()))),
            ("route.request.querystring.token", Some(IdentitySource::Query("token".into()))),
            ("context.identity.sourceIp", Some(IdentitySource::Context("identity.sourceIp".into()))),
            ("stageVariables.alias", Some(IdentitySource::StageVariable("alias".into()))),
            ("$request.header.Auth", None),
            ("$route.request.header.Auth", None),
            ("route.request.header.", None),
            ("route.request.body.a", None),
            ("", None),
        ] {
            assert_eq!(IdentitySource::parse(text), expected, "{text}");
        }
    }
}
