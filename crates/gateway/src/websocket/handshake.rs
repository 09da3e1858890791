//! The HTTP side of an upgrade (RFC 6455, 4.2): is it one, and what proves that we understood it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONNECTION, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Version};
use sha1::{Digest, Sha1};

const KEY_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const KEY_BYTES: usize = 16;

/// Why a request is no handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// An ordinary request: 426.
    NotAnUpgrade,
    /// An upgrade to another version than 13: 426 that names ours.
    WrongVersion,
    /// An upgrade without a usable key: 400.
    BadKey,
}

/// Checks the request and computes `Sec-WebSocket-Accept`.
pub fn accept_key(request: &Parts) -> Result<HeaderValue, Refusal> {
    if !is_upgrade(&request.method, request.version, &request.headers) {
        return Err(Refusal::NotAnUpgrade);
    }
    if request.headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(Refusal::WrongVersion);
    }
    let key = single(&request.headers, &SEC_WEBSOCKET_KEY).ok_or(Refusal::BadKey)?;
    if STANDARD.decode(key).map_or(true, |nonce| nonce.len() != KEY_BYTES) {
        return Err(Refusal::BadKey);
    }
    let accept = STANDARD.encode(Sha1::new().chain_update(key).chain_update(KEY_SUFFIX).finalize());
    Ok(HeaderValue::from_str(&accept).expect("Base64 is visible ASCII"))
}

/// Whether a request asks for a WebSocket, well or badly.
pub fn is_upgrade(method: &Method, version: Version, headers: &HeaderMap) -> bool {
    *method == Method::GET
        && version == Version::HTTP_11
        && has_token(headers, &UPGRADE, "websocket")
        && has_token(headers, &CONNECTION, "upgrade")
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then_some(first.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::get("/prod");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_answer_proves_the_key_was_read() {
        // The example of RFC 6455, 1.3.
        let good = [
            ("Upgrade", "websocket"),
            ("Connection", "keep-alive, Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        assert_eq!(accept_key(&request(&good)).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn what_is_no_handshake_is_refused_with_its_reason() {
        let key = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        let upgrade = [("Upgrade", "websocket"), ("Connection", "upgrade")];
        for (headers, expected) in [
            (vec![], Refusal::NotAnUpgrade),
            (vec![upgrade[0], key], Refusal::NotAnUpgrade),
            (vec![("Upgrade", "h2c"), upgrade[1], key], Refusal::NotAnUpgrade),
            (vec![upgrade[0], upgrade[1], key], Refusal::WrongVersion),
            (vec![upgrade[0], upgrade[1], key, ("Sec-WebSocket-Version", "8")], Refusal::WrongVersion),
            (vec![upgrade[0], upgrade[1], ("Sec-WebSocket-Version", "13")], Refusal::BadKey),
            (vec![upgrade[0], upgrade[1], ("Sec-WebSocket-Version", "13"), key, key], Refusal::BadKey),
            (
                vec![upgrade[0], upgrade[1], ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "c2hvcnQ=")],
                Refusal::BadKey,
            ),
        ] {
            assert_eq!(accept_key(&request(&headers)), Err(expected), "{headers:?}");
        }
    }
}
