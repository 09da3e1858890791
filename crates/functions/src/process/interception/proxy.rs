//! A proxy that opens tunnels, for processes of functions only.
//!
//! It is bound to the loopback address, and asks for a secret that is made anew at every start and stands in the environment
//! of functions, whose files other users cannot read. A tunnel to one of our names ends here: TLS is taken off, and
//! the rest goes to the server. Every other tunnel is passed on as it is.

use super::authority::Authority;
use super::upstream::{Stream, Upstream};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use uuid::Uuid;

/// Connections at once, tunnels included; more wait to be accepted.
const MAX_CONNECTIONS: usize = 256;
/// Until the head of a request has arrived, and until TLS is agreed on.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
const HTTPS: u16 = 443;
const USER: &str = "function";

/// Where tunnels lead.
pub(crate) struct Destinations {
    /// Our own, in lower case.
    pub(crate) names: Arc<[String]>,
    /// Where those are served.
    pub(crate) server: SocketAddr,
    pub(crate) upstream: Upstream,
}

/// The proxy at work; it ends when this is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    secret: String,
    serving: JoinHandle<()>,
}

struct Shared {
    destinations: Destinations,
    tls: TlsAcceptor,
    /// What `Proxy-Authorization` must say.
    expected: String,
}

/// One place among `MAX_CONNECTIONS`, held for as long as anything of a connection is left.
type Place = Arc<OwnedSemaphorePermit>;

impl Proxy {
    pub(crate) fn start(destinations: Destinations, authority: Authority) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let secret = Uuid::new_v4().simple().to_string();
        let expected = format!("Basic {}", STANDARD.encode(format!("{USER}:{secret}")));
        let shared = Arc::new(Shared { destinations, tls: acceptor(authority)?, expected });
        let serving = tokio::spawn(accept(TcpListener::from_std(listener)?, shared));
        Ok(Self { address, secret, serving })
    }

    /// What `HTTPS_PROXY` says. It holds the secret: not for logs.
    pub(crate) fn url(&self) -> String {
        format!("http://{USER}:{}@{}", self.secret, self.address)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn acceptor(authority: Authority) -> io::Result<TlsAcceptor> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(authority));
    // The server behind it speaks nothing else.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // Dropped with this task, and every tunnel with it.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((socket, _)) = listener.accept().await else {
            // Out of descriptors, for a moment.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Only delays small messages if it fails.
        let _ = socket.set_nodelay(true);
        connections.spawn(serve(socket, Arc::clone(&shared), Arc::new(place)));
    }
}

/// One connection: requests, until one of them becomes a tunnel.
async fn serve(socket: TcpStream, shared: Arc<Shared>, place: Place) {
    let (tell, mut opened) = tokio::sync::mpsc::channel(1);
    let service = service_fn(|request| {
        let (shared, tell) = (Arc::clone(&shared), tell.clone());
        async move { Ok::<_, Infallible>(respond(&shared, request, &tell).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HANDSHAKE_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS);
    // How a connection ends is the process's matter.
    let _ = http.serve_connection(TokioIo::new(socket), service).with_upgrades().await;
    if let Ok((upgrade, tunnel)) = opened.try_recv() {
        run(&shared, upgrade, tunnel).await;
    }
    drop(place);
}

/// Where a tunnel leads.
enum Tunnel {
    Ours,
    Elsewhere(Box<Stream>),
}

type Opened = tokio::sync::mpsc::Sender<(OnUpgrade, Tunnel)>;

async fn respond(shared: &Shared, request: Request<Incoming>, opened: &Opened) -> Response<Full<Bytes>> {
    if !shared.knows(&request) {
        let mut refusal = told(StatusCode::PROXY_AUTHENTICATION_REQUIRED, "This proxy serves functions only");
        refusal.headers_mut().insert(PROXY_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"functions\""));
        return refusal;
    }
    if request.method() != Method::CONNECT {
        return told(StatusCode::METHOD_NOT_ALLOWED, "This proxy opens tunnels for HTTPS only, with CONNECT");
    }
    let target = request.uri().authority().and_then(|authority| Some((authority.host(), authority.port_u16()?)));
    let Some((host, port)) = target else {
        return told(StatusCode::BAD_REQUEST, "CONNECT needs a host and a port");
    };
    let tunnel = if port == HTTPS && shared.destinations.is_ours(host) {
        Tunnel::Ours
    } else {
        match shared.destinations.upstream.connect(&format!("{host}:{port}")).await {
            Ok(stream) => Tunnel::Elsewhere(Box::new(stream)),
            Err(error) => {
                tracing::debug!(host, %error, "a function's tunnel cannot be opened");
                return told(StatusCode::BAD_GATEWAY, &format!("{host}:{port} cannot be reached: {error}"));
            }
        }
    };
    // There is room: a connection becomes a tunnel once.
    let _ = opened.try_send((hyper::upgrade::on(request), tunnel));
    Response::new(Full::default())
}

async fn run(shared: &Shared, upgrade: OnUpgrade, tunnel: Tunnel) {
    let Ok(client) = upgrade.await else { return };
    // How tunnels end, and who ends them, is the matter of those at their ends.
    let _ = match tunnel {
        Tunnel::Ours => to_server(shared, client).await,
        Tunnel::Elsewhere(stream) => {
            copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(*stream)).await.map(drop)
        }
    };
}

async fn to_server(shared: &Shared, client: Upgraded) -> io::Result<()> {
    let mut client = timeout(HANDSHAKE_TIMEOUT, shared.tls.accept(TokioIo::new(client))).await?.inspect_err(
        |error| tracing::warn!(%error, "a function calls an API here, and TLS cannot be agreed on: does it trust its bundle?"),
    )?;
    let mut server = TcpStream::connect(shared.destinations.server).await?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

impl Shared {
    fn knows(&self, request: &Request<Incoming>) -> bool {
        let given = request.headers().get(PROXY_AUTHORIZATION).map(HeaderValue::as_bytes);
        given.is_some_and(|given| given.ct_eq(self.expected.as_bytes()).into())
    }
}

impl Destinations {
    fn is_ours(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        self.names.iter().any(|name| name.eq_ignore_ascii_case(host))
    }
}

/// An answer after which the connection is closed: there is nothing left to ask.
fn told(status: StatusCode, message: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(format!("{message}\n"))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
