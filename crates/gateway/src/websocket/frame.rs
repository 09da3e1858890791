//! Outbound frames: encoded once, shared by every socket they are written to.

use super::deflate::{DEFLATE_FROM_BYTES, Deflater};
use super::rules::Compression;
use bytes::{BufMut, Bytes, BytesMut};
use sluicegate_protocol::{CloseReason, limits};
use std::sync::{Arc, OnceLock};

const FIN: u8 = 0x80;
/// On the first frame of a compressed message (RFC 7692, 6).
const RSV1: u8 = 0x40;
const OPCODE: u8 = 0x0F;
const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PONG: u8 = 0xA;

/// The longest header of an unmasked frame: two bytes and a 64-bit length.
const HEADER_BYTES: usize = 10;

/// A message as it goes over the wire, header and all. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct Frame {
    plain: Bytes,
    /// The same message compressed, made when the first connection wants it and shared by all; absent where nobody can.
    deflated: Option<Arc<OnceLock<Bytes>>>,
}

impl Frame {
    /// Encodes a message as text, or as binary where it is not UTF-8. Messages above 32 KB become several frames, as API
    /// Gateway sends them. With `Compression::Deflate`, connections that negotiated it may be sent less.
    pub fn message(payload: &[u8], compression: Compression) -> Self {
        let opcode = if std::str::from_utf8(payload).is_ok() { TEXT } else { BINARY };
        Self::with_opcode(opcode, payload, compression)
    }

    /// Encodes a message as binary, whatever its bytes look like.
    pub fn binary(payload: &[u8], compression: Compression) -> Self {
        Self::with_opcode(BINARY, payload, compression)
    }

    fn with_opcode(opcode: u8, payload: &[u8], compression: Compression) -> Self {
        let deflated = compression == Compression::Deflate && payload.len() >= DEFLATE_FROM_BYTES;
        Self { plain: put_message(opcode, payload), deflated: deflated.then(Arc::default) }
    }

    /// The bytes for connections without compression.
    pub fn plain(&self) -> &Bytes {
        &self.plain
    }

    /// The bytes for connections that negotiated compression: where it does not pay, the same.
    pub fn deflated(&self, deflater: &mut Deflater) -> &Bytes {
        let Some(deflated) = &self.deflated else { return &self.plain };
        deflated.get_or_init(|| match deflater.deflate(Payloads(&self.plain)) {
            Some(payload) => put_message(self.plain[0] & OPCODE | RSV1, &payload),
            None => self.plain.clone(),
        })
    }

    /// The bytes for a connection that negotiated `compression`.
    pub fn bytes_for(&self, compression: Compression, deflater: &mut Deflater) -> &Bytes {
        match compression {
            Compression::None => self.plain(),
            Compression::Deflate => self.deflated(deflater),
        }
    }
}

/// The payloads of the frames of a message of ours, which are not kept a second time.
#[derive(Clone)]
struct Payloads<'a>(&'a [u8]);

impl<'a> Iterator for Payloads<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = match *self.0 {
            [_, 126, high, low, ref rest @ ..] => (usize::from(u16::from_be_bytes([high, low])), rest),
            [_, short @ 0..=125, ref rest @ ..] => (usize::from(short), rest),
            // No frame of ours is longer than 64 KB.
            _ => return None,
        };
        let (payload, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(payload)
    }
}

/// Splits a message into frames; `first` is the first byte of the first, but for the bit that says whether it is the last.
fn put_message(first: u8, payload: &[u8]) -> Bytes {
    let pieces = payload.len().div_ceil(limits::FRAME_BYTES).max(1);
    let mut wire = BytesMut::with_capacity(payload.len() + pieces * HEADER_BYTES);
    let mut rest = payload;
    for piece in 0..pieces {
        let (now, later) = rest.split_at(rest.len().min(limits::FRAME_BYTES));
        let fin = if later.is_empty() { FIN } else { 0 };
        put_frame(&mut wire, fin | if piece == 0 { first } else { CONTINUATION }, now);
        rest = later;
    }
    wire.freeze()
}

/// A close frame. Codes that only describe the absence of one give an empty close.
pub fn close_frame(reason: &CloseReason) -> Bytes {
    let mut wire = BytesMut::with_capacity(2 + 2 + reason.reason.len());
    if reason.is_sendable() {
        let mut payload = reason.code.to_be_bytes().to_vec();
        payload.extend_from_slice(reason.reason.as_bytes());
        put_frame(&mut wire, FIN | CLOSE, &payload);
    } else {
        put_frame(&mut wire, FIN | CLOSE, &[]);
    }
    wire.freeze()
}

/// The answer to a ping, its own payload back, behind the answers to earlier ones.
pub fn put_pong(wire: &mut BytesMut, payload: &[u8]) {
    put_frame(wire, FIN | PONG, payload);
}

fn put_frame(wire: &mut BytesMut, first: u8, payload: &[u8]) {
    wire.put_u8(first);
    match payload.len() {
        length @ 0..=125 => wire.put_u8(length as u8),
        length @ 126..=0xFFFF => {
            wire.put_u8(126);
            wire.put_u16(length as u16);
        }
        length => {
            wire.put_u8(127);
            wire.put_u64(length as u64);
        }
    }
    wire.put_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::Inflater;

    #[test]
    fn a_message_is_one_frame_up_to_32_kb_and_then_several() {
        for (length, frames) in [(0, 1), (125, 1), (126, 1), (32_768, 1), (32_769, 2), (131_072, 4)] {
            let payload = vec![b'x'; length];
            let wire = Frame::message(&payload, Compression::None).plain().clone();
            assert_eq!(headers(&wire), frames, "{length} bytes");
        }
    }

    #[test]
    fn bytes_that_are_not_text_go_out_as_binary() {
        assert_eq!(Frame::message(b"hi", Compression::None).plain()[0], 0x81);
        assert_eq!(Frame::message(&[0xFF], Compression::None).plain()[0], 0x82);
    }

    #[test]
    fn a_message_is_compressed_once_and_only_where_it_pays() {
        let mut deflater = Deflater::default();
        let text = "all work and no play ".repeat(4000);
        for (payload, first) in [
            (&text.as_bytes()[..255], 0x81),
            (&text.as_bytes()[..256], 0xC1),
            (text.as_bytes(), 0xC1),
            (&[0xFF; 1000], 0xC2),
        ] {
            let frame = Frame::message(payload, Compression::Deflate);
            let (copy, deflated) = (frame.clone(), frame.deflated(&mut deflater).clone());
            assert_eq!(deflated[0], first, "{} bytes", payload.len());
            assert_eq!(copy.deflated(&mut Deflater::default()).as_ptr(), deflated.as_ptr());
            if first & RSV1 != 0 {
                let squeezed = Payloads(&deflated).collect::<Vec<_>>().concat();
                assert_eq!(Inflater::default().inflate(&squeezed, payload.len()).unwrap(), payload);
            }
        }
        // Given noise, which does not shrink, then it goes out as it is, in frames of 32 KB.
        let noise: Vec<u8> = std::iter::repeat_with({
            let mut random = fastrand::Rng::with_seed(1);
            move || random.u8(..)
        })
        .take(100_000)
        .collect();
        let frame = Frame::message(&noise, Compression::Deflate);
        assert_eq!(frame.deflated(&mut deflater), frame.plain());
        assert!(Frame::message(text.as_bytes(), Compression::None).deflated.is_none());
    }

    #[test]
    fn a_close_frame_carries_code_and_reason_unless_there_was_none() {
        assert_eq!(&close_frame(&CloseReason::GOING_AWAY)[..], b"\x88\x0c\x03\xe9Going away");
        assert_eq!(&close_frame(&CloseReason::NO_STATUS)[..], b"\x88\x00");
    }

    /// Walks the frames of an unmasked wire image and checks that only the last is final.
    fn headers(wire: &[u8]) -> usize {
        let (mut at, mut count) = (0, 0);
        while at < wire.len() {
            count += 1;
            let (length, header) = match wire[at + 1] {
                126 => (u16::from_be_bytes([wire[at + 2], wire[at + 3]]) as usize, 4),
                127 => unreachable!("no piece is above 32 KB"),
                short => (short as usize, 2),
            };
            let end = at + header + length;
            assert_eq!(wire[at] & 0x80 != 0, end == wire.len());
            at = end;
        }
        count
    }
}
