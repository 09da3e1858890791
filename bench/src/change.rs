//! A change: one `PutItem` over HTTP, through table, stream, mapping and handler, to every client.
//!
//! The loop is closed: the next change is written when the last one has been received by everybody.

use crate::Failure;
use crate::command_line::Arguments;
use crate::crowd::Crowd;
use crate::disk;
use crate::payload;
use crate::product::Product;
use crate::report::{Change, Changes};
use crate::statistics::percentile;
use serde_json::json;
use sluicegate_load::process::cpu;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long each number of clients is measured, and how many changes at most.
const MEASURED: Duration = Duration::from_secs(6);
const MOST_CHANGES: u64 = 2_000;
const WARM_UP_CHANGES: u64 = 50;
/// Text in each row, so that a message is about as long as those of the fan-out.
const FILL_BYTES: usize = 100;
/// The table that live-metrics shows.
const TABLE: &str = "iops-dashboard-metrics";

pub fn measure(arguments: &Arguments) -> Result<Changes, Failure> {
    let server = Product::start(arguments.server.as_deref())?;
    let fsync_ms = disk::fsync_ms(server.data())?;
    eprintln!("change: fsync takes {fsync_ms:.3} ms here");
    let mut writer = Writer::connect(server.address)?;
    let mut rows = Vec::new();
    // Without clients first: how long the writer waits for its own answer.
    for clients in std::iter::once(0).chain(arguments.clients.iter().copied()) {
        let row = with_clients(&server, &mut writer, clients)?;
        eprintln!("change, {clients} clients: p50 {:.2} ms, p99 {:.2} ms", row.p50_ms, row.p99_ms);
        rows.push(row);
    }
    Ok(Changes { fsync_ms, rows })
}

fn with_clients(server: &Product, writer: &mut Writer, clients: usize) -> Result<Change, Failure> {
    let mut crowd = Crowd::new(server.address, &server.path, payload::sequence, writer.next)?;
    crowd.grow_to(clients)?;
    for _ in 0..WARM_UP_CHANGES {
        change(writer, &mut crowd, &mut Vec::new())?;
    }
    let (used, begun) = (cpu(server.pid())?, Instant::now());
    let (mut changes, mut receipts, mut last_receipts) = (0, Vec::new(), Vec::new());
    while changes < MOST_CHANGES && begun.elapsed() < MEASURED {
        last_receipts.push(change(writer, &mut crowd, &mut receipts)?);
        changes += 1;
    }
    let used = cpu(server.pid())? - used;
    crowd.expect_silence()?;
    let times = if clients == 0 { &mut last_receipts.clone() } else { &mut receipts };
    Ok(Change {
        clients,
        changes,
        p50_ms: percentile(times, 0.5),
        p99_ms: percentile(times, 0.99),
        last_client_p50_ms: percentile(&mut last_receipts, 0.5),
        last_client_p99_ms: percentile(&mut last_receipts, 0.99),
        cpu_us_per_change: used.as_nanos() as f64 / 1000.0 / changes as f64,
    })
}

/// Writes one change and waits for everybody. Adds each client's time to `receipts` and returns the time until all had it,
/// or until the answer if nobody waits; in milliseconds.
fn change(writer: &mut Writer, crowd: &mut Crowd, receipts: &mut Vec<f64>) -> Result<f64, Failure> {
    let begun = Instant::now();
    let elapsed = || begun.elapsed().as_secs_f64() * 1000.0;
    writer.put()?;
    crowd.receive(1, || receipts.push(elapsed()))?;
    let received = elapsed();
    writer.confirm()?;
    Ok(if crowd.len() == 0 { elapsed() } else { received })
}

/// Writes rows over one connection that stays open.
struct Writer {
    socket: BufReader<TcpStream>,
    /// The number of the next change.
    next: u64,
}

impl Writer {
    fn connect(server: SocketAddr) -> Result<Self, Failure> {
        let socket = TcpStream::connect(server)?;
        socket.set_nodelay(true)?;
        Ok(Self { socket: BufReader::new(socket), next: 1 })
    }

    /// Sends the next `PutItem`, and does not wait for its answer.
    fn put(&mut self) -> Result<(), Failure> {
        let item = json!({
            "entity_id": {"S": "bench"},
            "sequence": {"N": self.next.to_string()},
            "fill": {"S": "x".repeat(FILL_BYTES)},
        });
        self.next += 1;
        let body = json!({"TableName": TABLE, "Item": item}).to_string();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\n\
             X-Amz-Target: DynamoDB_20120810.PutItem\r\nX-Amz-Date: 20260101T000000Z\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/dynamodb/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=00\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Ok(self.socket.get_mut().write_all(request.as_bytes())?)
    }

    /// Reads the answer to the oldest write that has none yet.
    fn confirm(&mut self) -> Result<(), Failure> {
        let (mut status, mut length) = (String::new(), 0);
        self.socket.read_line(&mut status)?;
        loop {
            let mut line = String::new();
            self.socket.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.socket.read_exact(&mut body)?;
        if !status.starts_with("HTTP/1.1 200 ") {
            return Err(format!("PutItem answered {}: {}", status.trim(), String::from_utf8_lossy(&body)).into());
        }
        Ok(())
    }
}
