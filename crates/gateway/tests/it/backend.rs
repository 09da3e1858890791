//! HTTP backends for integrations: one that speaks HTTP and keeps what it was sent, and one that misbehaves.

use crate::fixture::PATIENCE;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub struct Backend {
    pub address: SocketAddr,
    requests: Arc<watch::Sender<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
}

impl Backend {
    pub async fn start(answer: impl Fn(&Seen) -> Response<Bytes> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let backend =
            Self { address: listener.local_addr().unwrap(), requests: Arc::default(), connections: Arc::default() };
        let (answer, requests, connections) = (Arc::new(answer), backend.requests.clone(), backend.connections.clone());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                let (answer, requests) = (answer.clone(), requests.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (answer, requests) = (answer.clone(), requests.clone());
                    async move {
                        let seen = read(request).await;
                        let response = answer(&seen).map(Full::new);
                        requests.send_modify(|requests| requests.push(seen));
                        Ok::<_, Infallible>(response)
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
            }
        });
        backend
    }

    /// One that answers everything with a status and a body.
    pub async fn answering(status: u16, body: &'static str) -> Self {
        Self::start(move |_| Response::builder().status(status).body(Bytes::from_static(body.as_bytes())).unwrap())
            .await
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits until that many requests arrived and returns them.
    pub async fn requests(&self, count: usize) -> Vec<Seen> {
        let mut requests = self.requests.subscribe();
        let arrived = requests.wait_for(|requests| requests.len() >= count);
        tokio::time::timeout(PATIENCE, arrived).await.expect("requests in time").unwrap().clone()
    }

    pub async fn request(&self) -> Seen {
        self.requests(1).await.remove(0)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.requests.borrow().clone()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn read(request: Request<Incoming>) -> Seen {
    let (parts, body) = request.into_parts();
    Seen {
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}

/// What a backend does once it has read a request's head.
#[derive(Clone, Copy, Debug)]
pub enum Misbehaviour {
    NeverAnswers,
    Closes,
    /// Writes these bytes and closes.
    Writes(&'static [u8]),
    /// Writes the head of an answer of 10 GB, and of that as much as anybody reads.
    Endless,
}

/// The address of a backend that misbehaves.
pub async fn misbehaving(misbehaviour: Misbehaviour) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(misbehave(misbehaviour, socket));
        }
    });
    address
}

async fn misbehave(misbehaviour: Misbehaviour, mut socket: TcpStream) {
    let mut head = [0; 4096];
    let _ = socket.read(&mut head).await;
    match misbehaviour {
        Misbehaviour::NeverAnswers => std::future::pending().await,
        Misbehaviour::Closes => {}
        Misbehaviour::Writes(bytes) => drop(socket.write_all(bytes).await),
        Misbehaviour::Endless => {
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n").await;
            // Ends when the other side has had enough.
            while socket.write_all(&[b'x'; 64 * 1024]).await.is_ok() {}
        }
    }
}
