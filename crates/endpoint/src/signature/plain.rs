//! What is signed of a request that can be written in one way only, as nearly all can: no query, no dots and no doubled slashes
//! in its path, no spaces to be folded in its headers.
//!
//! All others are left to AWS's signer, and so is the judgement of this one: a test holds the two together.

use super::claim::{Claim, Place};
use http::header::HeaderMap;
use http::request::Parts;
use sha2::{Digest, Sha256};

const ALGORITHM: &[u8] = b"AWS4-HMAC-SHA256\n";
const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// Room for what is usual, so that nothing is moved.
const USUAL_BYTES: usize = 1024;

/// The string to sign. `None`: the request is not one of these.
pub(super) fn string_to_sign(claim: &Claim, parts: &Parts, body: &[u8]) -> Option<Vec<u8>> {
    if claim.place != Place::Header || parts.uri.query().is_some() {
        return None;
    }
    let mut canonical = Vec::with_capacity(USUAL_BYTES);
    canonical.extend_from_slice(parts.method.as_str().as_bytes());
    canonical.push(b'\n');
    put_path(&mut canonical, parts.uri.path())?;
    canonical.extend_from_slice(b"\n\n");
    let mut date = None;
    let mut before = "";
    for name in &claim.signed_headers {
        if name.as_str() <= before || name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        before = name;
        let value = only_value(&parts.headers, name)?;
        if name == "x-amz-date" {
            date = Some(value);
        }
        canonical.extend_from_slice(name.as_bytes());
        canonical.push(b':');
        canonical.extend_from_slice(value.as_bytes());
        canonical.push(b'\n');
    }
    for name in &claim.signed_headers {
        canonical.push(if *name == claim.signed_headers[0] { b'\n' } else { b';' });
        canonical.extend_from_slice(name.as_bytes());
    }
    canonical.push(b'\n');
    put_digest(&mut canonical, body);

    let date = date?;
    let mut text = Vec::with_capacity(USUAL_BYTES);
    text.extend_from_slice(ALGORITHM);
    text.extend_from_slice(date.as_bytes());
    text.push(b'\n');
    for part in [date.get(..8)?, &claim.region, &claim.service] {
        text.extend_from_slice(part.as_bytes());
        text.push(b'/');
    }
    text.extend_from_slice(b"aws4_request\n");
    put_digest(&mut text, &canonical);
    Some(text)
}

/// A path is escaped as a client has sent it, so its percent signs are escaped once more.
fn put_path(canonical: &mut Vec<u8>, path: &str) -> Option<()> {
    if !path.starts_with('/') || path.contains("//") {
        return None;
    }
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b'/' => canonical.push(byte),
            b'%' => canonical.extend_from_slice(b"%25"),
            b'@' => canonical.extend_from_slice(b"%40"),
            b'=' => canonical.extend_from_slice(b"%3D"),
            b'+' => canonical.extend_from_slice(b"%2B"),
            _ => return None,
        }
    }
    Some(())
}

/// A header's value, if it has one and there is nothing to fold in it.
fn only_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let value = value.to_str().ok()?;
    (!value.starts_with(' ') && !value.ends_with(' ') && !value.contains("  ")).then_some(value)
}

/// The SHA-256 of some bytes, in hexadecimal digits.
fn put_digest(text: &mut Vec<u8>, bytes: &[u8]) {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    text.extend(digest.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0xF)]]));
}
