//! Where a client reached the server, which the server itself cannot know: it may be in a container, or behind a proxy.

use http::header::HOST;
use http::request::Parts;
use std::net::Ipv6Addr;

/// Longer ones are no names of DNS.
const HOST_CHARS: usize = 253;
/// Such names lead here for functions alone, whose calls to AWS are answered here.
const AWS: [&str; 2] = [".amazonaws.com", ".amazonaws.com.cn"];
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// What addresses in the answer to a request begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialled<'r> {
    /// The server's own address will do.
    Own,
    Host {
        scheme: &'static str,
        /// With its port, if it has one.
        host: &'r str,
    },
}

impl<'r> Dialled<'r> {
    pub(crate) fn of(request: &'r Parts) -> Self {
        let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
        // HTTP/2 has the host in the address.
        let authority = request.uri.authority().map(http::uri::Authority::as_str);
        match header(HOST.as_str()).or(authority).filter(|host| leads_here(host)) {
            Some(host) => {
                let is_secure = header(FORWARDED_PROTO).is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
                Self::Host { scheme: if is_secure { "https" } else { "http" }, host }
            }
            None => Self::Own,
        }
    }
}

/// Whether this is a host, with or without a port, and none of AWS.
fn leads_here(text: &str) -> bool {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((address, rest)) = rest.split_once(']') else { return false };
        return address.parse::<Ipv6Addr>().is_ok() && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port));
    }
    let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let is_host = !name.is_empty() && name.len() <= HOST_CHARS && name.bytes().all(fits) && port.is_none_or(is_port);
    let lower = name.to_ascii_lowercase();
    is_host && !AWS.iter().any(|end| lower.ends_with(end))
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}
