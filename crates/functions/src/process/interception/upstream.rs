//! The way to hosts that are not ours: straight, or through the operator's own proxy.

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

/// Until a host, or the operator's proxy, has taken a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// How the server's environment says that the network is reached: `HTTPS_PROXY`, `NO_PROXY` and the like.
pub(crate) struct Upstream {
    operators: Matcher,
    connector: HttpsConnector<HttpConnector>,
}

impl Upstream {
    pub(crate) fn of_environment(roots: &[CertificateDer<'static>]) -> Self {
        let mut trusted = RootCertStore::empty();
        trusted.add_parsable_certificates(roots.iter().cloned());
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring knows the versions that are the default")
            .with_root_certificates(trusted)
            .with_no_client_auth();
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        // A proxy may be spoken to over TLS itself.
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        Self { operators: Matcher::from_env(), connector: connector.wrap_connector(http) }
    }

    /// Opens a connection to a host and a port, as one text.
    pub(crate) async fn connect(&self, host: &str) -> Result<Stream, Box<dyn Error + Send + Sync>> {
        let connecting = async {
            let mut connector = self.connector.clone();
            let wanted: Uri = format!("https://{host}").parse()?;
            let proxy = if is_loopback(&wanted) { None } else { self.operators.intercept(&wanted) };
            let Some(proxy) = proxy else {
                // The client speaks TLS through it, if it does.
                return connector.call(format!("http://{host}").parse()?).await;
            };
            let mut tunnel = Tunnel::new(proxy.uri().clone(), connector);
            if let Some(authorization) = proxy.basic_auth() {
                tunnel = tunnel.with_auth(authorization.clone());
            }
            Ok(tunnel.call(wanted).await?)
        };
        timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or_else(|_| Err("it took longer than 10 s".into()))
    }
}

/// This machine itself is no matter for a proxy, whatever the environment says.
fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}
