//! What events call `domainName`: the host, and perhaps the path, that handlers make the address of an API from.

use super::value::{Region, Value};

/// Stands for the API's id.
const API: &str = "{api}";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DomainName {
    /// The one that AWS would give the API. Handlers on this machine reach it.
    Aws,
    /// One that leads here over HTTPS, from wherever handlers are.
    Own(String),
}

impl Value for DomainName {
    fn parse(text: &str) -> Result<Self, String> {
        /// What DNS allows, and a path of the same length.
        const MOST: usize = 512;
        if text == "aws" {
            return Ok(Self::Aws);
        }
        let plain = text.replace(API, "api");
        let (host, path) = plain.split_once('/').unwrap_or((&plain, ""));
        let is_word = |text: &str, others: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c));
        if host.is_empty()
            || plain.contains("//")
            || text.len() > MOST
            || !is_word(host, ".-:[]")
            || !is_word(path, "-._~/")
        {
            return Err(format!(
                "\"{text}\" is neither aws nor a host; write it without https://, like ws.example.org/{API}, where {API} \
                 stands for the id of each API"
            ));
        }
        Ok(Self::Own(text.trim_end_matches('/').to_owned()))
    }
}

impl DomainName {
    pub(crate) fn of(&self, api_id: &str, region: &Region) -> String {
        match self {
            Self::Aws => region.domain_name(api_id),
            Self::Own(host) => host.replace(API, api_id),
        }
    }

    /// Whether it says which of several APIs is meant.
    pub(crate) fn tells_apis_apart(&self) -> bool {
        match self {
            Self::Aws => true,
            Self::Own(host) => host.contains(API),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_name_is_a_host_and_perhaps_a_path() {
        let region = Region::parse("eu-west-1").unwrap();
        for (text, expected) in [
            ("aws", Some("a1.execute-api.eu-west-1.amazonaws.com")),
            ("ws.example.org", Some("ws.example.org")),
            ("ws.example.org:8443/{api}/", Some("ws.example.org:8443/a1")),
            ("{api}.ws.example.org", Some("a1.ws.example.org")),
            ("[::1]:8080", Some("[::1]:8080")),
            ("https://ws.example.org", None),
            ("ws.example.org/{stage}", None),
            ("/ws", None),
            ("", None),
        ] {
            let read = DomainName::parse(text).ok().map(|name| name.of("a1", &region));
            assert_eq!(read.as_deref(), expected, "{text:?}");
        }
        assert!(!DomainName::parse("ws.example.org").unwrap().tells_apis_apart());
    }
}
