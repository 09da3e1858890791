//! What the server says on standard output when it is ready: where it listens and what to try.

use crate::apps::Input;
use crate::config::LogFormat;
use crate::{ApiAddress, OutputValue, RunningServer};
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
    /// Of the template.
    outputs: &'a [OutputValue],
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
        outputs: server.outputs(),
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION"),
    };
    serde_json::to_string(&ready).expect("addresses and text are always JSON")
}

fn text(server: &RunningServer) -> String {
    let (listen, admin) = (server.listen_addr(), server.admin_addr());
    let mut lines = vec![("page", format!("http://{listen}/")), ("tables", format!("http://{listen}/  (DynamoDB)"))];
    lines.extend(server.apis().iter().map(|api| (api.id.as_str(), format!("{}  (WebSocket)", api.url))));
    lines.push(("admin", format!("http://{admin}/  (/health /ready /metrics)")));
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or_default();

    let mut text = "\nSluicegate is ready. Ctrl-C stops it.\n\n".to_owned();
    for (name, address) in lines {
        let _ = writeln!(text, "  {name:width$}  {address}");
    }
    if !server.outputs().is_empty() {
        text += "\nOutputs\n\n";
        let width = server.outputs().iter().map(|output| output.name.len()).max().unwrap_or_default();
        for OutputValue { name, value, .. } in server.outputs() {
            let _ = writeln!(text, "  {name:width$}  {value}");
        }
    }
    if let Some(input) = server.input() {
        let _ = write!(text, "\nOpen the page, and change a row from another terminal:\n\n{}", try_this(server, input));
    }
    text
}

/// A command that makes the page move, with the variable for the region that every version of the command line reads. Any
/// credentials do as long as none are configured; whoever configures some knows theirs.
fn try_this(server: &RunningServer, input: Input) -> String {
    format!(
        "  AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION={} \\\n  \
         aws dynamodb put-item --endpoint-url http://{} --table-name {} \\\n    \
         --item '{}'\n",
        server.region(),
        server.listen_addr(),
        input.table,
        input.sample_item
    )
}
