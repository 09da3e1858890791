//! The client's side of RFC 6455: frames as the case wants them, right or wrong.

use super::patiently;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, Bytes, BytesMut};
use sha1::{Digest, Sha1};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const KEY_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
/// The same for every frame: what proxies might make of a mask that can be guessed is no concern here.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What can stand in the first byte of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// 1005 where the frame has no code.
    Close(u16, String),
    /// The connection ended without another message.
    End,
}

/// An open connection.
pub struct Socket {
    stream: TcpStream,
    buffer: BytesMut,
    /// Looked at, but not received yet.
    ahead: VecDeque<Message>,
}

/// What proves that the server has read `key`.
pub fn accept_of(key: &str) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(KEY_SUFFIX).finalize())
}

pub fn new_key() -> String {
    STANDARD.encode(fastrand::u128(..).to_be_bytes())
}

impl Socket {
    pub fn new(stream: TcpStream, early: Bytes) -> Self {
        Self { stream, buffer: BytesMut::from(&early[..]), ahead: VecDeque::new() }
    }

    pub async fn send(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), String> {
        self.send_raw(&frame(opcode, FIN, payload)).await
    }

    /// A text message in one frame for each part.
    pub async fn send_fragments(&mut self, parts: &[&[u8]]) -> Result<(), String> {
        for (index, part) in parts.iter().enumerate() {
            let opcode = if index == 0 { Opcode::Text } else { Opcode::Continuation };
            let fin = if index + 1 == parts.len() { FIN } else { 0 };
            self.send_raw(&frame(opcode, fin, part)).await?;
        }
        Ok(())
    }

    pub async fn send_close(&mut self, code: Option<u16>, reason: &str) -> Result<(), String> {
        let payload = code.map_or(Vec::new(), |code| [&code.to_be_bytes(), reason.as_bytes()].concat());
        self.send(Opcode::Close, &payload).await
    }

    pub async fn send_raw(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.stream.write_all(bytes).await.map_err(|error| format!("could not send: {error}"))
    }

    /// The next message or control frame.
    pub async fn next(&mut self) -> Result<Message, String> {
        match self.ahead.pop_front() {
            Some(message) => Ok(message),
            None => patiently("a message", self.read_message()).await?,
        }
    }

    /// Looks at the message of that number from here, from 1, which stays to be received.
    pub async fn look_ahead(&mut self, nth: usize) -> Result<&Message, String> {
        while self.ahead.len() < nth {
            let message = patiently("a message", self.read_message()).await??;
            self.ahead.push_back(message);
        }
        Ok(&self.ahead[nth - 1])
    }

    /// Ends the connection with a TCP reset.
    pub fn reset(self) -> Result<(), String> {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).map_err(|error| error.to_string())
    }

    async fn read_message(&mut self) -> Result<Message, String> {
        let mut whole: Option<(u8, Vec<u8>)> = None;
        loop {
            let Some((first, payload)) = self.read_frame().await? else { return Ok(Message::End) };
            if first & RESERVED != 0 {
                return Err(format!("a frame has reserved bits that nobody negotiated: {first:#04x}"));
            }
            match (first & 0x0f, &mut whole) {
                (0, Some((_, text))) => text.extend(payload),
                (opcode @ (1 | 2), None) => whole = Some((opcode, payload)),
                (8, _) => return close(&payload),
                (9, _) => return Ok(Message::Ping(payload)),
                (10, _) => return Ok(Message::Pong(payload)),
                (opcode, _) => return Err(format!("a frame with opcode {opcode} is out of place")),
            }
            if first & FIN != 0
                && let Some((opcode, payload)) = whole.take()
            {
                return match opcode {
                    1 => String::from_utf8(payload).map(Message::Text).map_err(|_| "a text is not UTF-8".to_owned()),
                    _ => Ok(Message::Binary(payload)),
                };
            }
        }
    }

    async fn read_frame(&mut self) -> Result<Option<(u8, Vec<u8>)>, String> {
        if !self.fill(2).await {
            return Ok(None);
        }
        let (first, second) = (self.buffer[0], self.buffer[1]);
        if second & 0x80 != 0 {
            return Err("a server's frame is masked".to_owned());
        }
        let extended = match second {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if !self.fill(2 + extended).await {
            return Ok(None);
        }
        self.buffer.advance(2);
        let length = match extended {
            2 => usize::from(self.buffer.get_u16()),
            8 => usize::try_from(self.buffer.get_u64()).map_err(|error| error.to_string())?,
            _ => usize::from(second),
        };
        if !self.fill(length).await {
            return Ok(None);
        }
        Ok(Some((first, self.buffer.split_to(length).to_vec())))
    }

    /// Reads until there are so many bytes; `false` if the connection ends before.
    async fn fill(&mut self, length: usize) -> bool {
        while self.buffer.len() < length {
            // A reset is an end like any other.
            if self.stream.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                return false;
            }
        }
        true
    }
}

fn close(payload: &[u8]) -> Result<Message, String> {
    match payload {
        [] => Ok(Message::Close(1005, String::new())),
        [high, low, reason @ ..] => {
            let reason = String::from_utf8(reason.to_vec()).map_err(|_| "a close reason is not UTF-8".to_owned())?;
            Ok(Message::Close(u16::from_be_bytes([*high, *low]), reason))
        }
        [_] => Err("a close frame has half a code".to_owned()),
    }
}

/// A masked frame.
fn frame(opcode: Opcode, fin: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![fin | opcode as u8];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..65536 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}
