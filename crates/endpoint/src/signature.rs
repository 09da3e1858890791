//! SigV4 signatures: whether a request carries one, and whether it is right.
//!
//! AWS refuses unsigned requests before it looks at anything else, and so do we. A signature's value is verified once
//! credentials are configured; until then its presence is enough, which is why the server binds to loopback only unless told
//! otherwise.

mod claim;
mod plain;
mod verify;

pub use verify::{Refusal, Scope, verify};

use crate::credentials::Credentials;
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

/// Whether a request is to be refused before anything else is looked at. While nothing is verified, a presigned address counts
/// as unsigned: a page from elsewhere can make one up, but cannot add an `Authorization` header without asking.
pub fn is_unsigned(credentials: &Credentials, parts: &Parts) -> bool {
    match signature(parts) {
        Signature::Missing => true,
        Signature::Present => !credentials.are_configured() && !parts.headers.contains_key(AUTHORIZATION),
        Signature::Incomplete => false,
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
mod tests;
