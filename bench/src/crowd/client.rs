//! One client: its handshake, and the messages it must get, each once and in order.

use super::Check;
use crate::frame::{self, Said};
use mio::net::TcpStream;
use socket2::SockRef;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

/// The example of RFC 6455, 1.3, and its answer.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

pub(super) struct Client {
    socket: TcpStream,
    phase: Phase,
    /// The number of the message that must come next.
    next: u64,
    /// The beginning of a response or frame whose end has not come.
    held: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connecting,
    Upgrading,
    Open,
}

/// What a look at the socket brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    Nothing,
    Some,
    /// The last message that was waited for.
    Last,
}

/// What must never happen.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Refused(String),
    /// The server ended the connection, with this close code if it said one.
    Ended(Option<u16>),
    Io(ErrorKind),
    Damaged,
    Unasked(u8),
    /// A message came that was received before.
    Twice {
        expected: u64,
        came: u64,
    },
    /// Messages before this one are missing.
    Lost {
        expected: u64,
        came: u64,
    },
    /// A message came that nobody has sent yet.
    TooEarly(u64),
}

impl Client {
    pub(super) fn dial(server: SocketAddr, first: u64) -> io::Result<Self> {
        let socket = TcpStream::connect(server)?;
        // Ten thousand clients that leave would occupy ten thousand ports for a minute; a reset leaves none behind.
        SockRef::from(&socket).set_linger(Some(Duration::ZERO))?;
        Ok(Self { socket, phase: Phase::Connecting, next: first, held: Vec::new() })
    }

    pub(super) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// Brings the handshake forward; `true` when this completed it.
    pub(super) fn progress(&mut self, path: &str, buffer: &mut [u8]) -> Result<bool, Problem> {
        if self.phase == Phase::Connecting {
            if let Some(error) = self.socket.take_error()? {
                return Err(error.into());
            }
            if self.socket.peer_addr().is_err() {
                return Ok(false);
            }
            self.socket.set_nodelay(true)?;
            self.socket.write_all(request(path).as_bytes())?;
            self.phase = Phase::Upgrading;
        }
        if self.phase != Phase::Upgrading || !self.read_into_held(buffer)? {
            return Ok(false);
        }
        let Some(end) = self.held.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(false) };
        let head = String::from_utf8_lossy(&self.held[..end]).into_owned();
        if !(head.starts_with("HTTP/1.1 101 ") && head.contains(ACCEPT)) {
            return Err(Problem::Refused(head.lines().next().unwrap_or_default().to_owned()));
        }
        if self.held.len() > end + 4 {
            return Err(Problem::TooEarly(self.next));
        }
        self.held = Vec::new();
        self.phase = Phase::Open;
        Ok(true)
    }

    /// Reads all there is and checks it against what must come.
    pub(super) fn receive(&mut self, until: u64, check: Check, buffer: &mut [u8]) -> Result<Received, Problem> {
        let before = self.next;
        loop {
            let length = match self.socket.read(buffer) {
                Ok(0) => return Err(Problem::Ended(None)),
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            self.take(&buffer[..length], until, check)?;
            if length < buffer.len() {
                break;
            }
        }
        Ok(match self.next {
            same if same == before => Received::Nothing,
            last if last == until => Received::Last,
            _ => Received::Some,
        })
    }

    fn take(&mut self, bytes: &[u8], until: u64, check: Check) -> Result<(), Problem> {
        if self.held.is_empty() {
            let taken = self.take_frames(bytes, until, check)?;
            self.held.extend_from_slice(&bytes[taken..]);
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(bytes);
            let taken = self.take_frames(&held, until, check)?;
            self.held = held.split_off(taken);
        }
        Ok(())
    }

    fn take_frames(&mut self, bytes: &[u8], until: u64, check: Check) -> Result<usize, Problem> {
        let mut at = 0;
        while let Some((said, length)) = frame::first(&bytes[at..]) {
            match said {
                Said::Text(payload) => self.next = following(self.next, until, check(payload))?,
                Said::Close(code) => return Err(Problem::Ended(code)),
                Said::Other(opening) => return Err(Problem::Unasked(opening)),
            }
            at += length;
        }
        Ok(at)
    }

    /// `true` when something came.
    fn read_into_held(&mut self, buffer: &mut [u8]) -> Result<bool, Problem> {
        match self.socket.read(buffer) {
            Ok(0) => Err(Problem::Ended(None)),
            Ok(length) => {
                self.held.extend_from_slice(&buffer[..length]);
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// The number that must come after `came`, if `came` is what must come now.
fn following(expected: u64, until: u64, came: Option<u64>) -> Result<u64, Problem> {
    match came {
        None => Err(Problem::Damaged),
        Some(came) if came >= until => Err(Problem::TooEarly(came)),
        Some(came) if came < expected => Err(Problem::Twice { expected, came }),
        Some(came) if came > expected => Err(Problem::Lost { expected, came }),
        Some(_) => Ok(expected + 1),
    }
}

fn request(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: sluicegate-bench\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    )
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Io(error.kind())
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(status) => write!(f, "the server refused it: {status}"),
            Self::Ended(Some(code)) => write!(f, "the server closed it with {code}"),
            Self::Ended(None) => f.write_str("the server ended it"),
            Self::Io(kind) => write!(f, "{kind}"),
            Self::Damaged => f.write_str("a message was not as it was sent"),
            Self::Unasked(opening) => write!(f, "a frame came that was not asked for ({opening:#04x})"),
            Self::Twice { expected, came } => write!(f, "message {came} came again (expected {expected})"),
            Self::Lost { expected, came } => write!(f, "message {came} came, but {expected} is missing"),
            Self::TooEarly(came) => write!(f, "message {came} came before it was sent"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_next_message_is_accepted() {
        for (came, outcome) in [
            (Some(5), Ok(6)),
            (Some(4), Err(Problem::Twice { expected: 5, came: 4 })),
            (Some(6), Err(Problem::Lost { expected: 5, came: 6 })),
            (Some(8), Err(Problem::TooEarly(8))),
            (None, Err(Problem::Damaged)),
        ] {
            assert_eq!(following(5, 8, came), outcome, "{came:?}");
        }
    }
}
