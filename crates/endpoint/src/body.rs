//! Request bodies, read whole and bounded in bytes and time.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use std::time::Duration;

/// A body that has not arrived whole by then is given up: a peer that trickles bytes must not hold a request open.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// More bytes than the surface takes; the rest was not read.
    TooLarge,
    /// [`BODY_TIMEOUT`] passed.
    TimedOut,
    /// The peer ended the transfer early, or framed it wrongly.
    Broken,
}

/// Reads `body` to its end, at most `limit` bytes of it.
pub async fn read_body<B>(body: B, limit: usize) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes>,
{
    // A declared length above the limit is refused before a byte of it is read.
    if body.size_hint().lower() > limit as u64 {
        return Err(BodyError::TooLarge);
    }
    tokio::time::timeout(BODY_TIMEOUT, collect(body, limit)).await.unwrap_or(Err(BodyError::TimedOut))
}

async fn collect<B>(body: B, limit: usize) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes>,
{
    let mut body = std::pin::pin!(body);
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        if first.len() + rest.len() + data.len() > limit {
            return Err(BodyError::TooLarge);
        }
        // Most bodies come in one piece, which is then handed on without a copy.
        if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    if rest.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok(whole.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;
    use std::convert::Infallible;

    fn pieces(pieces: &[&'static str]) -> impl Body<Data = Bytes> {
        let frames: Vec<_> =
            pieces.iter().map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::from_static(piece.as_bytes())))).collect();
        StreamBody::new(futures_util::stream::iter(frames))
    }

    #[tokio::test]
    async fn a_body_arrives_whole_or_is_refused() {
        assert_eq!(read_body(pieces(&["ab", "c", "de"]), 5).await, Ok(Bytes::from_static(b"abcde")));
        assert_eq!(read_body(pieces(&[]), 5).await, Ok(Bytes::new()));
        assert_eq!(read_body(pieces(&["abc", "def"]), 5).await, Err(BodyError::TooLarge));
        assert_eq!(read_body(Full::new(Bytes::from_static(b"abcdef")), 5).await, Err(BodyError::TooLarge));
    }
}
