//! Requests as the SDKs sign them, ready for the wire.

use crate::Failure;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use std::net::SocketAddr;
use std::time::SystemTime;

pub const ACCESS_KEY_ID: &str = "AKIDBENCH";
pub const SECRET: &str = "of the bench, known to everybody";
/// The server's unless it is told otherwise.
pub const REGION: &str = "us-east-1";

/// A POST to `@connections`.
pub fn signed_post(server: SocketAddr, path: &str, body: &[u8]) -> Result<Vec<u8>, Failure> {
    let identity = Credentials::new(ACCESS_KEY_ID, SECRET, None, None, "bench").into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name("execute-api")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let (host, length) = (server.to_string(), body.len().to_string());
    let headers = [
        ("host", host.as_str()),
        ("content-type", "application/octet-stream"),
        ("content-length", length.as_str()),
        ("user-agent", "aws-sdk-rust/1.3.9 os/linux lang/rust/1.95.0"),
    ];
    let signable =
        SignableRequest::new("POST", format!("http://{server}{path}"), headers.into_iter(), SignableBody::Bytes(body))?;
    let (instructions, _) = sign(signable, &params)?.into_parts();
    let mut request = format!("POST {path} HTTP/1.1\r\n");
    for (name, value) in headers.into_iter().chain(instructions.headers()) {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    Ok([request.as_bytes(), b"\r\n", body].concat())
}
