//! What must hold for every stream of bytes: cutting it changes nothing, no bytes do harm, and valid streams mean to us what
//! they mean to another implementation.

use super::{RELAXED, STRICT, decode_pieces, frame, squeezed};
use crate::websocket::{Compression, Rules};
use proptest::collection::vec;
use proptest::prelude::*;
use std::io::{self, Cursor, Read, Write};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// Frames that are often almost right: known and unknown opcodes, all flags, plausible payloads.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        4 => "[a-zäöü€😀]{0,40}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..150),
        1 => "[ab]{0,80}".prop_map(|text| squeezed(text.as_bytes())),
        1 => (990u16..1020, "[a-z]{0,5}").prop_map(|(code, why)| [&code.to_be_bytes()[..], why.as_bytes()].concat()),
    ];
    let first = prop_oneof![
        6 => prop::sample::select(vec![0x81, 0x01, 0x00, 0x80, 0x82, 0x02, 0x89, 0x8A, 0xC1, 0x41, 0xC2]),
        1 => any::<u8>(),
    ];
    (first, payload).prop_map(|(first, payload)| frame(first, &payload))
}

fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let noise = vec(any::<u8>(), 0..200);
    prop_oneof![4 => vec(any_frame(), 0..8).prop_map(|frames| frames.concat()), 1 => noise]
}

fn any_rules() -> impl Strategy<Value = Rules> {
    prop_oneof![Just(STRICT), Just(RELAXED)]
}

/// `wire` cut at the given places.
fn pieces<'a>(wire: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(wire.len() + 1)).chain([0, wire.len()]).collect();
    at.sort_unstable();
    at.windows(2).map(|pair| &wire[pair[0]..pair[1]]).collect()
}

proptest! {
    #[test]
    fn cutting_a_stream_changes_nothing(
        wire in any_stream(),
        cuts in vec(any::<prop::sample::Index>(), 0..20),
        rules in any_rules(),
    ) {
        let whole = decode_pieces([&wire[..]].into_iter(), rules);
        prop_assert_eq!(&decode_pieces(pieces(&wire, &cuts).into_iter(), rules), &whole);
        prop_assert_eq!(&decode_pieces(wire.chunks(1), rules), &whole);
    }

    #[test]
    fn valid_streams_mean_what_they_mean_to_others(messages in vec(any_message(), 0..10)) {
        let wire: Vec<u8> = messages.iter().flat_map(Sent::wire).collect();
        let rules = Rules { compression: Compression::None, ..RELAXED };
        let (ours, broken) = decode_pieces(wire.chunks(7), rules);
        prop_assert_eq!(broken, None);
        prop_assert_eq!(ours, as_tungstenite_reads(wire));
    }
}

/// A message or ping as a client may send it.
#[derive(Clone, Debug)]
enum Sent {
    Text(Vec<String>),
    Binary(Vec<Vec<u8>>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

impl Sent {
    fn wire(&self) -> Vec<u8> {
        match self {
            Self::Text(pieces) => fragments(0x1, pieces.iter().map(String::as_bytes)),
            Self::Binary(pieces) => fragments(0x2, pieces.iter().map(Vec::as_slice)),
            Self::Ping(payload) => frame(0x89, payload),
            Self::Pong(payload) => frame(0x8A, payload),
        }
    }
}

/// A message in frames, with a ping behind the first of several.
fn fragments<'a>(opcode: u8, pieces: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<u8> {
    let last = pieces.len() - 1;
    let mut wire = Vec::new();
    for (index, piece) in pieces.enumerate() {
        let fin = if index == last { 0x80 } else { 0 };
        wire.extend(frame(fin | if index == 0 { opcode } else { 0 }, piece));
        if index == 0 && last > 0 {
            wire.extend(frame(0x89, b"between"));
        }
    }
    wire
}

fn any_message() -> impl Strategy<Value = Sent> {
    prop_oneof![
        vec("[a-zäöü€😀]{0,60}", 1..4).prop_map(Sent::Text),
        vec(vec(any::<u8>(), 0..300), 1..4).prop_map(Sent::Binary),
        vec(any::<u8>(), 0..=125).prop_map(Sent::Ping),
        vec(any::<u8>(), 0..=125).prop_map(Sent::Pong),
    ]
}

/// What tungstenite makes of a stream, in the words of [`decode_pieces`].
fn as_tungstenite_reads(wire: Vec<u8>) -> Vec<String> {
    let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
    let mut socket = WebSocket::from_raw_socket(OneWay(Cursor::new(wire)), Role::Server, Some(config));
    let mut events = Vec::new();
    loop {
        events.push(match socket.read() {
            Ok(Message::Text(text)) if text.len() > 64 => format!("text of {}", text.len()),
            Ok(Message::Text(text)) => format!("text {text}"),
            Ok(Message::Binary(bytes)) if bytes.len() > 64 => format!("binary of {}", bytes.len()),
            Ok(Message::Binary(bytes)) => format!("binary {:?}", bytes.to_vec()),
            Ok(Message::Ping(payload)) => format!("ping {}", String::from_utf8_lossy(&payload)),
            Ok(Message::Pong(_)) => "pong".to_owned(),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return events,
            other => panic!("tungstenite reads {other:?}"),
        });
    }
}

/// A socket that was sent a stream and takes whatever is answered.
struct OneWay(Cursor<Vec<u8>>);

impl Read for OneWay {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            read => Ok(read),
        }
    }
}

impl Write for OneWay {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
