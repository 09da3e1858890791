//! Writes rows of the table that live-metrics shows, over one connection that stays open.

use crate::Failure;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

/// The table that live-metrics shows.
const TABLE: &str = "iops-dashboard-metrics";
/// Text in each row, so that a message is about as long as those of the fan-out.
const FILL_BYTES: usize = 100;
/// DynamoDB's.
pub const BATCH_ROWS: u64 = 25;

pub struct Writer {
    socket: BufReader<TcpStream>,
}

impl Writer {
    pub fn connect(server: SocketAddr) -> Result<Self, Failure> {
        let socket = TcpStream::connect(server)?;
        socket.set_nodelay(true)?;
        Ok(Self { socket: BufReader::new(socket) })
    }

    /// Sends a `PutItem` of the one row that carries this number, and does not wait for its answer.
    pub fn put(&mut self, sequence: u64) -> Result<(), Failure> {
        self.send("PutItem", &json!({"TableName": TABLE, "Item": item("bench", sequence)}))
    }

    /// Sends a `BatchWriteItem` of rows by name and number, and does not wait for its answer.
    pub fn put_batch(&mut self, rows: impl Iterator<Item = (String, u64)>) -> Result<(), Failure> {
        let puts: Vec<Value> =
            rows.map(|(row, sequence)| json!({"PutRequest": {"Item": item(&row, sequence)}})).collect();
        self.send("BatchWriteItem", &json!({"RequestItems": {TABLE: puts}}))
    }

    fn send(&mut self, operation: &str, body: &Value) -> Result<(), Failure> {
        let body = body.to_string();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\n\
             X-Amz-Target: DynamoDB_20120810.{operation}\r\nX-Amz-Date: 20260101T000000Z\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/dynamodb/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=00\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Ok(self.socket.get_mut().write_all(request.as_bytes())?)
    }

    /// Reads the answer to the oldest write that has none yet.
    pub fn confirm(&mut self) -> Result<(), Failure> {
        let body = answer(&mut self.socket)?;
        let body: Value = serde_json::from_slice(&body)?;
        // A part of a batch that was not written would look like a change that was lost.
        match body["UnprocessedItems"].as_object() {
            Some(left) if !left.is_empty() => Err("a part of a batch was not written".into()),
            _ => Ok(()),
        }
    }
}

fn item(row: &str, sequence: u64) -> Value {
    json!({
        "entity_id": {"S": row},
        "sequence": {"N": sequence.to_string()},
        "fill": {"S": "x".repeat(FILL_BYTES)},
    })
}

/// Reads one answer, which must be a 200; its body.
pub fn answer(socket: &mut impl BufRead) -> Result<Vec<u8>, Failure> {
    let (mut status, mut length) = (String::new(), 0);
    socket.read_line(&mut status)?;
    loop {
        let mut line = String::new();
        socket.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body)?;
    if !status.starts_with("HTTP/1.1 200 ") {
        return Err(format!("a request was answered {}: {}", status.trim(), String::from_utf8_lossy(&body)).into());
    }
    Ok(body)
}
