//! A client that keeps to no protocol: bytes out as a test wants them, frames in as they come.

use crate::fixture::{PATIENCE, Server};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub struct Raw {
    pub socket: TcpStream,
    /// The answer to the handshake.
    pub head: String,
    buffer: Vec<u8>,
}

/// A frame from the server.
#[derive(Debug, PartialEq, Eq)]
pub struct Received {
    pub first: u8,
    pub payload: Vec<u8>,
}

pub fn handshake(stage: &str, extra: &str) -> String {
    format!(
        "GET /{stage} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{extra}\r\n"
    )
}

/// A masked frame; `first` carries flags and opcode.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x12, 0x34, 0x56, 0x78];
    let mut wire = vec![first];
    match payload.len() {
        length @ 0..=125 => wire.push(0x80 | length as u8),
        length @ 126..=0xFFFF => {
            wire.push(0x80 | 126);
            wire.extend((length as u16).to_be_bytes());
        }
        length => {
            wire.push(0x80 | 127);
            wire.extend((length as u64).to_be_bytes());
        }
    }
    wire.extend(mask);
    wire.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    wire
}

pub fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(0x88, &[&code.to_be_bytes()[..], reason].concat())
}

impl Raw {
    pub async fn dial(server: &Server) -> Self {
        let socket = TcpStream::connect(server.address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        Self { socket, head: String::new(), buffer: Vec::new() }
    }

    /// Connects to a stage; `extra` are further header lines.
    pub async fn connect(server: &Server, stage: &str, extra: &str) -> Self {
        let mut raw = Self::dial(server).await;
        raw.write(handshake(stage, extra).as_bytes()).await.unwrap();
        raw.answered().await;
        assert!(raw.head.starts_with("HTTP/1.1 101"), "{}", raw.head);
        raw
    }

    /// Waits for the end of the answer's head.
    pub async fn answered(&mut self) {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.fill().await, "no answer but {:?}", String::from_utf8_lossy(&self.buffer));
        };
        self.head = String::from_utf8(self.buffer.drain(..end).collect()).unwrap();
    }

    pub fn status(&self) -> u16 {
        self.head[9..12].parse().unwrap()
    }

    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes).await
    }

    /// The next frame; `None` at the end, however it came.
    pub async fn frame(&mut self) -> Option<Received> {
        loop {
            if let Some((received, used)) = parse(&self.buffer) {
                self.buffer.drain(..used);
                return Some(received);
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// All frames up to the server's end.
    pub async fn rest(&mut self) -> Vec<Received> {
        let mut frames = Vec::new();
        while let Some(frame) = self.frame().await {
            frames.push(frame);
        }
        frames
    }

    async fn fill(&mut self) -> bool {
        let read = tokio::time::timeout(PATIENCE, self.socket.read_buf(&mut self.buffer)).await;
        matches!(read.expect("an answer in time"), Ok(1..))
    }
}

impl Received {
    pub fn is_close(&self) -> bool {
        self.first == 0x88
    }

    /// The code of a close frame; 1005 when it has none.
    pub fn close_code(&self) -> u16 {
        assert!(self.is_close(), "{self:?}");
        self.payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code))
    }
}

fn parse(wire: &[u8]) -> Option<(Received, usize)> {
    let (length, start) = match *wire {
        [_, 127, ..] => (u64::from_be_bytes(*wire.get(2..)?.first_chunk()?) as usize, 10),
        [_, 126, ..] => (usize::from(u16::from_be_bytes(*wire.get(2..)?.first_chunk()?)), 4),
        [_, length, ..] => (usize::from(length), 2),
        _ => return None,
    };
    let payload = wire.get(start..start + length)?.to_vec();
    Some((Received { first: wire[0], payload }, start + length))
}
