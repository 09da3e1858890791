//! What the server says on standard output when it is ready: where it listens and what to try.

use crate::config::LogFormat;
use crate::{ApiAddress, RunningServer};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;

/// The ready line of `--log-format json`: the last line of the start, for whoever started the server.
#[derive(Debug, Serialize)]
struct Ready<'a> {
    event: &'static str,
    listen: SocketAddr,
    admin: SocketAddr,
    apis: &'a [ApiAddress],
    pid: u32,
    version: &'static str,
}

/// Prints the announcement. A closed standard output is no reason to stop serving.
pub fn ready(server: &RunningServer, format: LogFormat) {
    let text = match format {
        LogFormat::Json => json(server),
        LogFormat::Text => text(server),
    };
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

fn json(server: &RunningServer) -> String {
    let ready = Ready {
        event: "ready",
        listen: server.listen_addr(),
        admin: server.admin_addr(),
        apis: server.apis(),
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION"),
    };
    serde_json::to_string(&ready).expect("addresses and text are always JSON")
}

fn text(server: &RunningServer) -> String {
    let (listen, admin) = (server.listen_addr(), server.admin_addr());
    let mut text = format!("\nSluicegate is ready.\n\n  page    http://{listen}/\n  tables  http://{listen}/\n");
    for api in server.apis() {
        let _ = writeln!(text, "  {}  {}", api.id, api.url);
    }
    let _ = writeln!(text, "  admin   http://{admin}/  (health, ready, metrics)\n");
    if let Some(table) = server.metrics_table() {
        let _ = writeln!(text, "Open the page, and change a row from another terminal:\n\n{}", try_this(listen, table));
    }
    text.push_str("\nCtrl-C stops the server.");
    text
}

/// A command that makes the page move. The server wants requests signed but does not verify signatures yet, so any
/// credentials do.
fn try_this(listen: SocketAddr, table: &str) -> String {
    format!(
        "  AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_REGION=us-east-1 \\\n  \
         aws dynamodb put-item --endpoint-url http://{listen} --table-name {table} \\\n    \
         --item '{{\"entity_id\":{{\"S\":\"hello\"}},\"value\":{{\"N\":\"42\"}}}}'"
    )
}
