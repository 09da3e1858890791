//! Whether a request carries a signature at all.
//!
//! AWS refuses unsigned requests before it looks at anything else, and so do we. The signature's value is not verified:
//! no keys can be configured yet, which is why the server binds to loopback only unless told otherwise.

use http::header::AUTHORIZATION;
use http::request::Parts;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// An `Authorization` header of the SigV4 scheme, or the query parameters of a presigned URL.
    Present,
    /// Something stands in `Authorization`, but it is not a complete SigV4 header.
    Incomplete,
    Missing,
}

/// Looks for a SigV4 signature in header or query.
pub fn signature(parts: &Parts) -> Signature {
    match parts.headers.get(AUTHORIZATION).map(|value| value.as_bytes()) {
        Some(header) if is_complete(header) => Signature::Present,
        Some(_) => Signature::Incomplete,
        None if is_presigned(parts.uri.query().unwrap_or_default()) => Signature::Present,
        None => Signature::Missing,
    }
}

fn is_complete(header: &[u8]) -> bool {
    let Ok(header) = std::str::from_utf8(header) else { return false };
    header.starts_with("AWS4-")
        && ["Credential=", "SignedHeaders=", "Signature="].iter().all(|part| header.contains(part))
}

fn is_presigned(query: &str) -> bool {
    ["X-Amz-Credential=", "X-Amz-Signature="].iter().all(|name| query.split('&').any(|pair| pair.starts_with(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_found_where_sdks_put_them() {
        let header = "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/execute-api/aws4_request, SignedHeaders=host, Signature=00";
        for (uri, header, expected) in [
            ("/prod", Some(header), Signature::Present),
            ("/prod?X-Amz-Credential=a&X-Amz-Signature=0", None, Signature::Present),
            ("/prod?X-Amz-Signature=0", None, Signature::Missing),
            ("/prod", Some("Bearer x"), Signature::Incomplete),
            ("/prod", Some("AWS4-HMAC-SHA256 Credential=a"), Signature::Incomplete),
            ("/prod", None, Signature::Missing),
        ] {
            let mut request = http::Request::get(uri);
            if let Some(header) = header {
                request = request.header(AUTHORIZATION, header);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(signature(&parts), expected, "{uri} {header:?}");
        }
    }
}
