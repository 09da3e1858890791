//! The same through TLS, with roots of one's own.

use crate::room::{at, echo, fan_out, run};
use crate::server::{Room, Shared};
use sluicegate_load::{Scenario, Target};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/certificates").join(name)
}

async fn open(room: Room) -> SocketAddr {
    let certificates = CertificateDer::pem_file_iter(file("cert.pem")).unwrap().collect::<Result<_, _>>().unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, PrivateKeyDer::from_pem_file(file("key.pem")).unwrap())
        .unwrap();
    let (acceptor, shared) = (TlsAcceptor::from(Arc::new(config)), Shared::new(room));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (acceptor, shared) = (acceptor.clone(), shared.clone());
            tokio::spawn(async move {
                if let Ok(socket) = acceptor.accept(socket).await {
                    shared.serve(socket).await;
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn encrypted_connections_are_checked_like_plain_ones() {
    for (scenario, room) in [(echo(), Room::Echo), (fan_out(), Room::Fair)] {
        let url = format!("wss://{}/", open(room).await);
        let target = Target::parse(&url, &[], Some(&file("ca.pem"))).unwrap();
        let report = run(scenario, at(target)).await.unwrap();
        assert_eq!((&report["outcome"], &report["deliveries"]["lost"]), (&"complete".into(), &0.into()), "{report}");
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let url = format!("wss://{}/", open(Room::Echo).await);
    // The server's own certificate is no root.
    let target = Target::parse(&url, &[], Some(&file("key.pem"))).err().map(|error| error.to_string());
    assert!(target.as_deref().is_some_and(|problem| problem.contains("there are none in it")), "{target:?}");
    let other = Target::parse(&url.replace("127.0.0.1", "127.0.0.2"), &[], Some(&file("ca.pem"))).unwrap();
    let failure = run(Scenario::Idle { hold: Duration::ZERO }, at(other)).await.unwrap_err().to_string();
    assert!(failure.contains("Connection refused") || failure.contains("certificate"), "{failure}");
}
