//! Inbound frames: unmasked, checked and assembled into messages, with every limit applied before memory is spent.
//!
//! A frame that lies whole in the read buffer is unmasked in place and handed on without a copy. Only a message that comes
//! in pieces gets memory of its own, which grows with what arrived, never with what a header promised, and is given back
//! when the message is complete. At a message boundary a decoder holds nothing.

use super::deflate::{Inflater, longest_deflated};
use super::rules::{BinaryFrames, Compression, Rules};
use sluicegate_protocol::CloseReason;
use std::mem;

const MAX_CONTROL_PAYLOAD: usize = 125;
/// Two bytes, a 64-bit length, a mask.
const MAX_HEADER: usize = 14;
const FIN: u8 = 0x80;
/// The message is compressed (RFC 7692, 6).
const RSV1: u8 = 0x40;
const RSV2_AND_3: u8 = 0x30;

/// What a client said.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    Text(&'a str),
    /// Only where the rules take it.
    Binary(&'a [u8]),
    Ping(&'a [u8]),
    Pong,
    Close(CloseReason),
}

/// The state between two reads: nothing at all at a message boundary.
#[derive(Debug, Default)]
pub struct Decoder {
    partial: Option<Box<Partial>>,
}

#[derive(Debug, Default)]
struct Partial {
    /// The start of a frame header whose end has not arrived.
    header: [u8; MAX_HEADER],
    header_len: usize,
    /// The frame whose payload is arriving.
    frame: Option<FrameInProgress>,
    /// The payload of an unfinished message, unmasked, of all frames so far.
    message: Option<Message>,
    /// The payload of an unfinished control frame.
    control: Vec<u8>,
}

#[derive(Debug)]
struct FrameInProgress {
    header: Header,
    received: usize,
}

#[derive(Debug)]
struct Message {
    /// Of its first frame.
    opcode: Opcode,
    compressed: bool,
    bytes: Vec<u8>,
    /// Everything before is known to be UTF-8; of a text that is not compressed.
    valid: usize,
}

#[derive(Clone, Copy, Debug)]
struct Header {
    fin: bool,
    compressed: bool,
    opcode: Opcode,
    mask: [u8; 4],
    length: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

impl Decoder {
    /// Takes the bytes of one read, which are unmasked in place, and reports what they complete. The rules of a decoder stay
    /// the same from read to read; the inflater is anybody's.
    ///
    /// # Errors
    /// The close code of the first rule broken; nothing after it has been looked at. The same after `sink` returned
    /// `false`, which ends the decoding without an error.
    pub fn decode(
        &mut self,
        mut input: &mut [u8],
        rules: Rules,
        inflater: &mut Inflater,
        mut sink: impl FnMut(Event<'_>) -> bool,
    ) -> Result<(), CloseReason> {
        while !input.is_empty() {
            if self.partial.is_none() {
                match whole_frame(input, rules)? {
                    Some((header, start)) => {
                        let (frame, rest) = mem::take(&mut input).split_at_mut(start + header.length);
                        input = rest;
                        let payload = &mut frame[start..];
                        unmask(payload, header.mask, 0);
                        if !sink(whole_event(header, payload, rules, inflater)?) {
                            return Ok(());
                        }
                        continue;
                    }
                    None => self.partial = Some(Box::default()),
                }
            }
            let Some(partial) = &mut self.partial else { continue };
            let (used, keep_going) = partial.advance(input, rules, inflater, &mut sink)?;
            input = &mut mem::take(&mut input)[used..];
            if partial.is_at_boundary() {
                self.partial = None;
            }
            if !keep_going {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Bytes of memory held for an unfinished message.
    pub fn held(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| {
            size_of::<Partial>() + partial.message.as_ref().map_or(0, |message| message.bytes.capacity())
        })
    }
}

impl Partial {
    fn is_at_boundary(&self) -> bool {
        self.frame.is_none() && self.header_len == 0 && self.message.is_none()
    }

    /// Takes what belongs to the current frame. Returns how many bytes that was, and whether to go on.
    fn advance(
        &mut self,
        input: &mut [u8],
        rules: Rules,
        inflater: &mut Inflater,
        sink: &mut impl FnMut(Event<'_>) -> bool,
    ) -> Result<(usize, bool), CloseReason> {
        let Some(frame) = &mut self.frame else { return self.advance_header(input, rules, inflater, sink) };
        let take = input.len().min(frame.header.length - frame.received);
        let piece = &mut input[..take];
        unmask(piece, frame.header.mask, frame.received);
        frame.received += take;
        if frame.header.opcode.is_control() {
            self.control.extend_from_slice(piece);
        } else if let Some(message) = &mut self.message {
            message.push(piece)?;
        }
        let complete = frame.received == frame.header.length;
        Ok((take, !complete || self.finish_frame(rules, inflater, sink)?))
    }

    fn advance_header(
        &mut self,
        input: &[u8],
        rules: Rules,
        inflater: &mut Inflater,
        sink: &mut impl FnMut(Event<'_>) -> bool,
    ) -> Result<(usize, bool), CloseReason> {
        let before = self.header_len;
        let take = input.len().min(MAX_HEADER - before);
        self.header[before..before + take].copy_from_slice(&input[..take]);
        let Some((header, length)) = parse_header(&self.header[..before + take], rules)? else {
            self.header_len = before + take;
            return Ok((take, true));
        };
        self.header_len = 0;
        self.begin_frame(header, rules)?;
        let keep_going = header.length > 0 || self.finish_frame(rules, inflater, sink)?;
        Ok((length - before, keep_going))
    }

    fn begin_frame(&mut self, header: Header, rules: Rules) -> Result<(), CloseReason> {
        check_length(&header, rules)?;
        match (header.opcode, &mut self.message) {
            (opcode @ (Opcode::Text | Opcode::Binary), message @ None) => {
                *message = Some(Message { opcode, compressed: header.compressed, bytes: Vec::new(), valid: 0 });
            }
            (Opcode::Continuation, Some(message)) => {
                if message.bytes.len() + header.length > on_the_wire(rules.limits.message, message.compressed) {
                    return Err(CloseReason::TOO_BIG);
                }
            }
            (Opcode::Text | Opcode::Binary, Some(_)) | (Opcode::Continuation, None) => {
                return Err(CloseReason::PROTOCOL_ERROR);
            }
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => {}
        }
        self.frame = Some(FrameInProgress { header, received: 0 });
        Ok(())
    }

    fn finish_frame(
        &mut self,
        rules: Rules,
        inflater: &mut Inflater,
        sink: &mut impl FnMut(Event<'_>) -> bool,
    ) -> Result<bool, CloseReason> {
        let Some(FrameInProgress { header, .. }) = self.frame.take() else { return Ok(true) };
        if header.opcode.is_control() {
            let payload = mem::take(&mut self.control);
            return Ok(sink(control_event(header.opcode, &payload)?));
        }
        if !header.fin {
            return Ok(true);
        }
        let Some(Message { opcode, compressed, bytes, .. }) = self.message.take() else { return Ok(true) };
        let content = if compressed { inflater.inflate(&bytes, rules.limits.message)? } else { &bytes };
        Ok(sink(message_event(opcode, content)?))
    }
}

impl Message {
    /// Fails as soon as a text cannot become UTF-8 any more, not only when it ends.
    fn push(&mut self, piece: &[u8]) -> Result<(), CloseReason> {
        self.bytes.extend_from_slice(piece);
        if self.compressed || self.opcode == Opcode::Binary {
            return Ok(());
        }
        match std::str::from_utf8(&self.bytes[self.valid..]) {
            Ok(_) => self.valid = self.bytes.len(),
            Err(error) if error.error_len().is_none() => self.valid += error.valid_up_to(),
            Err(_) => return Err(CloseReason::INVALID_UTF8),
        }
        Ok(())
    }
}

/// The header of a frame that lies whole in `input` and is a message or a control frame by itself, with its own length.
fn whole_frame(input: &[u8], rules: Rules) -> Result<Option<(Header, usize)>, CloseReason> {
    let Some((header, start)) = parse_header(input, rules)? else { return Ok(None) };
    check_length(&header, rules)?;
    let is_whole = header.fin && header.opcode != Opcode::Continuation && input.len() >= start + header.length;
    Ok(is_whole.then_some((header, start)))
}

fn whole_event<'a>(
    header: Header,
    payload: &'a [u8],
    rules: Rules,
    inflater: &'a mut Inflater,
) -> Result<Event<'a>, CloseReason> {
    if header.opcode.is_control() {
        return control_event(header.opcode, payload);
    }
    let content = if header.compressed { inflater.inflate(payload, rules.limits.message)? } else { payload };
    message_event(header.opcode, content)
}

fn message_event(opcode: Opcode, content: &[u8]) -> Result<Event<'_>, CloseReason> {
    if opcode == Opcode::Binary {
        return Ok(Event::Binary(content));
    }
    std::str::from_utf8(content).map(Event::Text).map_err(|_| CloseReason::INVALID_UTF8)
}

fn control_event(opcode: Opcode, payload: &[u8]) -> Result<Event<'_>, CloseReason> {
    match opcode {
        Opcode::Ping => Ok(Event::Ping(payload)),
        Opcode::Close => parse_close(payload).map(Event::Close),
        Opcode::Pong | Opcode::Text | Opcode::Binary | Opcode::Continuation => Ok(Event::Pong),
    }
}

fn check_length(header: &Header, rules: Rules) -> Result<(), CloseReason> {
    if header.opcode.is_control() {
        return if header.length <= MAX_CONTROL_PAYLOAD { Ok(()) } else { Err(CloseReason::PROTOCOL_ERROR) };
    }
    let limit = on_the_wire(rules.limits.frame.min(rules.limits.message), header.compressed);
    if header.length > limit { Err(CloseReason::TOO_BIG) } else { Ok(()) }
}

/// A limit of content, as a limit of what carries it.
fn on_the_wire(limit: usize, compressed: bool) -> usize {
    if compressed { longest_deflated(limit) } else { limit }
}

/// Reads a frame header and says how long it was; `None` when more bytes are needed. What can be refused by the first two
/// bytes is.
fn parse_header(input: &[u8], rules: Rules) -> Result<Option<(Header, usize)>, CloseReason> {
    let &[first, second, ref rest @ ..] = input else { return Ok(None) };
    let (fin, compressed, masked) = (first & FIN != 0, first & RSV1 != 0, second & 0x80 != 0);
    let opcode = match first & 0x0F {
        0x0 => Opcode::Continuation,
        0x1 => Opcode::Text,
        0x2 => Opcode::Binary,
        0x8 => Opcode::Close,
        0x9 => Opcode::Ping,
        0xA => Opcode::Pong,
        _ => return Err(CloseReason::PROTOCOL_ERROR),
    };
    // Only the first frame of a message says whether it is compressed.
    let may_be_compressed =
        rules.compression == Compression::Deflate && matches!(opcode, Opcode::Text | Opcode::Binary);
    if first & RSV2_AND_3 != 0 || (compressed && !may_be_compressed) {
        return Err(CloseReason::PROTOCOL_ERROR);
    }
    if opcode == Opcode::Binary && rules.binary == BinaryFrames::Refused {
        return Err(CloseReason::BINARY_REFUSED);
    }
    if !masked || (opcode.is_control() && !fin) {
        return Err(CloseReason::PROTOCOL_ERROR);
    }
    let (length, rest, before_mask) = match (second & 0x7F, rest) {
        (126, &[a, b, ref rest @ ..]) => (u64::from(u16::from_be_bytes([a, b])), rest, 4),
        (127, &[a, b, c, d, e, f, g, h, ref rest @ ..]) => (u64::from_be_bytes([a, b, c, d, e, f, g, h]), rest, 10),
        (126 | 127, _) => return Ok(None),
        (short, rest) => (u64::from(short), rest, 2),
    };
    // The shortest of the three forms must be used, and the highest bit stays clear (RFC 6455, 5.2).
    let shortest = match before_mask {
        2 => true,
        4 => length > 125,
        _ => length > 0xFFFF && length >> 63 == 0,
    };
    if !shortest {
        return Err(CloseReason::PROTOCOL_ERROR);
    }
    let &[a, b, c, d, ..] = rest else { return Ok(None) };
    // A length that does not fit the address space is above every limit all the same.
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    Ok(Some((Header { fin, compressed, opcode, mask: [a, b, c, d], length }, before_mask + 4)))
}

fn parse_close(payload: &[u8]) -> Result<CloseReason, CloseReason> {
    match payload {
        [] => Ok(CloseReason::NO_STATUS),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !may_be_sent_by_a_client(code) {
                return Err(CloseReason::PROTOCOL_ERROR);
            }
            let reason = std::str::from_utf8(reason).map_err(|_| CloseReason::INVALID_UTF8)?;
            Ok(CloseReason::from_peer(code, reason.to_owned()))
        }
        [_] => Err(CloseReason::PROTOCOL_ERROR),
    }
}

/// RFC 6455, 7.4.2, with the codes registered since.
fn may_be_sent_by_a_client(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// XORs `payload` with the mask, `offset` bytes into the frame. Eight bytes at a time, which the compiler widens further.
fn unmask(payload: &mut [u8], mask: [u8; 4], offset: usize) {
    let mut turned = mask;
    turned.rotate_left(offset % 4);
    let word =
        u64::from_ne_bytes([turned[0], turned[1], turned[2], turned[3], turned[0], turned[1], turned[2], turned[3]]);
    let (words, tail) = payload.as_chunks_mut::<8>();
    for chunk in words {
        *chunk = (u64::from_ne_bytes(*chunk) ^ word).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(turned.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests;
