//! The way to HTTP backends: connections kept and used again, answers bounded, redirects not followed.

use super::response::Received;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::error::Error as _;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;

/// The body of a backend's answer. A message may be 128 KB; the rest is room for what a template leaves out.
const RESPONSE_BYTES: usize = 1024 * 1024;
/// Connections to one host that wait to be used again, and for how long.
const IDLE_CONNECTIONS: usize = 64;
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

type EncryptedClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Clients for plain and for encrypted backends.
pub(crate) struct HttpClient {
    plain: Client<HttpConnector, Full<Bytes>>,
    /// Made when first needed: reading the system's certificates takes a moment.
    encrypted: OnceLock<Result<EncryptedClient, String>>,
}

/// Why a backend gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreachable {
    #[error("{0}")]
    Client(String),
    #[error("its answer has more than {RESPONSE_BYTES} bytes")]
    TooLarge,
    #[error("its answer broke off: {0}")]
    BrokenOff(String),
    #[error("no certificates of authorities to trust were found on this system: {0}")]
    NoRoots(String),
    #[error("it took longer than {0:?}")]
    TimedOut(Duration),
}

impl Default for HttpClient {
    fn default() -> Self {
        Self { plain: client(HttpConnector::new()), encrypted: OnceLock::new() }
    }
}

impl HttpClient {
    /// Sends a request and reads its answer to the end. Bound it with a timeout.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Received, Unreachable> {
        let answer = match request.uri().scheme_str() {
            Some("https") => self.encrypted()?.request(request).await,
            _ => self.plain.request(request).await,
        };
        let (parts, body) = answer.map_err(|error| Unreachable::Client(reason(&error)))?.into_parts();
        Ok(Received { status: parts.status.as_u16(), headers: parts.headers, body: read(body).await? })
    }

    fn encrypted(&self) -> Result<&EncryptedClient, Unreachable> {
        let made = self.encrypted.get_or_init(|| https_connector().map(client).map_err(|error| error.to_string()));
        made.as_ref().map_err(|error| Unreachable::NoRoots(error.clone()))
    }
}

async fn read(body: Incoming) -> Result<Bytes, Unreachable> {
    match Limited::new(body, RESPONSE_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Unreachable::TooLarge),
        Err(error) => Err(Unreachable::BrokenOff(error.to_string())),
    }
}

fn client<C>(connector: C) -> Client<C, Full<Bytes>>
where
    C: hyper_util::client::legacy::connect::Connect + Clone,
{
    Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_timer(TokioTimer::new())
        .build(connector)
}

/// Trusts the authorities that the system trusts, so that an operator can add one.
fn https_connector() -> io::Result<HttpsConnector<HttpConnector>> {
    let provider = rustls::crypto::ring::default_provider();
    Ok(HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?.https_only().enable_http1().build())
}

/// The client's own error says little; its source says which connection was refused and why.
fn reason(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
