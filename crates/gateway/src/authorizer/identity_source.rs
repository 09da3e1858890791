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
        let kinds: [(&str, fn(String) -> Self); 4] = [
            ("route.request.header.", Self::Header),
            ("route.request.querystring.", Self::Query),
            ("context.", Self::Context),
            ("stageVariables.", Self::StageVariable),
        ];
        let (name, kind) = kinds.iter().find_map(|(prefix, kind)| Some((text.strip_prefix(prefix)?, kind)))?;
        (!name.is_empty()).then(|| kind(name.to_owned()))
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
