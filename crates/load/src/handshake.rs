//! The opening handshake, RFC 6455, 4: a request with a nonce, and an answer that must know it.

use crate::target::Target;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// An answer whose head is longer is refused.
pub const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Headers of an answer.
const MAX_HEADERS: usize = 64;
/// What is shown of a refusal's body.
const SHOWN_BYTES: usize = 120;
/// RFC 6455, 1.3.
const ACCEPT_SALT: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

pub(crate) struct Handshake {
    pub request: Vec<u8>,
    accept: String,
}

/// What the server answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The head is not there as a whole.
    Unfinished,
    /// It agreed; frames begin after this many bytes.
    Agreed(usize),
    Refused(String),
}

impl Handshake {
    pub(crate) fn new(target: &Target) -> Self {
        let key = STANDARD.encode(fastrand::u128(..).to_ne_bytes());
        let accept = STANDARD.encode(Sha1::new().chain_update(&key).chain_update(ACCEPT_SALT).finalize());
        let mut request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: sluicegate-load/{}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n",
            target.path,
            target.host,
            env!("CARGO_PKG_VERSION")
        );
        for (name, value) in &target.headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        Self { request: request.into_bytes(), accept }
    }

    pub(crate) fn answer(&self, held: &[u8]) -> Answer {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let end = match response.parse(held) {
            Ok(httparse::Status::Complete(end)) => end,
            Ok(httparse::Status::Partial) if held.len() <= MAX_HEAD_BYTES => return Answer::Unfinished,
            Ok(httparse::Status::Partial) => {
                return Answer::Refused(format!("its answer has a head of more than {MAX_HEAD_BYTES} bytes"));
            }
            Err(problem) => return Answer::Refused(format!("its answer is not HTTP/1.1 ({problem}): {}", shown(held))),
        };
        let status = response.code.unwrap_or_default();
        if status != 101 {
            let reason = response.reason.unwrap_or_default();
            let body = shown(&held[end..]);
            return Answer::Refused(format!("HTTP {status} {reason} {body}").trim_end().to_owned());
        }
        let accept = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("sec-websocket-accept"));
        if accept.is_none_or(|header| header.value != self.accept.as_bytes()) {
            return Answer::Refused("its 101 does not answer the key that was sent (Sec-WebSocket-Accept)".to_owned());
        }
        Answer::Agreed(end)
    }
}

/// The beginning of what came, on one line.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN_BYTES)]);
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_to_the_key_is_an_agreement() {
        let handshake = Handshake::new(&Target::plain(([127, 0, 0, 1], 1).into(), "/a"));
        let agreed = format!("HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: {}\r\n\r\n", handshake.accept);
        assert_eq!(handshake.answer(format!("{agreed}frames").as_bytes()), Answer::Agreed(agreed.len()));
        assert_eq!(handshake.answer(&agreed.as_bytes()[..agreed.len() - 1]), Answer::Unfinished);
        for (answer, said) in [
            ("HTTP/1.1 403 Forbidden\r\n\r\n{\"message\":\"no\"}", "HTTP 403 Forbidden {\"message\":\"no\"}"),
            ("HTTP/1.1 101 Yes\r\nSec-WebSocket-Accept: wrong\r\n\r\n", "does not answer the key"),
            ("HTTP/1.1 101 Yes\r\n\r\n", "does not answer the key"),
            ("SSH-2.0-OpenSSH\r\n", "is not HTTP/1.1"),
            (&format!("HTTP/1.1 101 Yes\r\nX: {}", "x".repeat(MAX_HEAD_BYTES)), "head of more than"),
        ] {
            match handshake.answer(answer.as_bytes()) {
                Answer::Refused(why) => assert!(why.contains(said), "{why}"),
                other => panic!("{other:?} to {answer}"),
            }
        }
    }
}
