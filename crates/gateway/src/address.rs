//! Which API and stage a request is for: by host name, by path, or, with a single API, by stage alone.

use percent_encoding::percent_decode_str;

/// What a path says, below host and scheme.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// `/{stage}` of some API: a client that wants to connect.
    Stage(StageAddress),
    /// `/{stage}/@connections/{id}`: the id as received, decoded.
    Connection(StageAddress, String),
}

/// Names a stage as far as the request does.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StageAddress {
    /// `None` where host and path left it open: right if there is only one API.
    pub(crate) api: Option<String>,
    pub(crate) stage: String,
}

/// Reads host and path. `None` when they name no stage.
///
/// Every segment is decoded once, so that `%40connections` and `%3D` mean what they should; empty segments, as a trailing
/// slash or a doubled one leaves them, are passed over.
pub(crate) fn resolve(host: Option<&str>, path: &str) -> Option<Target> {
    let segments = segments(path);
    let (prefix, connection) = match segments.as_slice() {
        [prefix @ .., at, id] if at == "@connections" => (prefix, Some(id)),
        prefix => (prefix, None),
    };
    let address = match (host.and_then(api_of_host), prefix) {
        (Some(api), [stage]) => StageAddress { api: Some(api.to_owned()), stage: stage.to_string() },
        (None, [stage]) => StageAddress { api: None, stage: stage.to_string() },
        (None, [api, stage]) => StageAddress { api: Some(api.to_string()), stage: stage.to_string() },
        _ => return None,
    };
    Some(match connection {
        Some(id) => Target::Connection(address, id.to_string()),
        None => Target::Stage(address),
    })
}

/// The levels of a path, decoded once; empty ones are passed over.
pub(crate) fn segments(path: &str) -> Vec<String> {
    let levels = path.split('/').filter(|segment| !segment.is_empty());
    levels.map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned()).collect()
}

/// `{apiId}.execute-api.{region}.amazonaws.com`, or any other domain behind `execute-api`.
fn api_of_host(host: &str) -> Option<&str> {
    let (api, rest) = host.split_once('.')?;
    rest.starts_with("execute-api.").then_some(api)
}

/// Whether a host is an API's default endpoint, whatever its case.
pub(crate) fn is_execute_api(host: &str) -> bool {
    host.split('.').nth(1).is_some_and(|label| label.eq_ignore_ascii_case("execute-api"))
}

/// A host without its port; an IPv6 address keeps its brackets.
pub(crate) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_found_by_host_or_path() {
        let aws = Some("a1b2.execute-api.eu-west-1.amazonaws.com");
        let at = |api: Option<&str>, stage: &str| StageAddress { api: api.map(str::to_owned), stage: stage.to_owned() };
        let connection = |api, id: &str| Some(Target::Connection(at(api, "prod"), id.to_owned()));
        for (host, path, expected) in [
            (None, "/prod", Some(Target::Stage(at(None, "prod")))),
            (None, "/prod/", Some(Target::Stage(at(None, "prod")))),
            (None, "/chat/prod", Some(Target::Stage(at(Some("chat"), "prod")))),
            (Some("localhost"), "/chat/prod/", Some(Target::Stage(at(Some("chat"), "prod")))),
            (aws, "/prod", Some(Target::Stage(at(Some("a1b2"), "prod")))),
            (aws, "/prod/more", None),
            (None, "/", None),
            (None, "/a/b/c", None),
            (None, "/prod/@connections/abc=", connection(None, "abc=")),
            (None, "/prod//@connections/abc%3D", connection(None, "abc=")),
            (None, "/prod/%40connections/abc%3D", connection(None, "abc=")),
            (None, "/chat/prod/@connections/abc=test", connection(Some("chat"), "abc=test")),
            (aws, "/prod/@connections/abc=", connection(Some("a1b2"), "abc=")),
            (None, "/@connections/abc=", None),
        ] {
            assert_eq!(resolve(host, path), expected, "{host:?} {path}");
        }
    }

    #[test]
    fn default_endpoints_are_known_by_their_host() {
        for (host, expected) in [
            ("a1b2.execute-api.eu-west-1.amazonaws.com", true),
            ("A1B2.Execute-API.eu-west-1.amazonaws.com:443", true),
            ("a1b2.execute-api.localhost", true),
            ("execute-api.localhost", false),
            ("api.example.org", false),
            ("localhost:8080", false),
        ] {
            assert_eq!(is_execute_api(host), expected, "{host}");
        }
    }

    #[test]
    fn ports_are_cut_off() {
        for (host, expected) in [("a.b:80", "a.b"), ("a.b", "a.b"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]")] {
            assert_eq!(without_port(host), expected);
        }
    }
}
