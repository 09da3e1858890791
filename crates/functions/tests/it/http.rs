//! Functions that are HTTP endpoints, against a real one.

use crate::fixture::clients;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sluicegate_functions::{FunctionOptions, Functions, UrlError, http_function};
use sluicegate_protocol::limits::INVOCATION_BYTES;
use sluicegate_protocol::{FunctionError, Invocation, Invoke, InvokeError};
use std::convert::Infallible;
use std::time::Duration;
use tokio::net::TcpListener;

/// An endpoint whose path says how it behaves; its address.
async fn endpoint() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let service = service_fn(|request| async { Ok::<_, Infallible>(answer(request).await) });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service));
        }
    });
    format!("http://{address}")
}

async fn answer(request: http::Request<Incoming>) -> http::Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let event = body.collect().await.unwrap().to_bytes();
    let response = http::Response::builder();
    let response = match head.uri.path() {
        "/echo" => {
            assert_eq!(head.headers["content-type"], "application/json");
            assert!(head.headers.contains_key("lambda-runtime-aws-request-id"));
            response.body(Full::new(event))
        }
        "/silent" => response.body(Full::default()),
        "/reports" => response
            .header("X-Amz-Function-Error", "Unhandled")
            .body(Full::new(Bytes::from_static(br#"{"errorType":"TypeError","errorMessage":"x is not a function"}"#))),
        "/breaks" => response.status(503).body(Full::new(Bytes::from_static(b"<html>busy</html>"))),
        "/endless" => response.body(Full::new(Bytes::from(vec![b'x'; INVOCATION_BYTES + 1]))),
        "/never" => std::future::pending().await,
        other => panic!("no behaviour at {other}"),
    };
    response.unwrap()
}

async fn invoke(url: &str, timeout: Duration) -> Result<Bytes, InvokeError> {
    let options = FunctionOptions { timeout, ..FunctionOptions::default() };
    let functions =
        Functions::builder().register("f", http_function(url).unwrap(), clients(), options).build().unwrap();
    functions.invoke(Invocation { function: "f".into(), payload: Bytes::from_static(br#"{"n": 1.0}"#) }).await
}

fn failure(result: Result<Bytes, InvokeError>) -> FunctionError {
    match result {
        Err(InvokeError::Function(error)) => error,
        other => panic!("expected a function error, got {other:?}"),
    }
}

#[tokio::test]
async fn what_the_endpoint_answers_is_the_result() {
    let base = endpoint().await;
    let patience = Duration::from_secs(10);
    assert_eq!(invoke(&format!("{base}/echo"), patience).await.unwrap(), br#"{"n": 1.0}"#.as_slice());
    assert_eq!(invoke(&format!("{base}/silent"), patience).await.unwrap(), b"null".as_slice());
}

#[tokio::test]
async fn what_goes_wrong_is_a_function_error() {
    let base = endpoint().await;
    let patience = Duration::from_secs(10);
    for (path, error_type, message) in [
        ("/reports", "TypeError", "x is not a function"),
        ("/breaks", "Function.Failed", "the endpoint answered 503"),
        ("/endless", "Function.ResponseUnreadable", "length limit exceeded"),
    ] {
        let error = failure(invoke(&format!("{base}{path}"), patience).await);
        assert_eq!(error.error_type, error_type, "{path}: {error:?}");
        assert!(error.message.contains(message), "{path}: {error:?}");
    }
    let error = failure(invoke(&format!("{base}/never"), Duration::from_millis(50)).await);
    assert_eq!(error.error_type, "Sandbox.Timedout");
    // Nobody listens on a port that was just given back.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(failure(invoke(&format!("http://{free}/"), patience).await).error_type, "Function.Unreachable");
}

#[test]
fn addresses_that_cannot_be_called_are_refused() {
    for (url, refused) in [
        ("https://x/", UrlError::Scheme("https://x/".to_owned())),
        ("127.0.0.1:9000/x", UrlError::Malformed("127.0.0.1:9000/x".to_owned())),
        ("/x", UrlError::Malformed("/x".to_owned())),
        ("not an address", UrlError::Malformed("not an address".to_owned())),
    ] {
        assert_eq!(http_function(url).err(), Some(refused), "{url}");
    }
}
