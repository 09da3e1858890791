//! Programs without a shim, on their way to our APIs and to everybody else.

use crate::lambda::{Lambda, PATIENCE, code, folder};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use sluicegate_functions::process::ProcessFunction;
use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

/// A custom runtime of a few lines: fetches the address it is given with Python's own client, which reads the variables for
/// proxy and certificates, or tells its environment.
const BOOTSTRAP: &str = r#"#!/usr/bin/env python3
import json, os, urllib.request
api = "http://%s/2018-06-01/runtime/invocation/" % os.environ["AWS_LAMBDA_RUNTIME_API"]
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
while True:
    with direct.open(api + "next") as taken:
        request_id, event = taken.headers["Lambda-Runtime-Aws-Request-Id"], json.load(taken)
    try:
        result = dict(os.environ) if event is None else urllib.request.urlopen(event).read().decode()
    except Exception as error:
        result = repr(error)
    direct.open(api + request_id + "/response", json.dumps(result).encode())
"#;
const OURS: &str = "chat.execute-api.us-east-1.amazonaws.com";

/// A function of the program above, with a server at the other end that tells what it was asked.
struct Reach {
    lambda: Lambda,
    _code: TempDir,
}

impl Reach {
    async fn with(environment: &[(&str, &str)]) -> Self {
        let server = telling().await;
        let files = folder(&[("bootstrap", BOOTSTRAP)]);
        let function = ProcessFunction {
            timeout: Duration::from_secs(30),
            memory_mb: 256,
            environment: environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            ..ProcessFunction::new("f", "provided.al2023".parse().unwrap(), "", code(&files))
        };
        let lambda = Lambda::with([function], |settings| {
            settings.endpoint = Some(format!("http://{server}"));
            settings.api_names = vec![OURS.into(), "own.example.org".into()];
        });
        Self { lambda, _code: files }
    }

    async fn fetch(&self, address: &str) -> String {
        self.lambda.invoke("f", json!(address)).await.result().as_str().unwrap().to_owned()
    }

    async fn environment(&self) -> BTreeMap<String, String> {
        serde_json::from_value(self.lambda.invoke("f", Value::Null).await.result()).unwrap()
    }

    /// The proxy's address, and what authorizes for it.
    async fn proxy(&self) -> (SocketAddr, String) {
        let environment = self.environment().await;
        let (secret, address) = environment["HTTPS_PROXY"].strip_prefix("http://").unwrap().split_once('@').unwrap();
        (address.parse().unwrap(), format!("Proxy-Authorization: Basic {}", STANDARD.encode(secret)))
    }
}

/// Answers every request with its head.
async fn telling() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let head = head(&mut socket).await;
                let answer = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", head.len());
                socket.write_all((answer + &head).as_bytes()).await.unwrap();
            });
        }
    });
    address
}

/// Up to the empty line, or to the end.
async fn head(socket: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        match tokio::time::timeout(PATIENCE, socket.read_u8()).await.unwrap() {
            Ok(byte) => read.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(read).unwrap()
}

async fn ask(proxy: SocketAddr, request: &str) -> (String, TcpStream) {
    let mut socket = TcpStream::connect(proxy).await.unwrap();
    // It may answer, and close, before it has read everything.
    let _ = socket.write_all(format!("{request}\r\n\r\n").as_bytes()).await;
    (head(&mut socket).await, socket)
}

#[tokio::test]
async fn our_names_lead_to_the_server_and_others_to_where_they_should() {
    let reach = Reach::with(&[]).await;
    for name in [OURS, "own.example.org"] {
        let seen = reach.fetch(&format!("https://{name}/prod")).await;
        assert!(seen.starts_with("GET /prod HTTP/1.1\r\n") && seen.contains(&format!("Host: {name}\r\n")), "{seen}");
    }
    // This one is AWS's: nobody here vouches for it, so it is asked for, and there is nobody on this port.
    let refused = reach.fetch("https://localhost:1/prod").await;
    assert!(refused.contains("refused") || refused.contains("502"), "{refused}");
    reach.lambda.processes.stop().await;
}

#[tokio::test]
async fn the_proxy_serves_functions_only_and_opens_tunnels_only() {
    let reach = Reach::with(&[]).await;
    let (proxy, secret) = reach.proxy().await;
    let elsewhere = telling().await;
    let long = format!("{secret}\r\nX-Long: {}", "x".repeat(64 * 1024));
    let many = format!("{secret}{}", "\r\nX: y".repeat(100));
    for (line, headers, status) in [
        (format!("CONNECT {OURS}:443"), "", "407"),
        (format!("CONNECT {OURS}:443"), "Proxy-Authorization: Basic ZnVuY3Rpb246", "407"),
        (format!("CONNECT {elsewhere}"), "", "407"),
        (format!("GET http://{elsewhere}/"), "", "407"),
        (format!("GET http://{elsewhere}/"), secret.as_str(), "405"),
        ("GET /".to_owned(), &secret, "405"),
        (format!("CONNECT {OURS}"), &secret, "400"),
        ("CONNECT 127.0.0.1:1".to_owned(), &secret, "502"),
        (format!("CONNECT {OURS}:443"), &long, "431"),
        (format!("CONNECT {OURS}:443"), &many, "431"),
        (format!("CONNECT {OURS}:443"), &secret, "200"),
    ] {
        let (answer, _) =
            ask(proxy, &format!("{line} HTTP/1.1\r\nHost: x\r\n{headers}").trim_end().replace("\n\r\n", "\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer}");
        assert_eq!(answer.contains("proxy-authenticate"), status == "407", "{answer}");
    }
    // What is not ours is passed on as it is.
    let (answer, mut tunnel) = ask(proxy, &format!("CONNECT {elsewhere} HTTP/1.1\r\n{secret}")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    tunnel.write_all(b"anything\r\n\r\n").await.unwrap();
    let mut told = String::new();
    tunnel.read_to_string(&mut told).await.unwrap();
    assert!(told.ends_with("\r\n\r\nanything\r\n\r\n"), "{told}");
    // No log holds the secret.
    let secret = secret.rsplit(' ').next().unwrap();
    assert!(!reach.lambda.log("f").contains(secret));
    reach.lambda.processes.stop().await;
}

#[tokio::test]
async fn certificates_are_for_our_names_alone() {
    let reach = Reach::with(&[]).await;
    let (proxy, secret) = reach.proxy().await;
    let bundle = reach.environment().await["SSL_CERT_FILE"].clone();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_file_iter(bundle).unwrap().flatten());
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    for (name, expected) in [(OURS, true), ("own.example.org", true), ("dynamodb.us-east-1.amazonaws.com", false)] {
        let (answer, tunnel) = ask(proxy, &format!("CONNECT {OURS}:443 HTTP/1.1\r\n{secret}")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let agreed = connector.connect(ServerName::try_from(name).unwrap(), tunnel).await;
        assert_eq!(agreed.is_ok(), expected, "{name}: {:?}", agreed.err());
    }
    reach.lambda.processes.stop().await;
}

#[tokio::test]
async fn what_the_function_has_set_is_added_to_or_left_alone() {
    let reach = Reach::with(&[]).await;
    let told = reach.environment().await;
    for (one, other) in [("HTTPS_PROXY", "https_proxy"), ("NO_PROXY", "no_proxy")] {
        assert_eq!(told[one], told[other]);
    }
    // Whoever runs these tests may have set some of them; ours is the last in each.
    let last = |name: &str| fs::read_to_string(&told[name]).unwrap().rsplit_once("-----BEGIN").unwrap().1.to_owned();
    for name in ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
        assert_eq!(last(name), last("SSL_CERT_FILE"), "{name}");
    }
    assert!(told["NO_PROXY"].starts_with("127.0.0.1,"));
    assert!(told["NODE_OPTIONS"].ends_with(".cjs\""));
    assert!(Path::new(told["NODE_OPTIONS"].split('"').nth(1).unwrap()).is_file());

    // Given a bundle and options of the function's own, when it starts, then ours are there as well.
    let own = folder(&[("theirs.pem", "-----BEGIN CERTIFICATE-----\ntheirs\n-----END CERTIFICATE-----")]);
    let theirs = own.path().join("theirs.pem").display().to_string();
    let added = Reach::with(&[("AWS_CA_BUNDLE", &theirs), ("NODE_OPTIONS", "--no-warnings")]).await;
    let told = added.environment().await;
    let bundle = fs::read_to_string(&told["AWS_CA_BUNDLE"]).unwrap();
    assert!(
        bundle.starts_with("-----BEGIN CERTIFICATE-----\ntheirs\n") && bundle.matches("BEGIN").count() == 2,
        "{bundle}"
    );
    assert!(told["NODE_OPTIONS"].starts_with("--no-warnings --require "));

    // Given a proxy of the function's own, when it starts, then it is used.
    let proxied = Reach::with(&[("https_proxy", "http://127.0.0.1:9"), ("SSL_CERT_FILE", "/no/such/file")]).await;
    let told = proxied.environment().await;
    assert_eq!((told["https_proxy"].as_str(), told["SSL_CERT_FILE"].as_str()), ("http://127.0.0.1:9", "/no/such/file"));
    assert_ne!(
        told.get("HTTPS_PROXY").map(String::as_str).unwrap_or_default().split(':').next(),
        Some("http://function")
    );
    for reach in [reach, added, proxied] {
        reach.lambda.processes.stop().await;
    }
}
