//! An HTTP server for integrations: it answers by path and keeps every request.

use crate::case::BackendAnswer;
use crate::wire::patiently;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// A request that the backend got.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

pub(super) struct Backend {
    pub(super) address: SocketAddr,
    requests: Arc<watch::Sender<Vec<Arrived>>>,
    accepting: AbortHandle,
}

impl Backend {
    pub(super) async fn start(answers: BTreeMap<String, BackendAnswer>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (answers, requests) = (Arc::new(answers), Arc::new(watch::Sender::new(Vec::new())));
        let accepting = tokio::spawn(accept(listener, answers, requests.clone())).abort_handle();
        Ok(Self { address, requests, accepting })
    }

    pub(super) fn requests(&self) -> Vec<Arrived> {
        self.requests.borrow().clone()
    }

    /// The request of that number, from 1.
    pub(super) async fn request(&self, nth: usize) -> Result<Arrived, String> {
        let mut requests = self.requests.subscribe();
        let enough = requests.wait_for(|requests| requests.len() >= nth);
        let requests = patiently(&format!("request {nth} at the backend"), enough).await?;
        requests.map(|requests| requests[nth - 1].clone()).map_err(|error| error.to_string())
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    answers: Arc<BTreeMap<String, BackendAnswer>>,
    requests: Arc<watch::Sender<Vec<Arrived>>>,
) {
    while let Ok((socket, _)) = listener.accept().await {
        let (answers, requests) = (answers.clone(), requests.clone());
        let service = service_fn(move |request| {
            let (answers, requests) = (answers.clone(), requests.clone());
            async move { Ok::<_, Infallible>(answer(request, &answers, &requests).await) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
    }
}

async fn answer(
    request: hyper::Request<Incoming>,
    answers: &BTreeMap<String, BackendAnswer>,
    requests: &watch::Sender<Vec<Arrived>>,
) -> hyper::Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let arrived = Arrived { method: parts.method.to_string(), target: parts.uri.to_string(), headers, body };
    let (status, headers, body) = match answers.get(parts.uri.path()) {
        Some(answer) => (answer.status.unwrap_or(200), answer.headers.clone(), answer.body.clone()),
        None => (404, BTreeMap::new(), String::new()),
    };
    requests.send_modify(|requests| requests.push(arrived));
    let mut response = hyper::Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Full::new(body.into())).unwrap_or_default()
}
