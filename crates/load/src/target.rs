//! Where to connect, and with what words: an address, a path, headers, and the roots that a certificate must lead to.

use http::Uri;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;

/// Connections from one address of ours to one of a server's: there are no more ports, less a reserve for everybody else.
pub const MAX_PER_SOURCE: usize = 25_000;

/// A server to open WebSockets at.
#[derive(Clone, Debug)]
pub struct Target {
    pub url: String,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) tls: Option<Tls>,
}

#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub config: Arc<ClientConfig>,
    pub name: ServerName<'static>,
}

#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    #[error("{0} is no address of a WebSocket: it should look like ws://127.0.0.1:8080/path or wss://host/path")]
    Url(String),
    #[error("{host} cannot be looked up: {problem}")]
    Lookup { host: String, problem: String },
    #[error("the header {0:?} is not \"Name: value\"")]
    Header(String),
    #[error("the certificates of {file} cannot be read: {problem}")]
    Roots { file: String, problem: String },
    #[error("this system has no root certificates; name a file of them with --ca")]
    NoRoots,
}

impl Target {
    /// Reads a `ws://` or `wss://` URL. `roots` replaces the system's root certificates.
    pub fn parse(url: &str, headers: &[String], roots: Option<&Path>) -> Result<Self, TargetError> {
        let refused = || TargetError::Url(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| refused())?;
        let authority = uri.authority().ok_or_else(refused)?;
        let (port, secure) = match uri.scheme_str() {
            Some("ws" | "http") => (80, false),
            Some("wss" | "https") => (443, true),
            _ => return Err(refused()),
        };
        let name = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let tls = match secure {
            true => Some(Tls {
                config: Arc::new(spoken(tls_config(roots)?)),
                name: ServerName::try_from(name.clone()).map_err(|_| refused())?,
            }),
            false => None,
        };
        Ok(Self {
            url: url.to_owned(),
            addresses: look_up(&name, authority.port_u16().unwrap_or(port))?,
            host: authority.as_str().rsplit('@').next().unwrap_or_default().to_owned(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            headers: headers.iter().map(|line| header(line)).collect::<Result<_, _>>()?,
            tls,
        })
    }

    /// A plain server of this machine.
    pub fn plain(address: SocketAddr, path: &str) -> Self {
        Self {
            url: format!("ws://{address}{path}"),
            addresses: vec![address],
            host: address.to_string(),
            path: path.to_owned(),
            headers: Vec::new(),
            tls: None,
        }
    }

    /// The address of the connection with this number, and where it should come from if that matters: many connections to
    /// loopback come from many of its addresses, because one has only so many ports.
    pub(crate) fn route(&self, number: usize, per_source: usize) -> (SocketAddr, Option<SocketAddr>) {
        let server = self.addresses[number % self.addresses.len()];
        let source = match server.ip() {
            IpAddr::V4(address) if address.is_loopback() && number >= per_source => {
                let nth = (number / per_source) as u32;
                let [_, b, c, d] = (u32::from(std::net::Ipv4Addr::LOCALHOST) + nth).to_be_bytes();
                Some(SocketAddr::from(([127, b, c, d], 0)))
            }
            _ => None,
        };
        (server, source)
    }
}

fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, TargetError> {
    let failed = |problem: String| TargetError::Lookup { host: host.to_owned(), problem };
    let all: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(|error| failed(error.to_string()))?.collect();
    // One family: a name with both often leads to a server that listens on one.
    let first = all.first().ok_or_else(|| failed("it has no addresses".to_owned()))?.is_ipv4();
    Ok(all.into_iter().filter(|address| address.is_ipv4() == first).collect())
}

pub(crate) fn header(line: &str) -> Result<(String, String), TargetError> {
    let refused = || TargetError::Header(line.to_owned());
    let (name, value) = line.split_once(':').ok_or_else(refused)?;
    let (name, value) = (name.trim(), value.trim());
    // What passes here can neither end the head nor begin another header.
    let valid = http::HeaderName::try_from(name).is_ok() && http::HeaderValue::try_from(value).is_ok();
    if valid { Ok((name.to_owned(), value.to_owned())) } else { Err(refused()) }
}

/// What checks certificates: the system's roots, or those of a file.
pub(crate) fn tls_config(roots: Option<&Path>) -> Result<ClientConfig, TargetError> {
    let mut store = RootCertStore::empty();
    match roots {
        Some(file) => {
            let failed = |problem: String| TargetError::Roots { file: file.display().to_string(), problem };
            let certificates = CertificateDer::pem_file_iter(file).map_err(|error| failed(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| failed(error.to_string()))?;
                store.add(certificate).map_err(|error| failed(error.to_string()))?;
            }
        }
        // One that cannot be read is the system's affair as long as others can.
        None => drop(store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    if store.is_empty() {
        return Err(match roots {
            Some(file) => {
                TargetError::Roots { file: file.display().to_string(), problem: "there are none in it".to_owned() }
            }
            None => TargetError::NoRoots,
        });
    }
    Ok(trusting(store))
}

/// What opens encrypted connections to whom these roots vouch for.
pub(crate) fn trusting(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks the versions that rustls has by default")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A server that prefers HTTP/2 must not: the handshake is that of HTTP/1.1.
fn spoken(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_urls() {
        for (url, address, host, path) in [
            ("ws://127.0.0.1:8080/live/prod?x=1", "127.0.0.1:8080", "127.0.0.1:8080", "/live/prod?x=1"),
            ("ws://127.0.0.1", "127.0.0.1:80", "127.0.0.1", "/"),
            ("ws://[::1]:9/a", "[::1]:9", "[::1]:9", "/a"),
        ] {
            let target = Target::parse(url, &[], None).unwrap();
            assert_eq!(target.addresses, [address.parse().unwrap()], "{url}");
            assert_eq!((target.host.as_str(), target.path.as_str()), (host, path), "{url}");
        }
        for url in ["", "127.0.0.1:80", "ftp://127.0.0.1/", "/path", "ws://"] {
            assert!(matches!(Target::parse(url, &[], None), Err(TargetError::Url(_))), "{url}");
        }
    }

    #[test]
    fn headers_cannot_smuggle_others() {
        assert_eq!(header("X-Api-Key:  secret ").unwrap(), ("X-Api-Key".to_owned(), "secret".to_owned()));
        for line in ["no colon", "Na me: x", ": x", "X: a\r\nY: b"] {
            assert!(header(line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn many_connections_to_loopback_come_from_many_addresses() {
        let target = Target::plain(([127, 0, 0, 1], 80).into(), "/");
        for (number, source) in [(0, None), (9, None), (10, Some("127.0.0.2:0")), (2_560, Some("127.0.1.1:0"))] {
            assert_eq!(target.route(number, 10).1, source.map(|text| text.parse().unwrap()), "{number}");
        }
        let far = Target::plain(([10, 0, 0, 1], 80).into(), "/");
        assert_eq!(far.route(10_000, 10).1, None);
    }
}
