//! One client: its handshake, its frames, and what could not be written yet.

use crate::frame::{self, Broken, Kind};
use crate::handshake::{Answer, Handshake};
use crate::stream::{Reading, Stream};
use crate::target::Target;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

/// What a client keeps for a server that does not read. Beyond it nothing more is sent.
pub const MAX_UNSENT_BYTES: usize = 4 * 1024 * 1024;
/// Reads at a time, so that a server that never stops sending to one cannot starve the others.
const MAX_READS: usize = 16;

pub(crate) struct Client {
    pub stream: Stream,
    phase: Phase,
    /// Whether what comes is read. A slow reader leaves it to the kernel.
    pub reads: bool,
    /// The beginning of a response or frame whose end has not come.
    held: Vec<u8>,
    /// The pieces of a message whose last has not come.
    pieces: Vec<u8>,
    in_pieces: bool,
    /// Frames that the socket did not take.
    unsent: Vec<u8>,
}

enum Phase {
    Connecting(Box<Dialing>),
    Upgrading(Box<Dialing>),
    Open,
}

struct Dialing {
    handshake: Handshake,
    begun: Instant,
    /// How much of the request is written.
    written: usize,
}

/// Why a connection is no more, or never was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ending {
    #[error("the server refused it: {0}")]
    Refused(String),
    #[error("the server closed it with {0}")]
    Closed(CloseCode),
    #[error("the server ended it without a word")]
    Gone,
    #[error("{0}")]
    Failed(String),
    #[error("the server broke the protocol: {0}")]
    Broken(#[from] Broken),
    #[error("no answer to the handshake within {0:?}")]
    TimedOut(std::time::Duration),
}

/// A close frame's code and reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseCode(pub Option<u16>, pub String);

/// What a look at a socket led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Everything there was is read.
    Idle,
    /// There may be more: the next look should come without waiting for an event.
    Unfinished,
}

impl Client {
    pub(crate) fn dial(
        target: &Target,
        route: (SocketAddr, Option<SocketAddr>),
        reading: Reading,
    ) -> Result<Self, Ending> {
        let stream = Stream::dial(target, route, reading)?;
        let dialing = Dialing { handshake: Handshake::new(target), begun: Instant::now(), written: 0 };
        Ok(Self {
            stream,
            phase: Phase::Connecting(Box::new(dialing)),
            reads: true,
            held: Vec::new(),
            pieces: Vec::new(),
            in_pieces: false,
            unsent: Vec::new(),
        })
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// When this connection was begun, if it is not open yet.
    pub(crate) fn dialing_since(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Connecting(dialing) | Phase::Upgrading(dialing) => Some(dialing.begun),
            Phase::Open => None,
        }
    }

    /// Brings the handshake forward; when it was begun, if this completed it.
    pub(crate) fn shake_hands(&mut self, buffer: &mut [u8]) -> Result<Option<Instant>, Ending> {
        if let Phase::Connecting(_) = self.phase {
            if !self.stream.is_connected()? {
                return Ok(None);
            }
            if let Phase::Connecting(dialing) = std::mem::replace(&mut self.phase, Phase::Open) {
                self.phase = Phase::Upgrading(dialing);
            }
        }
        let Phase::Upgrading(dialing) = &mut self.phase else { return Ok(None) };
        while dialing.written < dialing.handshake.request.len() {
            match self.stream.write(&dialing.handshake.request[dialing.written..]) {
                Ok(length) => dialing.written += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        flushed(&mut self.stream)?;
        loop {
            let length = match self.stream.read(buffer) {
                Ok(0) => return Err(Ending::Gone),
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            self.held.extend_from_slice(&buffer[..length]);
            match dialing.handshake.answer(&self.held) {
                Answer::Unfinished => {}
                Answer::Refused(why) => return Err(Ending::Refused(why)),
                Answer::Agreed(end) => {
                    let begun = dialing.begun;
                    self.held = self.held.split_off(end);
                    self.phase = Phase::Open;
                    return Ok(Some(begun));
                }
            }
        }
    }

    /// Reads what is there, and hands every whole message to `each`.
    pub(crate) fn read(&mut self, buffer: &mut [u8], mut each: impl FnMut(&[u8])) -> Result<Progress, Ending> {
        if !self.reads {
            return Ok(Progress::Idle);
        }
        // What came right behind the handshake.
        self.take(&[], &mut each)?;
        for _ in 0..MAX_READS {
            let length = match self.stream.read(buffer) {
                Ok(0) => return Err(Ending::Gone),
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Progress::Idle),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            self.take(&buffer[..length], &mut each)?;
            if length < buffer.len() && self.stream.short_reads_are_last() {
                return Ok(Progress::Idle);
            }
        }
        Ok(Progress::Unfinished)
    }

    fn take(&mut self, bytes: &[u8], each: &mut impl FnMut(&[u8])) -> Result<(), Ending> {
        if self.held.is_empty() {
            let taken = self.take_frames(bytes, each)?;
            self.held.extend_from_slice(&bytes[taken..]);
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(bytes);
            let taken = self.take_frames(&held, each)?;
            // A client between messages holds nothing.
            self.held = if taken < held.len() { held.split_off(taken) } else { Vec::new() };
        }
        Ok(())
    }

    fn take_frames(&mut self, bytes: &[u8], each: &mut impl FnMut(&[u8])) -> Result<usize, Ending> {
        let mut at = 0;
        while let Some((frame, length)) = frame::first(&bytes[at..])? {
            match frame.kind {
                Kind::Text | Kind::Binary if self.in_pieces => return Err(Broken::Pieces.into()),
                Kind::Text | Kind::Binary if frame.last => each(frame.payload),
                Kind::Text | Kind::Binary => {
                    self.in_pieces = true;
                    self.pieces.extend_from_slice(frame.payload);
                }
                Kind::Continuation => self.continued(&frame, each)?,
                Kind::Ping => {
                    // A server that pings faster than it reads learns that its pongs are missing.
                    let _ = self.send(Kind::Pong, frame.payload);
                }
                Kind::Pong => {}
                Kind::Close => return Err(Ending::Closed(close_code(frame.payload))),
            }
            at += length;
        }
        Ok(at)
    }

    fn continued(&mut self, frame: &frame::Frame<'_>, each: &mut impl FnMut(&[u8])) -> Result<(), Ending> {
        let length = self.pieces.len() + frame.payload.len();
        if !self.in_pieces {
            return Err(Broken::Pieces.into());
        }
        if length > frame::MAX_MESSAGE_BYTES {
            return Err(Broken::TooLong(length as u64).into());
        }
        self.pieces.extend_from_slice(frame.payload);
        if frame.last {
            self.in_pieces = false;
            each(&std::mem::take(&mut self.pieces));
        }
        Ok(())
    }

    /// Sends a message, or keeps it until the socket takes it. `false`: too much is kept already, nothing was sent.
    pub(crate) fn send(&mut self, kind: Kind, payload: &[u8]) -> Result<bool, Ending> {
        if self.unsent.len() + payload.len() > MAX_UNSENT_BYTES {
            return Ok(false);
        }
        frame::masked(kind, payload, fastrand::u32(..).to_ne_bytes(), &mut self.unsent);
        self.write()?;
        Ok(true)
    }

    /// Writes what is kept, as far as the socket takes it.
    pub(crate) fn write(&mut self) -> Result<(), Ending> {
        let mut written = 0;
        while written < self.unsent.len() {
            match self.stream.write(&self.unsent[written..]) {
                Ok(length) => written += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        if written == self.unsent.len() {
            self.unsent = Vec::new();
        } else {
            self.unsent.drain(..written);
        }
        flushed(&mut self.stream)
    }
}

/// Writes what the session has encrypted; the rest follows when the socket is writable again.
fn flushed(stream: &mut Stream) -> Result<(), Ending> {
    match stream.flush() {
        Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error.into()),
        _ => Ok(()),
    }
}

fn close_code(payload: &[u8]) -> CloseCode {
    let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
    CloseCode(code, String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned())
}

impl std::fmt::Display for CloseCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0, self.1.as_str()) {
            (None, _) => f.write_str("an empty close frame"),
            (Some(code), "") => write!(f, "{code}"),
            (Some(code), reason) => write!(f, "{code} ({reason})"),
        }
    }
}

impl From<std::io::Error> for Ending {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedEof => Self::Gone,
            _ => Self::Failed(error.to_string()),
        }
    }
}
