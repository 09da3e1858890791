//! A client's socket while it speaks HTTP, and what is noted as its bytes pass.
//!
//! Events show header names in the client's own spelling, which the HTTP library does not keep. So the bytes of each head
//! are noted as they pass, and read again only for an upgrade.
//!
//! The socket also ends with care. Whoever closes a socket while its peer still sends destroys, by the reset that follows,
//! the answer that the peer has not read yet; so after a request that was not read to its end the socket lingers
//! (RFC 9112, 9.6).

use crate::hub::Opening;
use parking_lot::Mutex;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Heads above this are refused by the HTTP server anyway.
const MAX_HEAD_BYTES: usize = 32 * 1024;
const MAX_HEADERS: usize = 128;

/// A lingering socket reads so much away, and no more: twice the largest body that any surface takes.
const LINGER_BYTES: usize = 32 * 1024 * 1024;
/// A lingering socket waits so long for its peer's end, and no longer: it holds a place among the HTTP connections, and
/// can delay the end of the server.
const LINGER_TIME: Duration = Duration::from_secs(2);
const LINGER_READ_BYTES: usize = 16 * 1024;

/// A client's socket on its way through the HTTP server.
pub(crate) struct Tapped {
    socket: TcpStream,
    tap: Tap,
    /// An answer was begun, so that what is read next opens a new request.
    answered: bool,
    lingering: Option<Lingering>,
}

/// What a [`Tapped`] socket and those who answer its requests know of each other.
#[derive(Clone, Default)]
pub(crate) struct Tap(Arc<Noted>);

#[derive(Default)]
struct Noted {
    /// The last request head that was read.
    head: Mutex<Vec<u8>>,
    /// Bytes came since the last request that was read to its end.
    unread: AtomicBool,
    admitted: Mutex<Option<Admitted>>,
}

/// A client whose 101 is being written; then its socket goes to the hub.
pub(crate) struct Admitted {
    pub(crate) opening: Opening,
    /// Held until then: the hub outlives all handshakes.
    pub(crate) handshake: TaskTrackerToken,
}

/// The write side is shut, and what still comes is thrown away.
struct Lingering {
    until: Pin<Box<Sleep>>,
    room: usize,
}

impl Tapped {
    pub(crate) fn new(socket: TcpStream) -> (Self, Tap) {
        let tap = Tap::default();
        (Self { socket, tap: tap.clone(), answered: false, lingering: None }, tap)
    }

    pub(crate) fn into_inner(self) -> TcpStream {
        self.socket
    }
}

impl Tap {
    /// Says that the request was read to its end: nothing of it can be on its way any more.
    pub(crate) fn request_is_read(&self) {
        self.0.unread.store(false, Ordering::Relaxed);
    }

    /// Says where the socket goes when the answer to this request is written.
    pub(crate) fn admit(&self, client: Admitted) {
        *self.0.admitted.lock() = Some(client);
    }

    pub(crate) fn admitted(&self) -> Option<Admitted> {
        self.0.admitted.lock().take()
    }

    /// Header names and values in the order and spelling of the client; `None` if the head was not kept whole.
    pub(crate) fn headers(&self) -> Option<Vec<(String, String)>> {
        let head = self.0.head.lock();
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&head) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) | Err(_) => return None,
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        Some(request.headers.iter().map(|header| (header.name.to_owned(), text(header.value))).collect())
    }

    pub(crate) fn note(&self, bytes: &[u8], starts_anew: bool) {
        self.0.unread.store(true, Ordering::Relaxed);
        let mut head = self.0.head.lock();
        if starts_anew {
            head.clear();
        }
        let room = MAX_HEAD_BYTES.saturating_sub(head.len());
        head.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

impl AsyncRead for Tapped {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.socket).poll_read(cx, buffer);
        let read = &buffer.filled()[before..];
        if !read.is_empty() {
            let starts_anew = std::mem::take(&mut self.answered);
            self.tap.note(read, starts_anew);
        }
        result
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.answered = true;
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.answered = true;
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.socket).poll_shutdown(cx))?;
            if !self.tap.0.unread.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(()));
            }
        }
        let Self { socket, lingering, .. } = &mut *self;
        lingering.get_or_insert_with(Lingering::begin).poll(socket, cx).map(Ok)
    }
}

impl Lingering {
    fn begin() -> Self {
        Self { until: Box::pin(tokio::time::sleep(LINGER_TIME)), room: LINGER_BYTES }
    }

    /// Ready at the peer's end, or when a limit is reached.
    fn poll(&mut self, socket: &mut TcpStream, cx: &mut Context<'_>) -> Poll<()> {
        if self.until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut thrown_away = [0; LINGER_READ_BYTES];
        while self.room > 0 {
            let mut buffer = ReadBuf::new(&mut thrown_away);
            let read = ready!(Pin::new(&mut *socket).poll_read(cx, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(());
            }
            self.room = self.room.saturating_sub(buffer.filled().len());
        }
        Poll::Ready(())
    }
}
