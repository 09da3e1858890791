//! One HTTP/1.1 connection, from its accept to its end, or to the hub.

use crate::tap::{Admitted, Tap, Tapped};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sluicegate_endpoint::Response;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Who asks, and how.
#[derive(Clone)]
pub struct Caller {
    pub remote: SocketAddr,
    /// The address the caller dialled.
    pub local: SocketAddr,
    pub(crate) tap: Tap,
}

impl Caller {
    /// Says that the request was read to its end: nothing of it can be on its way any more. A socket whose last request was
    /// not lingers when it ends, so that its answer arrives.
    pub fn request_is_read(&self) {
        self.tap.request_is_read();
    }
}

/// Why a connection ended early. Clients that leave are the usual reason.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    #[error(transparent)]
    Socket(#[from] io::Error),
    #[error(transparent)]
    Http(#[from] hyper::Error),
}

/// Answers the requests of a connection until it ends, or until the [`Gateway`](crate::Gateway) admits a WebSocket: its
/// socket is then handed to the hub, in this task, so that a handshake costs no other.
///
/// When `stopped` is ready, the request in progress is the last.
pub async fn serve_connection<A, F>(
    http: &http1::Builder,
    (socket, remote): (TcpStream, SocketAddr),
    stopped: impl Future<Output = ()>,
    answer: A,
) -> Result<(), ConnectionError>
where
    A: Fn(Request<Incoming>, Caller) -> F + Unpin,
    F: Future<Output = Response> + Send + 'static,
{
    let local = socket.local_addr()?;
    let (socket, tap) = Tapped::new(socket);
    let caller = Caller { remote, local, tap: tap.clone() };
    let service = service_fn(move |request| {
        let answering = answer(request, caller.clone());
        Box::pin(async { Ok::<_, Infallible>(answering.await) })
    });
    let mut serving = http.serve_connection(TokioIo::new(socket), service);
    let (mut stopped, mut stopping) = (pin!(stopped), false);
    poll_fn(|cx| {
        if !stopping && stopped.as_mut().poll(cx).is_ready() {
            stopping = true;
            Pin::new(&mut serving).graceful_shutdown();
        }
        serving.poll_without_shutdown(cx)
    })
    .await?;
    let parts = serving.into_parts();
    let mut socket = parts.io.into_inner();
    match tap.admitted() {
        Some(Admitted { opening, handshake }) => {
            opening.attach(socket.into_inner().into_std()?, parts.read_buf);
            drop(handshake);
        }
        None => socket.shutdown().await?,
    }
    Ok(())
}
