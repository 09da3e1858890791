//! HTTP/1.1 as far as handshakes and `@connections` need it, with headers in the order and spelling of the case.

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer answers are an error.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// Bytes behind a 101.
    pub rest: Bytes,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

pub async fn send(socket: &mut TcpStream, request: &Request) -> Result<(), String> {
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.target);
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let bytes = [head.as_bytes(), &request.body].concat();
    socket.write_all(&bytes).await.map_err(|error| format!("the request was not taken: {error}"))
}

pub async fn receive(socket: &mut TcpStream) -> Result<Response, String> {
    let mut buffer = BytesMut::new();
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if read(socket, &mut buffer).await? == 0 {
            return Err(format!("the connection ended before an answer; got {} bytes", buffer.len()));
        }
    };
    let head = String::from_utf8_lossy(&buffer.split_to(end + 4)).into_owned();
    let mut response = parse_head(&head)?;
    let length = response.header("content-length").and_then(|length| length.parse::<usize>().ok());
    match (response.status, length) {
        (101, _) => response.rest = buffer.freeze(),
        (204, _) => {}
        (_, Some(length)) => {
            while buffer.len() < length && read(socket, &mut buffer).await? > 0 {}
            response.body = buffer.freeze();
        }
        (_, None) => {
            while read(socket, &mut buffer).await? > 0 {}
            response.body = buffer.freeze();
        }
    }
    Ok(response)
}

async fn read(socket: &mut TcpStream, buffer: &mut BytesMut) -> Result<usize, String> {
    if buffer.len() > MAX_ANSWER_BYTES {
        return Err("the answer has no end".to_owned());
    }
    socket.read_buf(buffer).await.map_err(|error| format!("the answer broke off: {error}"))
}

fn parse_head(head: &str) -> Result<Response, String> {
    let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
    let status_line = lines.next().unwrap_or_default();
    let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| format!("no status line but {status_line}"))?;
    let header = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    let headers = lines.filter_map(header).collect();
    Ok(Response { status, headers, body: Bytes::new(), rest: Bytes::new() })
}
