//! A TCP port that speaks HTTP/1.1: the accept loop, its limits and its end.
//!
//! A WebSocket passes through here for its handshake only; after the upgrade its socket belongs to the gateway and no
//! longer counts towards the limit of HTTP connections.

use crate::config::Config;
use http::StatusCode;
use http::header::{CONNECTION, HeaderValue};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioTimer;
use sluicegate_endpoint::{Response, Watched};
use sluicegate_gateway::{Caller, serve_connection};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tracing::{debug, warn};

/// A request's body on its way to whoever answers.
pub type RequestBody = Watched<Incoming>;

/// What a port answers with.
pub trait Answer: Clone + Send + Sync + Unpin + 'static {
    fn answer(self, request: http::Request<RequestBody>, caller: &Caller) -> impl Future<Output = Response> + Send;
}

/// The limits of one port.
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    pub header_timeout: Duration,
    pub dead_peer_timeout: Duration,
    pub max_head_bytes: usize,
    pub max_headers: usize,
    pub max_connections: u32,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({setting}): {error}; {}", remedy(error, setting))]
pub struct BindError {
    setting: &'static str,
    address: SocketAddr,
    error: io::Error,
}

/// A bound port, not yet accepting.
#[derive(Debug)]
pub struct Listener {
    /// The setting that named the address, which also names the port in metrics and logs.
    setting: &'static str,
    socket: TcpListener,
    address: SocketAddr,
}

/// A port at work. Dropping it ends neither the loop nor its connections: call [`Serving::drain`].
#[derive(Debug)]
pub struct Serving {
    stopping: watch::Sender<bool>,
    slots: Arc<Semaphore>,
    max_connections: u32,
    accepting: tokio::task::JoinHandle<()>,
}

impl HttpLimits {
    /// `max_connections` is how many there may be at once.
    pub fn of(config: &Config, max_connections: u32) -> Self {
        Self {
            header_timeout: config.header_timeout,
            dead_peer_timeout: config.dead_peer_timeout,
            max_head_bytes: config.max_head.0,
            max_headers: config.max_headers as usize,
            max_connections,
        }
    }
}

impl Listener {
    /// Binds `address`, which the setting of that name gave.
    pub async fn bind(setting: &'static str, address: SocketAddr) -> Result<Self, BindError> {
        let bind = async {
            let socket = TcpListener::bind(address).await?;
            Ok((socket.local_addr()?, socket))
        };
        let (address, socket) = bind.await.map_err(|error| BindError { setting, address, error })?;
        Ok(Self { setting, socket, address })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts connections and answers their requests until [`Serving::drain`].
    pub fn serve(self, limits: HttpLimits, answer: impl Answer) -> Serving {
        if INHERITED && let Err(error) = prepare((&self.socket).into(), limits.dead_peer_timeout) {
            warn!(%error, port = self.setting, "cannot set socket options; messages may be late, and dead peers stay");
        }
        let (stopping, stopped) = watch::channel(false);
        let slots = Arc::new(Semaphore::new(limits.max_connections as usize));
        let accepting = tokio::spawn(self.accept(limits, Arc::clone(&slots), answer, stopped));
        Serving { stopping, slots, max_connections: limits.max_connections, accepting }
    }
}

impl Serving {
    /// Stops accepting at once, tells connections that wait for a request to go, and returns when the last request is
    /// answered.
    pub async fn drain(self) {
        // The receiver is gone only when the loop has ended already.
        let _ = self.stopping.send(true);
        let _ = self.accepting.await;
        // Every connection holds a slot, so holding them all means there are no connections.
        let _ = self.slots.acquire_many(self.max_connections).await;
    }

    /// Stops accepting, and lets requests in progress go on; [`Serving::drain`] waits for them.
    pub fn stop_accepting(&self) {
        let _ = self.stopping.send(true);
    }
}

/// A connection's place among `max_http_connections`, held as long as it speaks HTTP.
struct Slot {
    _permit: OwnedSemaphorePermit,
    open: metrics::Gauge,
}

impl Listener {
    async fn accept(
        self,
        limits: HttpLimits,
        slots: Arc<Semaphore>,
        answer: impl Answer,
        mut stopped: watch::Receiver<bool>,
    ) {
        let open = metrics::gauge!("sluicegate_http_connections", "port" => self.setting);
        loop {
            let next = async {
                let permit = self.free_slot(&slots).await;
                (self.socket.accept().await, permit)
            };
            let (accepted, permit) = tokio::select! {
                next = next => next,
                _ = stopped.changed() => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let slot = Slot::take(permit, open.clone());
                    tokio::spawn(connection(stream, peer, limits, answer.clone(), stopped.clone(), slot));
                }
                Err(error) => pause_after(error).await,
            }
        }
    }

    /// At the limit nothing more is accepted: newcomers wait in the kernel's queue, and slots come free because every
    /// connection without a request is closed after `header_timeout`.
    async fn free_slot(&self, slots: &Arc<Semaphore>) -> OwnedSemaphorePermit {
        if slots.available_permits() == 0 {
            metrics::counter!("sluicegate_http_connections_waited_total", "port" => self.setting).increment(1);
            warn!(port = self.setting, "max_http_connections is reached; new connections wait to be accepted");
        }
        Arc::clone(slots).acquire_owned().await.expect("the semaphore is never closed")
    }
}

impl Slot {
    fn take(permit: OwnedSemaphorePermit, open: metrics::Gauge) -> Self {
        open.increment(1.0);
        Self { _permit: permit, open }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.open.decrement(1.0);
    }
}

/// A failed accept concerns one connection, except when files run out: then trying again at once would only spin.
async fn pause_after(error: io::Error) {
    const PAUSE: Duration = Duration::from_millis(100);
    let of_the_peer = matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset);
    if !of_the_peer {
        warn!(%error, "cannot accept connections; trying again");
        tokio::time::sleep(PAUSE).await;
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    limits: HttpLimits,
    answer: impl Answer,
    mut stopped: watch::Receiver<bool>,
    _slot: Slot,
) {
    if !INHERITED && let Err(error) = prepare((&stream).into(), limits.dead_peer_timeout) {
        // The peer has gone already.
        return debug!(%peer, %error, "cannot set socket options");
    }
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(limits.max_head_bytes)
        .max_headers(limits.max_headers);
    let stopped = async move {
        let _ = stopped.changed().await;
    };
    let answering = move |request, caller| respond(answer.clone(), request, caller);
    if let Err(error) = serve_connection(&http, (stream, peer), stopped, answering).await {
        debug!(%peer, %error, "an HTTP connection ended early");
    }
}

/// Says so when the connection ends with this answer because the request was not read to its end. Clients that are not
/// told send their next request into a socket that nobody reads.
async fn respond(answer: impl Answer, request: http::Request<Incoming>, caller: Caller) -> Response {
    let (request, rest) = Watched::new(request);
    let mut response = answer.answer(request, &caller).await;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return response;
    }
    if rest.discard().await {
        caller.request_is_read();
    } else {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// On Linux an accepted socket has the options of the one that listens, which saves six calls for each connection.
const INHERITED: bool = cfg!(target_os = "linux");

/// Small messages leave at once, and a peer that vanished without a word is noticed.
fn prepare(socket: socket2::SockRef<'_>, dead_peer_timeout: Duration) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    // Probes find a silent peer that is gone; the user timeout finds one that stopped acknowledging.
    let probes = socket2::TcpKeepalive::new().with_time(dead_peer_timeout / 2).with_interval(dead_peer_timeout / 8);
    socket.set_tcp_keepalive(&probes)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(dead_peer_timeout))?;
    Ok(())
}

fn remedy(error: &io::Error, setting: &str) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!(
                "another program has it: stop that one, or choose another port with --{setting} (port 0 takes a free one)"
            )
        }
        io::ErrorKind::AddrNotAvailable => format!("this machine has no such address: choose another with --{setting}"),
        io::ErrorKind::PermissionDenied => {
            format!("ports below 1024 need a privilege: choose another with --{setting}")
        }
        _ => format!("choose another address with --{setting}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn an_accepted_socket_has_the_options_of_the_one_that_listens() {
        let listening = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        prepare((&listening).into(), Duration::from_secs(80)).unwrap();
        let _client = std::net::TcpStream::connect(listening.local_addr().unwrap()).unwrap();
        let (accepted, _) = listening.accept().unwrap();
        let accepted = socket2::SockRef::from(&accepted);
        assert!(accepted.tcp_nodelay().unwrap() && accepted.keepalive().unwrap());
        assert_eq!(accepted.tcp_keepalive_time().unwrap(), Duration::from_secs(40));
        assert_eq!(accepted.tcp_keepalive_interval().unwrap(), Duration::from_secs(10));
        assert_eq!(accepted.tcp_user_timeout().unwrap(), Some(Duration::from_secs(80)));
    }
}
