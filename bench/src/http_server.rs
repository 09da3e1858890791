//! The counterpart of `@connections`: the HTTP stack of the gateway, answering every request with an empty 200.

use crate::Failure;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

/// Serves until standard input ends.
pub fn run() -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    println!("listening {}", listener.local_addr()?);
    runtime.spawn(accept(listener));
    std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink())?;
    Ok(())
}

async fn accept(listener: TcpListener) {
    loop {
        // A client that left before it was accepted is no reason to stop.
        let Ok((socket, _)) = listener.accept().await else { continue };
        if socket.set_nodelay(true).is_ok() {
            tokio::spawn(serve(socket));
        }
    }
}

async fn serve(socket: TcpStream) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new());
    // A connection that breaks is noticed by its client, which ends the bench.
    let _ = http.serve_connection(TokioIo::new(socket), service_fn(answer)).await;
}

async fn answer(request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, hyper::Error> {
    request.into_body().collect().await?;
    Ok(Response::new(Empty::new()))
}
