//! What an answered request left of its body unread.
//!
//! The next request on a connection begins behind this one's body. So a small rest is read and thrown away, and where the
//! rest is large, late or not wanted, the client must be told that the connection ends with this answer.

use bytes::Bytes;
use http::Request;
use http::header::EXPECT;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::oneshot::{self, error::TryRecvError};

/// A longer rest is not thrown away: a new connection costs less than so many bytes.
const DISCARD_BYTES: usize = 256 * 1024;
/// A rest that takes longer is not waited for. Clients that send head and body apart are much faster.
const DISCARD_TIME: Duration = Duration::from_secs(1);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request body that is handed back when it is dropped before its end.
#[derive(Debug)]
pub struct Watched<B> {
    /// `None` behind the end.
    body: Option<B>,
    progress: Progress,
    back: Option<oneshot::Sender<Unread<B>>>,
}

/// The other end of a [`Watched`] body.
#[derive(Debug)]
pub struct Rest<B> {
    unread: oneshot::Receiver<Unread<B>>,
    /// The client sends nothing before it is asked to (RFC 9110, 10.1.1), and reading is asking.
    expects_to_be_asked: bool,
}

#[derive(Debug)]
struct Unread<B> {
    body: B,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    NotBegun,
    Begun,
    /// What follows is no part of a request any more.
    Broken,
}

impl<B> Watched<B> {
    pub fn new(request: Request<B>) -> (Request<Self>, Rest<B>) {
        let (back, unread) = oneshot::channel();
        let expects_to_be_asked = request.headers().contains_key(EXPECT);
        let watched = request.map(|body| Self { body: Some(body), progress: Progress::NotBegun, back: Some(back) });
        (watched, Rest { unread, expects_to_be_asked })
    }
}

impl<B> Rest<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    /// Called when the answer is there: whether the whole body is read now, so that the connection can go on.
    pub async fn discard(mut self) -> bool {
        let Unread { body, progress } = match self.unread.try_recv() {
            Ok(unread) => unread,
            Err(TryRecvError::Closed) => return true,
            // Whoever has it still did not need it for the answer.
            Err(TryRecvError::Empty) => return false,
        };
        if body.is_end_stream() {
            return true;
        }
        let must_ask = self.expects_to_be_asked && progress == Progress::NotBegun;
        if must_ask || progress == Progress::Broken || body.size_hint().lower() > DISCARD_BYTES as u64 {
            return false;
        }
        tokio::time::timeout(DISCARD_TIME, read_away(body)).await.unwrap_or(false)
    }
}

async fn read_away<B>(body: B) -> bool
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    let mut body = Limited::new(body, DISCARD_BYTES);
    while let Some(frame) = body.frame().await {
        if frame.is_err() {
            return false;
        }
    }
    true
}

impl<B> Body for Watched<B>
where
    B: Body + Unpin,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        if self.progress == Progress::NotBegun {
            self.progress = Progress::Begun;
        }
        let frame = ready!(polled);
        match &frame {
            Some(Ok(_)) => {}
            Some(Err(_)) => self.progress = Progress::Broken,
            None if self.progress == Progress::Broken => {}
            None => self.body = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B> Drop for Watched<B> {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take()) {
            // Nobody wants it back once the connection is gone.
            let _ = back.send(Unread { body, progress: self.progress });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_body;
    use futures_util::stream::{self, StreamExt};
    use http_body_util::{Either, Empty, Full, StreamBody};

    type Pieces = stream::BoxStream<'static, Result<Frame<Bytes>, &'static str>>;

    fn piece(size: usize) -> Result<Frame<Bytes>, &'static str> {
        Ok(Frame::data(Bytes::from(vec![b'x'; size])))
    }

    fn pieces(pieces: Vec<Result<Frame<Bytes>, &'static str>>) -> StreamBody<Pieces> {
        StreamBody::new(stream::iter(pieces).boxed())
    }

    async fn refused_unread<B>(body: B, expect: Option<&'static str>) -> bool
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
    {
        let mut request = Request::new(body);
        request.headers_mut().extend(expect.map(|value| (EXPECT, http::HeaderValue::from_static(value))));
        let (request, rest) = Watched::new(request);
        drop(request);
        rest.discard().await
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_goes_on_behind_a_rest_that_is_small_and_comes_soon() {
        let soon = stream::once(async { piece(5) }).boxed();
        let late = stream::once(async {
            tokio::time::sleep(DISCARD_TIME * 2).await;
            piece(5)
        })
        .boxed();
        let full = |size| Either::Left(Full::new(Bytes::from(vec![b'x'; size])));
        for (case, body, expect, goes_on) in [
            ("small", full(5), None, true),
            ("at the limit", full(DISCARD_BYTES), None, true),
            ("above it", full(DISCARD_BYTES + 1), None, false),
            ("the client waits to be asked", full(5), Some("100-continue"), false),
            ("of unknown length", Either::Right(StreamBody::new(soon)), None, true),
            ("without end", Either::Right(pieces(vec![piece(DISCARD_BYTES), piece(1)])), None, false),
            ("late", Either::Right(StreamBody::new(late)), None, false),
            ("broken", Either::Right(pieces(vec![piece(1), Err("cut off")])), None, false),
        ] {
            assert_eq!(refused_unread(body, expect).await, goes_on, "{case}");
        }
        assert!(refused_unread(Empty::<Bytes>::new(), Some("100-continue")).await, "nothing to ask for");
    }

    #[tokio::test]
    async fn what_the_surface_has_read_needs_no_reading() {
        for (case, sent, limit, goes_on) in [
            ("whole", vec![piece(5), piece(5)], 10, true),
            ("the beginning", vec![piece(5), piece(5)], 7, true),
            ("up to where it broke", vec![piece(5), Err("cut off")], 10, false),
        ] {
            let (request, rest) = Watched::new(Request::new(pieces(sent)));
            let _ = read_body(request.into_body(), limit).await;
            assert_eq!(rest.discard().await, goes_on, "{case}");
        }
    }

    #[tokio::test]
    async fn a_body_that_is_still_being_read_ends_its_connection() {
        let (request, rest) = Watched::new(Request::new(pieces(vec![piece(5)])));
        assert!(!rest.discard().await);
        drop(request);
    }
}
