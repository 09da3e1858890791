//! Request heads as the client wrote them.
//!
//! Events show header names in the client's own spelling, which the HTTP library does not keep. So the bytes of each head
//! are noted as they pass, and read again only for an upgrade.

use parking_lot::Mutex;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Heads above this are refused by the HTTP server anyway.
const MAX_HEAD_BYTES: usize = 32 * 1024;
const MAX_HEADERS: usize = 128;

/// A client's socket on its way through the HTTP server.
pub struct Tapped {
    socket: TcpStream,
    head: Head,
    /// An answer was begun, so that what is read next opens a new request.
    answered: bool,
}

/// The last request head that was read from a [`Tapped`] socket.
#[derive(Clone, Debug, Default)]
pub struct Head(Arc<Mutex<Vec<u8>>>);

impl Tapped {
    pub fn new(socket: TcpStream) -> (Self, Head) {
        let head = Head::default();
        (Self { socket, head: head.clone(), answered: false }, head)
    }

    pub fn into_inner(self) -> TcpStream {
        self.socket
    }
}

impl Head {
    /// Header names and values in the order and spelling of the client; `None` if the head was not kept whole.
    pub(crate) fn headers(&self) -> Option<Vec<(String, String)>> {
        let head = self.0.lock();
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&head) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) | Err(_) => return None,
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        Some(request.headers.iter().map(|header| (header.name.to_owned(), text(header.value))).collect())
    }

    fn note(&self, bytes: &[u8], starts_anew: bool) {
        let mut head = self.0.lock();
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
            self.head.note(read, starts_anew);
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
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
