//! Bytes on their way to one socket: written at once where it takes them, queued only where it does not.

use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Write};

/// Slices of one vectored write; the kernel's own limit is 1024.
const MAX_SLICES: usize = 64;
/// What a queued piece costs beyond its bytes: without it, millions of two-byte pongs would fit under a limit of one megabyte.
const PIECE_BYTES: usize = 64;

/// What a socket has not taken yet. Holds nothing while the client keeps up.
#[derive(Debug, Default)]
pub(super) struct Outbound(Option<Box<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    pieces: VecDeque<Bytes>,
    bytes: usize,
}

/// How a message was received by the outbound side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accepted {
    Yes,
    /// The queue has no room for it. Of a single message nothing was written; after a longer call the socket is of no use.
    QueueFull,
}

impl Outbound {
    /// Memory held for what is queued.
    pub(super) fn queued_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.bytes + queue.pieces.len() * PIECE_BYTES)
    }

    /// Writes `frames` behind what is queued already; `slices` are the same bytes, made ready by the caller, who may have
    /// many sockets to write them to.
    ///
    /// # Errors
    /// The socket is broken.
    pub(super) fn write(
        &mut self,
        socket: &mut impl Write,
        frames: &[Bytes],
        slices: &[IoSlice<'_>],
        limit: usize,
    ) -> io::Result<Accepted> {
        let total: usize = frames.iter().map(Bytes::len).sum();
        if self.0.is_some() {
            if self.queued_bytes() + total + frames.len() * PIECE_BYTES > limit {
                return Ok(Accepted::QueueFull);
            }
            self.queue(frames, 0);
            return Ok(Accepted::Yes);
        }
        let written = match write_slices(socket, slices) {
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        if total - written > limit {
            // Only a broadcast can be that long: one message is below every permitted limit.
            return Ok(Accepted::QueueFull);
        }
        if written < total {
            self.queue(frames, written);
            // More slices than one call takes leave the socket ready, and then no readiness event would ever come.
            self.flush(socket)?;
        }
        Ok(Accepted::Yes)
    }

    /// Queues a last frame whatever the limit says.
    pub(super) fn push(&mut self, frame: Bytes) {
        self.queue(&[frame], 0);
    }

    /// Writes what is queued until the socket blocks. `true` when nothing is left.
    pub(super) fn flush(&mut self, socket: &mut impl Write) -> io::Result<bool> {
        while let Some(queue) = &mut self.0 {
            let slices: Vec<_> = queue.pieces.iter().take(MAX_SLICES).map(|piece| IoSlice::new(piece)).collect();
            match write_slices(socket, &slices) {
                Ok(written) => queue.advance(written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
            if queue.pieces.is_empty() {
                self.0 = None;
            }
        }
        Ok(true)
    }

    fn queue(&mut self, frames: &[Bytes], mut skip: usize) {
        let queue = self.0.get_or_insert_default();
        for frame in frames {
            let skipped = skip.min(frame.len());
            skip -= skipped;
            if skipped < frame.len() {
                queue.bytes += frame.len() - skipped;
                queue.pieces.push_back(frame.slice(skipped..));
            }
        }
    }
}

impl Queue {
    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(piece) = self.pieces.front_mut() {
            if piece.len() > written {
                piece.advance(written);
                return;
            }
            written -= piece.len();
            self.pieces.pop_front();
        }
    }
}

/// One write call, repeated only when a signal cut it short.
fn write_slices(socket: &mut impl Write, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    loop {
        let result = match slices {
            [only] => socket.write(only),
            several => socket.write_vectored(&several[..several.len().min(MAX_SLICES)]),
        };
        match result {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A socket that takes a set number of bytes and then blocks.
    #[derive(Default)]
    struct Socket {
        taken: Vec<u8>,
        room: usize,
    }

    impl Write for Socket {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let now = bytes.len().min(self.room);
            if now == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.room -= now;
            self.taken.extend_from_slice(&bytes[..now]);
            Ok(now)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn write(outbound: &mut Outbound, socket: &mut Socket, text: &'static str, limit: usize) -> Accepted {
        let frames = [Bytes::from_static(text.as_bytes())];
        outbound.write(socket, &frames, &[IoSlice::new(&frames[0])], limit).unwrap()
    }

    #[test]
    fn bytes_keep_their_order_over_partial_writes() {
        let (mut outbound, mut socket) = (Outbound::default(), Socket { room: 4, ..Socket::default() });
        for text in ["abc", "def", "ghi"] {
            assert_eq!(write(&mut outbound, &mut socket, text, 1000), Accepted::Yes);
        }
        assert_eq!(outbound.queued_bytes(), 5 + 2 * PIECE_BYTES);
        for _ in 0..5 {
            socket.room += 1;
            outbound.flush(&mut socket).unwrap();
        }
        assert_eq!((socket.taken.as_slice(), outbound.queued_bytes()), (b"abcdefghi".as_slice(), 0));
    }

    #[test]
    fn a_full_queue_takes_nothing_of_a_message() {
        let (mut outbound, mut socket) = (Outbound::default(), Socket::default());
        let limit = 6 + 2 * PIECE_BYTES;
        assert_eq!(write(&mut outbound, &mut socket, "abcd", limit), Accepted::Yes);
        assert_eq!(write(&mut outbound, &mut socket, "efg", limit), Accepted::QueueFull);
        assert_eq!(write(&mut outbound, &mut socket, "ef", limit), Accepted::Yes);
        socket.room = 100;
        assert!(outbound.flush(&mut socket).unwrap());
        assert_eq!(socket.taken, b"abcdef");
    }
}
