//! A door for `fuzz/`: one connection of a process, of any bytes, with one event to be had.

use super::exchange::{Answer, Exchange, Request, Work};
use super::http::converse;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The id of the one event.
pub const REQUEST_ID: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";
/// What `Host` must say.
pub const HOST: &str = "127.0.0.1:9001";

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Conversation {
    /// What the process was sent.
    pub sent: Vec<u8>,
    /// The bytes of the result or of the error that the invoker got, if it got one.
    pub answered: Option<usize>,
    /// Whether the connection came to its end in time.
    pub ended: bool,
}

/// Says all of `wire` and listens until the end.
pub async fn speak(wire: &[u8]) -> Conversation {
    const PATIENCE: Duration = Duration::from_secs(5);
    let exchange = Arc::new(Exchange::new());
    let (taken, _taken) = oneshot::channel();
    let (answer, mut answered) = oneshot::channel();
    let request = Request {
        request_id: REQUEST_ID.into(),
        payload: Bytes::from_static(b"{}"),
        arn: "arn:aws:lambda:us-east-1:000000000000:function:f".into(),
        client_context: None,
        trace_id: None,
    };
    exchange.offer(Work { request: Arc::new(request), allowed: Duration::from_secs(3), taken, answer });
    let (process, server) = tokio::io::duplex(64 * 1024);
    let (mut read, mut write) = tokio::io::split(process);
    let mut sent = Vec::new();
    let talk = async {
        // Who is cut off has said enough.
        let saying = async {
            let _ = write.write_all(wire).await;
            let _ = write.shutdown().await;
        };
        let serving = converse(server, Arc::clone(&exchange), HOST.into(), Duration::ZERO);
        let hearing = read.read_to_end(&mut sent);
        let _ = tokio::join!(saying, serving, hearing);
    };
    let ended = timeout(PATIENCE, talk).await.is_ok();
    let answered = answered.try_recv().ok().map(|answer| match answer {
        Answer::Result(bytes) | Answer::Error(bytes) => bytes.len(),
        Answer::TooLarge => 0,
    });
    Conversation { sent, answered, ended }
}
