//! permessage-deflate (RFC 7692): messages squeezed and restored one by one, with state that connections share.
//!
//! A compressor costs as much memory as a hundred idle connections. Without context takeover no message refers to an
//! earlier one, so a reactor needs only one of each, a broadcast is compressed once for all, and connections hold nothing.

use flate2::{Compress, CompressError, Decompress, FlushCompress, FlushDecompress, Status};
use sluicegate_protocol::CloseReason;
use std::borrow::Cow;

/// Messages shorter than that are sent as they are: they would hardly shrink.
pub const DEFLATE_FROM_BYTES: usize = 256;
/// What compressed messages refer back to is never further away, so a client may ask for any window from here up. It costs a
/// few percent of size on long messages; Python's `websockets` asks for this very value.
pub const WINDOW_BITS: u8 = 12;
/// Level 1 takes less than half the time of the usual 6 and leaves a quarter more to send.
const LEVEL: flate2::Compression = flate2::Compression::fast();
/// What a sender cuts from the end of every message, and the receiver adds again.
const CUT: [u8; 4] = [0, 0, 0xFF, 0xFF];
/// What was cut, and then a last empty block: only data that was whole ends exactly there.
const END: [u8; 9] = [0, 0, 0xFF, 0xFF, 1, 0, 0, 0xFF, 0xFF];
/// Output grows by at least that much at a time.
const GROWTH_BYTES: usize = 4096;

const INVALID_DATA: CloseReason = CloseReason { code: 1007, reason: Cow::Borrowed("Invalid compressed data") };

/// Bytes that a message of `length` may take on the wire at most: data that does not shrink grows a little.
pub fn longest_deflated(length: usize) -> usize {
    length + length / 64 + 64
}

/// Compresses messages. Allocates on first use.
#[derive(Default)]
pub struct Deflater(Option<Box<Compress>>);

impl Deflater {
    /// The payload of a compressed message whose content lies in `pieces`; `None` if it would not be shorter.
    pub fn deflate<'a>(&mut self, pieces: impl Iterator<Item = &'a [u8]> + Clone) -> Option<Vec<u8>> {
        let state = self.0.get_or_insert_with(|| Box::new(Compress::new_with_window_bits(LEVEL, false, WINDOW_BITS)));
        let length = pieces.clone().map(<[u8]>::len).sum();
        let mut squeezed = Vec::with_capacity(length / 2 + CUT.len());
        let result = squeeze(state, pieces, &mut squeezed);
        state.reset();
        result.ok()?;
        squeezed.truncate(squeezed.len().checked_sub(CUT.len())?);
        (squeezed.len() < length).then_some(squeezed)
    }
}

fn squeeze<'a>(
    state: &mut Compress,
    pieces: impl Iterator<Item = &'a [u8]>,
    squeezed: &mut Vec<u8>,
) -> Result<(), CompressError> {
    for mut piece in pieces {
        while !piece.is_empty() {
            let before = state.total_in();
            squeezed.reserve(GROWTH_BYTES);
            state.compress_vec(piece, squeezed, FlushCompress::None)?;
            piece = &piece[(state.total_in() - before) as usize..];
        }
    }
    loop {
        squeezed.reserve(GROWTH_BYTES);
        state.compress_vec(&[], squeezed, FlushCompress::Sync)?;
        if squeezed.len() < squeezed.capacity() {
            return Ok(());
        }
    }
}

/// Restores compressed messages. Allocates on first use.
#[derive(Default)]
pub struct Inflater {
    state: Option<Box<Decompress>>,
    restored: Vec<u8>,
}

impl Inflater {
    /// The content of a compressed message.
    ///
    /// # Errors
    /// 1009 as soon as it turns out to be longer than `limit`; 1007 if it is not, or not all of, what a compressor wrote.
    pub fn inflate(&mut self, payload: &[u8], limit: usize) -> Result<&[u8], CloseReason> {
        let state = self.state.get_or_insert_with(|| Box::new(Decompress::new(false)));
        state.reset(false);
        self.restored.clear();
        if payload.is_empty() {
            // An empty message should be one byte; not every compressor knows.
            return Ok(&[]);
        }
        restore(state, payload, &mut self.restored, limit)?;
        match restore(state, &END, &mut self.restored, limit)? {
            Restored::ToTheEnd => Ok(&self.restored),
            Restored::SoFar => Err(INVALID_DATA),
        }
    }
}

enum Restored {
    /// The input ended together with a last block.
    ToTheEnd,
    SoFar,
}

fn restore(
    state: &mut Decompress,
    mut input: &[u8],
    restored: &mut Vec<u8>,
    limit: usize,
) -> Result<Restored, CloseReason> {
    loop {
        if restored.len() == restored.capacity() {
            let room = limit + 1 - restored.len();
            restored.reserve_exact(room.min(restored.len().max(GROWTH_BYTES)));
        }
        let before = (state.total_in(), state.total_out());
        let status = state.decompress_vec(input, restored, FlushDecompress::Sync).map_err(|_| INVALID_DATA)?;
        let (used, grown) = (state.total_in() - before.0, state.total_out() - before.1);
        input = &input[used as usize..];
        if restored.len() > limit {
            return Err(CloseReason::TOO_BIG);
        }
        if status == Status::StreamEnd {
            // A sender may end every message with a last block (RFC 7692, 7.2.3.4); what follows starts afresh.
            state.reset(false);
            if input.is_empty() {
                return Ok(Restored::ToTheEnd);
            }
        } else if restored.len() < restored.capacity() {
            match (input.is_empty(), used, grown) {
                (true, ..) => return Ok(Restored::SoFar),
                (false, 0, 0) => return Err(INVALID_DATA),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 131_072;

    fn deflate(content: &[u8]) -> Vec<u8> {
        Deflater::default().deflate(content.chunks(1000)).expect("shorter")
    }

    fn code(payload: &[u8]) -> u16 {
        Inflater::default().inflate(payload, LIMIT).expect_err("refused").code
    }

    fn noise(length: usize) -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(7);
        (0..length).map(|_| random.u8(..)).collect()
    }

    #[test]
    fn messages_come_back_as_they_were_and_owe_nothing_to_each_other() {
        let (mut deflater, mut inflater) = (Deflater::default(), Inflater::default());
        let text = r#"{"metric":"cpu","value":0.25},"#.repeat(4000);
        for length in [300, 4096, 100_000, 300] {
            let payload = deflater.deflate(text.as_bytes()[..length].chunks(32_768)).unwrap();
            assert!(payload.len() < length / 2, "{length} became {}", payload.len());
            assert_eq!(inflater.inflate(&payload, LIMIT).unwrap(), &text.as_bytes()[..length]);
            // Somebody who has seen no other message, and keeps no larger window than was promised, reads it too.
            let mut narrow = Decompress::new_with_window_bits(false, WINDOW_BITS);
            let mut read = Vec::with_capacity(length);
            narrow.decompress_vec(&payload, &mut read, FlushDecompress::Sync).unwrap();
            assert_eq!(read, &text.as_bytes()[..length]);
        }
    }

    #[test]
    fn the_window_is_never_larger_than_promised() {
        // Given content that repeats only at a distance beyond the window, then it does not shrink.
        let far = noise(5000);
        assert_eq!(Deflater::default().deflate([&far[..], &far[..]].into_iter()), None);
        let near = noise(1000);
        assert!(Deflater::default().deflate([&near[..], &near[..]].into_iter()).is_some());
    }

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        for (payload, content) in [
            // RFC 7692, 7.2.3.1 to 7.2.3.5: fixed codes, no compression, a last block, two blocks; 7.2.3.6: empty.
            (&[0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00][..], "Hello"),
            (&[0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00], "Hello"),
            (&[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00], "Hello"),
            (&[0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00], "Hello"),
            (&[0x00], ""),
            (&[], ""),
        ] {
            let mut inflater = Inflater::default();
            assert_eq!(inflater.inflate(payload, LIMIT), Ok(content.as_bytes()), "{payload:x?}");
        }
    }

    #[test]
    fn what_no_compressor_wrote_is_refused() {
        assert_eq!(code(&[0xFF; 20]), 1007);
        let whole = deflate("a text that repeats itself, a text that repeats itself".repeat(9).as_bytes());
        for cut in [1, 2, whole.len() / 2, whole.len() - 1] {
            assert_eq!(code(&whole[..cut]), 1007, "cut at {cut}");
        }
        // A reference to what lies before the message: it would need the context that was not agreed on.
        assert_eq!(code(&[0x02, 0x81, 0x00]), 1007);
        assert_eq!(code(&deflate(&vec![b'x'; LIMIT + 1])), 1009);
    }

    #[test]
    fn a_small_payload_cannot_cost_much_memory() {
        let bomb = deflate(&vec![0; 100 * LIMIT]);
        let mut inflater = Inflater::default();
        assert_eq!(inflater.inflate(&bomb, LIMIT).unwrap_err().code, 1009);
        assert!(inflater.restored.capacity() <= LIMIT + 1);
        let exact = deflate(&vec![0; LIMIT]);
        assert_eq!(inflater.inflate(&exact, LIMIT).unwrap().len(), LIMIT);
    }

    #[test]
    fn what_does_not_shrink_is_not_sent_compressed_but_is_taken() {
        let content = noise(LIMIT);
        assert_eq!(Deflater::default().deflate([&content[..]].into_iter()), None);
        let mut stored = Compress::new(flate2::Compression::none(), false);
        let mut payload = Vec::with_capacity(2 * LIMIT);
        stored.compress_vec(&content, &mut payload, FlushCompress::Sync).unwrap();
        payload.truncate(payload.len() - CUT.len());
        assert!(payload.len() > LIMIT && payload.len() <= longest_deflated(LIMIT), "{}", payload.len());
        assert_eq!(Inflater::default().inflate(&payload, LIMIT).unwrap(), content);
    }
}
