//! What the server says on standard output when it is ready: where it listens and what to try.

use crate::apps::Input;
use crate::check::{self, Paint};
use crate::config::LogFormat;
use crate::{ApiAddress, Change, OutputValue, Published, Refusal, Reloaded, RunningServer};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
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

/// What made a server read everything again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// Somebody asked for it, and wants to hear whatever came of it.
    Signal,
    /// Files changed, perhaps in nothing that matters.
    Change,
}

/// The line of `--log-format json` for a reload.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "camelCase")]
enum Reload<'a> {
    Reloaded { milliseconds: u64, changes: &'a [Change], apis: &'a [ApiAddress], outputs: &'a [OutputValue] },
    Refused { message: String, problems: &'a [sluicegate_template::Problem] },
}

/// Tells what a reload came to: one line in the log and, if addresses or outputs have changed, these once more.
pub fn reloaded(server: &RunningServer, format: LogFormat, occasion: Occasion, outcome: &Result<Reloaded, Refusal>) {
    let paint = Paint::for_terminal(std::io::stderr().is_terminal());
    let published = server.published();
    let mut out = String::new();
    match outcome {
        Ok(reloaded) if reloaded.changes.is_empty() && occasion == Occasion::Change => return,
        Ok(reloaded) => {
            let took = reloaded.took.as_millis();
            match format {
                LogFormat::Json => tracing::info!("reloaded in {took} ms: {reloaded}"),
                LogFormat::Text => eprintln!("{} in {took} ms: {reloaded}", paint.heading("reloaded")),
            }
            if reloaded.is_announced_anew && format == LogFormat::Text {
                out = addresses(server);
            }
        }
        Err(refusal) => {
            if let Refusal::Template(problems) = refusal {
                check::complain(problems);
            }
            match format {
                LogFormat::Json => tracing::error!("not reloaded, what was served before still is: {refusal}"),
                LogFormat::Text => {
                    eprintln!("{}, what was served before still is: {refusal}", paint.error("not reloaded"));
                }
            }
        }
    }
    if format == LogFormat::Json {
        let event = match outcome {
            Ok(reloaded) => Reload::Reloaded {
                milliseconds: reloaded.took.as_millis() as u64,
                changes: &reloaded.changes,
                apis: &published.apis,
                outputs: &published.outputs,
            },
            Err(refusal) => Reload::Refused {
                message: refusal.to_string(),
                problems: if let Refusal::Template(problems) = refusal { &problems.problems } else { &[] },
            },
        };
        out = serde_json::to_string(&event).expect("addresses and text are always JSON");
    }
    if !out.is_empty() {
        let mut stdout = std::io::stdout().lock();
        let _ = writeln!(stdout, "{out}").and_then(|()| stdout.flush());
    }
}

fn json(server: &RunningServer) -> String {
    let Published { apis, outputs } = &*server.published();
    let ready = Ready {
        event: "ready",
        listen: server.listen_addr(),
        admin: server.admin_addr(),
        apis,
        outputs,
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION"),
    };
    serde_json::to_string(&ready).expect("addresses and text are always JSON")
}

fn text(server: &RunningServer) -> String {
    let mut text = "\nSluicegate is ready. Ctrl-C stops it.\n".to_owned() + &addresses(server);
    if let Some(input) = server.input() {
        let _ = write!(text, "\nOpen the page, and change a row from another terminal:\n\n{}", try_this(server, input));
    }
    text
}

fn addresses(server: &RunningServer) -> String {
    let (listen, admin) = (server.listen_addr(), server.admin_addr());
    let published = server.published();
    let mut lines = vec![("page", format!("http://{listen}/")), ("tables", format!("http://{listen}/  (DynamoDB)"))];
    lines.extend(published.apis.iter().map(|api| (api.id.as_str(), format!("{}  (WebSocket)", api.url))));
    lines.push(("admin", format!("http://{admin}/  (/health /ready /metrics)")));
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or_default();

    let mut text = "\n".to_owned();
    for (name, address) in lines {
        let _ = writeln!(text, "  {name:width$}  {address}");
    }
    if !published.outputs.is_empty() {
        text += "\nOutputs\n\n";
        let width = published.outputs.iter().map(|output| output.name.len()).max().unwrap_or_default();
        for OutputValue { name, value, .. } in &published.outputs {
            let _ = writeln!(text, "  {name:width$}  {value}");
        }
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
