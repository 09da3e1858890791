//! Where a key set comes from: a file, or an address.

use super::keys::Keys;
use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_SET_BYTES: usize = 256 * 1024;

pub(super) enum Source {
    File(PathBuf),
    Address(Uri, Box<Client<HttpsConnector<HttpConnector>, Empty<Bytes>>>),
}

impl Source {
    pub(super) fn file(path: &str) -> Self {
        Self::File(path.into())
    }

    pub(super) fn url(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|error| format!("{error}"))?;
        let connector = HttpsConnectorBuilder::new().with_native_roots();
        let connector = connector.map_err(|error| format!("the system's certificates cannot be read: {error}"))?;
        let connector = match uri.scheme_str() {
            Some("https") => connector.https_only().enable_http1().build(),
            // Keys that arrive in the clear can be anybody's.
            Some("http") if is_this_machine(&uri) => connector.https_or_http().enable_http1().build(),
            _ => return Err("keys are not fetched in the clear".to_owned()),
        };
        Ok(Self::Address(uri, Box::new(Client::builder(TokioExecutor::new()).build(connector))))
    }

    /// What can be told at start.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::File(path) => {
                let json = std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
                Keys::parse(&json).map(drop).map_err(|error| format!("{}: {error}", path.display()))
            }
            Self::Address(..) => Ok(()),
        }
    }

    pub(super) async fn fetch(&self) -> Result<Bytes, String> {
        let fetched = tokio::time::timeout(FETCH_TIMEOUT, async {
            match self {
                Self::File(path) => tokio::fs::read(path).await.map(Bytes::from).map_err(|error| error.to_string()),
                Self::Address(uri, client) => get(uri, client).await,
            }
        });
        fetched.await.unwrap_or_else(|_| Err(format!("no answer within {FETCH_TIMEOUT:?}")))
    }
}

/// Redirects are not followed: the address is the issuer's, or it is wrong.
async fn get(uri: &Uri, client: &Client<HttpsConnector<HttpConnector>, Empty<Bytes>>) -> Result<Bytes, String> {
    let request = Request::get(uri.clone()).header("accept", "application/json").body(Empty::new());
    let request = request.map_err(|error| error.to_string())?;
    let response = client.request(request).await.map_err(|error| error.to_string())?;
    if response.status() != StatusCode::OK {
        return Err(format!("the answer has status {}", response.status()));
    }
    let body = Limited::new(response.into_body(), MAX_SET_BYTES).collect().await.map_err(|error| error.to_string())?;
    Ok(body.to_bytes())
}

fn is_this_machine(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Address(uri, _) => uri.fmt(f),
        }
    }
}
