//! Outbound frames: encoded once, shared by every socket they are written to.

use bytes::{BufMut, Bytes, BytesMut};
use sluicegate_protocol::{CloseReason, limits};

const FIN: u8 = 0x80;
const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PONG: u8 = 0xA;

/// The longest header of an unmasked frame: two bytes and a 64-bit length.
const HEADER_BYTES: usize = 10;

/// A message as it goes over the wire, header and all. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct Frame(Bytes);

impl Frame {
    /// Encodes a message as text, or as binary where it is not UTF-8. Messages above 32 KB become several frames, as API
    /// Gateway sends them.
    pub fn message(payload: &[u8]) -> Self {
        let opcode = if std::str::from_utf8(payload).is_ok() { TEXT } else { BINARY };
        let pieces = payload.len().div_ceil(limits::FRAME_BYTES).max(1);
        let mut wire = BytesMut::with_capacity(payload.len() + pieces * HEADER_BYTES);
        let mut rest = payload;
        for piece in 0..pieces {
            let (now, later) = rest.split_at(rest.len().min(limits::FRAME_BYTES));
            let fin = if later.is_empty() { FIN } else { 0 };
            let opcode = if piece == 0 { opcode } else { CONTINUATION };
            put_frame(&mut wire, fin | opcode, now);
            rest = later;
        }
        Self(wire.freeze())
    }

    pub fn bytes(&self) -> &Bytes {
        &self.0
    }
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

/// The answer to a ping: its own payload back.
pub fn pong_frame(payload: &[u8]) -> Bytes {
    let mut wire = BytesMut::with_capacity(2 + payload.len());
    put_frame(&mut wire, FIN | PONG, payload);
    wire.freeze()
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

    #[test]
    fn a_message_is_one_frame_up_to_32_kb_and_then_several() {
        for (length, frames) in [(0, 1), (125, 1), (126, 1), (32_768, 1), (32_769, 2), (131_072, 4)] {
            let payload = vec![b'x'; length];
            let wire = Frame::message(&payload).bytes().clone();
            assert_eq!(headers(&wire), frames, "{length} bytes");
        }
    }

    #[test]
    fn bytes_that_are_not_text_go_out_as_binary() {
        assert_eq!(Frame::message(b"hi").bytes()[0], 0x81);
        assert_eq!(Frame::message(&[0xFF]).bytes()[0], 0x82);
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
