//! What clients offer in `Sec-WebSocket-Extensions`, and what is agreed on (RFC 7692, 5 and 7.1).

use super::deflate::WINDOW_BITS;
use http::header::SEC_WEBSOCKET_EXTENSIONS;
use http::{HeaderMap, HeaderValue};

const AGREED: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// The answer to the client's offers; `None` when none can be kept to, and the connection goes on without.
///
/// The first offer that can be honoured is taken: clients put what they prefer first. A parameter we do not know, or that
/// says what it must not, declines its offer, never the connection.
pub fn agree(headers: &HeaderMap) -> Option<HeaderValue> {
    let offers = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).iter().filter_map(|value| value.to_str().ok());
    let window = offers.flat_map(|value| value.split(',')).find_map(accept)?;
    Some(match window {
        Window::Any => HeaderValue::from_static(AGREED),
        Window::Limited => HeaderValue::from_str(&format!("{AGREED}; server_max_window_bits={WINDOW_BITS}"))
            .expect("parameters are visible ASCII"),
    })
}

/// What the client said about the window of what it receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Window {
    Any,
    Limited,
}

/// `None` declines the offer.
fn accept(offer: &str) -> Option<Window> {
    let mut parts = offer.split(';').map(str::trim);
    if parts.next() != Some("permessage-deflate") {
        return None;
    }
    let mut seen = Vec::new();
    let mut window = Window::Any;
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim(), Some(unquoted(value.trim())?)),
            None => (part, None),
        };
        if seen.contains(&name) {
            return None;
        }
        seen.push(name);
        match (name, value) {
            ("server_no_context_takeover" | "client_no_context_takeover" | "client_max_window_bits", None) => {}
            // Whatever window the client compresses with, ours for restoring is the largest.
            ("client_max_window_bits", Some(bits)) => drop(window_bits(bits)?),
            ("server_max_window_bits", Some(bits)) if window_bits(bits)? >= WINDOW_BITS => window = Window::Limited,
            _ => return None,
        }
    }
    Some(window)
}

fn unquoted(value: &str) -> Option<&str> {
    match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"'),
        None => Some(value),
    }
}

/// 8 to 15, without leading zeros.
fn window_bits(text: &str) -> Option<u8> {
    (8..=15).find(|bits| bits.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_honoured_is_agreed_on() {
        let agreed = Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover".to_owned());
        let limited = agreed.as_ref().map(|agreed| format!("{agreed}; server_max_window_bits=12"));
        for (offers, expected) in [
            (&[][..], &None),
            (&["permessage-deflate"], &agreed),
            // What browsers, Node's ws and Python's websockets send.
            (&["permessage-deflate; client_max_window_bits"], &agreed),
            (&["permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"], &limited),
            (&["permessage-deflate; server_no_context_takeover; client_no_context_takeover"], &agreed),
            (&["permessage-deflate;client_max_window_bits=8"], &agreed),
            (&["permessage-deflate; server_max_window_bits=\"15\""], &limited),
            (&["permessage-deflate; server_max_window_bits = 15"], &limited),
            (&["x-webkit-deflate-frame, permessage-deflate"], &agreed),
            (&["x-webkit-deflate-frame", "permessage-deflate"], &agreed),
            (&["permessage-deflate; server_max_window_bits=9, permessage-deflate"], &agreed),
            // A window that is too small for us, values out of range, missing, superfluous or repeated, unknown names.
            (&["permessage-deflate; server_max_window_bits=11"], &None),
            (&["permessage-deflate; server_max_window_bits=8"], &None),
            (&["permessage-deflate; server_max_window_bits=16"], &None),
            (&["permessage-deflate; server_max_window_bits=012"], &None),
            (&["permessage-deflate; server_max_window_bits=\"12"], &None),
            (&["permessage-deflate; server_max_window_bits"], &None),
            (&["permessage-deflate; client_max_window_bits=7"], &None),
            (&["permessage-deflate; server_no_context_takeover=1"], &None),
            (&["permessage-deflate; client_max_window_bits; client_max_window_bits"], &None),
            (&["permessage-deflate; level=9"], &None),
            (&["permessage-deflate;"], &None),
            (&["permessage-bzip2"], &None),
            (&["permessage-deflated"], &None),
            (&[""], &None),
            (&[";,=\",;"], &None),
        ] {
            let mut headers = HeaderMap::new();
            for offer in offers {
                headers.append(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(offer));
            }
            let answer = agree(&headers).map(|answer| answer.to_str().unwrap().to_owned());
            assert_eq!(&answer, expected, "{offers:?}");
        }
    }
}
