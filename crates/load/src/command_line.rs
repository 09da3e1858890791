//! `sluicegate load`: what can be asked for, and what it means.

use crate::explanations::{ABOUT, CHANGE, ECHO, FAN_OUT, IDLE, LONG_ABOUT, SLOW_READERS, STORM};
use crate::mark::Template;
use crate::opening::{HANDSHAKES_AT_ONCE, Opening, Refusals, Stop};
use crate::pace::Pace;
use crate::progress::Progress;
use crate::requests::{Call, Keys, Requesting};
use crate::scenario::{Failure, Scenario, Setup, SlowReaders, Source, Span, Stream};
use crate::target::{Target, header};
use clap::{Args, FromArgMatches, Parser, Subcommand, ValueEnum};
use http::Uri;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

/// How long messages are sent unless a time or a number of them is given.
const DEFAULT_TIME: Duration = Duration::from_secs(10);
/// A number of messages without a time ends at this time.
const LONGEST_TIME: Duration = Duration::from_secs(24 * 3600);
/// More connections than any machine has files.
const MAX_CONNECTIONS: u64 = 1 << 24;

/// Measures a WebSocket server
#[derive(Debug, Parser)]
#[command(name = "load", about = ABOUT, long_about = LONG_ABOUT, disable_help_subcommand = true)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    scenario: Asked,
}

#[derive(Debug, Subcommand)]
enum Asked {
    /// Something is broadcast, and everybody must receive it
    #[command(long_about = FAN_OUT)]
    FanOut {
        #[command(flatten)]
        connecting: Connecting,
        #[command(flatten)]
        pacing: Pacing,
        #[command(flatten)]
        publishing: Publishing,
        #[command(flatten)]
        output: Output,
    },
    /// From a table write to everybody's socket
    #[command(long_about = CHANGE)]
    Change {
        #[command(flatten)]
        connecting: Connecting,
        #[command(flatten)]
        pacing: Pacing,
        #[command(flatten)]
        table: Table,
        #[command(flatten)]
        signing: Signing,
        #[command(flatten)]
        output: Output,
    },
    /// Every connection sends and awaits its reply
    #[command(long_about = ECHO)]
    Echo {
        #[command(flatten)]
        connecting: Connecting,
        #[command(flatten)]
        pacing: Pacing,
        #[command(flatten)]
        payload: Payload,
        #[command(flatten)]
        output: Output,
    },
    /// Connections that do nothing
    #[command(long_about = IDLE)]
    Idle {
        #[command(flatten)]
        connecting: Connecting,
        /// How long they are held
        #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
        hold: Duration,
        #[command(flatten)]
        output: Output,
    },
    /// Everybody drops and comes back
    #[command(long_about = STORM)]
    Storm {
        #[command(flatten)]
        connecting: Connecting,
        /// How often they drop
        #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        rounds: u32,
        /// They say goodbye with this close code [default: they are just gone]
        #[arg(long, value_name = "CODE", value_parser = clap::value_parser!(u16).range(1000..5000))]
        close: Option<u16>,
        /// By when all must be back
        #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
        within: Duration,
        #[command(flatten)]
        output: Output,
    },
    /// Some stop reading during a stream
    #[command(long_about = SLOW_READERS)]
    SlowReaders {
        #[command(flatten)]
        connecting: Connecting,
        #[command(flatten)]
        pacing: Pacing,
        /// The share of connections that stop reading, between 0 and 1; at least one does
        #[arg(long, value_name = "SHARE", default_value_t = 0.01, value_parser = share)]
        share: f64,
        #[command(flatten)]
        publishing: Publishing,
        #[command(flatten)]
        table: OptionalTable,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Connections")]
struct Connecting {
    /// The server: ws://host:port/path or wss://host/path
    url: String,
    /// How many connections
    #[arg(short, long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=MAX_CONNECTIONS))]
    connections: u64,
    /// Connections that are begun per second at most [default: no limit]
    #[arg(long, value_name = "NUMBER", value_parser = rate)]
    connect_rate: Option<f64>,
    /// Handshakes under way at a time
    #[arg(long, value_name = "NUMBER", default_value_t = HANDSHAKES_AT_ONCE as u64, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    handshakes: u64,
    /// How long one handshake may take
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    connect_timeout: Duration,
    /// A header of the handshake, "Name: value"; may be repeated
    #[arg(long, value_name = "HEADER")]
    header: Vec<String>,
    /// Subprotocol to ask for
    #[arg(long, value_name = "NAME")]
    subprotocol: Option<String>,
    /// Trusts the certificates of this PEM file instead of the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// A message that every connection sends once it is open, to subscribe or log in; {connection} is its number
    #[arg(long, value_name = "TEMPLATE")]
    on_open: Option<String>,
    /// Text in the answer to --on-open without which the run does not begin
    #[arg(long, value_name = "TEXT", requires = "on_open")]
    r#await: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Pace")]
struct Pacing {
    /// Messages per second, whatever becomes of them (open loop); latencies count from when each should have been sent
    #[arg(long, value_name = "NUMBER", value_parser = rate, conflicts_with = "in_flight")]
    rate: Option<f64>,
    /// Messages under way at all times (closed loop); for echo, on every connection
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    in_flight: u64,
    /// How long messages are sent [default: 10s, or as long as --messages takes]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
    /// How many messages are sent
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    messages: Option<u64>,
    /// Sending before the measurement; checked, but in no percentile
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    warm_up: Duration,
    /// How long anything may take to arrive before it is not waited for
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Messages")]
struct Payload {
    /// The message, with {mark}, and if you like {fill} {seq} {time_us} {connection} {run}
    #[arg(long, value_name = "TEMPLATE", default_value = r#"{"action":"load","mark":"{mark}","fill":"{fill}"}"#)]
    message: String,
    /// Bytes of a message at least; {fill} makes up the difference
    #[arg(
        long,
        value_name = "BYTES",
        default_value = "256",
        default_value_if("message", clap::builder::ArgPredicate::IsPresent, None)
    )]
    size: Option<usize>,
}

#[derive(Debug, Args)]
struct Publishing {
    #[command(flatten)]
    payload: Payload,
    /// Messages are POSTed to this address
    #[arg(long, value_name = "URL", conflicts_with = "post", help_heading = "Messages")]
    publish: Option<Uri>,
    /// A header of those requests, "Name: value"; may be repeated
    #[arg(long, value_name = "HEADER", requires = "publish", help_heading = "Messages")]
    publish_header: Vec<String>,
    /// Messages are POSTed to every connection below this address of a stage (@connections)
    #[arg(long, value_name = "URL", help_heading = "Messages")]
    post: Option<Uri>,
    /// What a client says to learn its "connectionId", with --post
    #[arg(
        long,
        value_name = "TEMPLATE",
        default_value = r#"{"action":"load-which-connection-am-i"}"#,
        help_heading = "Messages"
    )]
    ask_id: String,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Table")]
struct Table {
    /// The table that is written to
    #[arg(long, value_name = "NAME")]
    table: String,
    #[command(flatten)]
    writing: Writing,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Table")]
struct OptionalTable {
    /// Messages come from writes to this table
    #[arg(long, value_name = "NAME", conflicts_with_all = ["publish", "post"])]
    table: Option<String>,
    #[command(flatten)]
    writing: Writing,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Table")]
struct Writing {
    /// DynamoDB's address [default: that of AWS in the region]
    #[arg(long, value_name = "URL")]
    endpoint: Option<Uri>,
    /// The table's partition key, a string
    #[arg(long, value_name = "NAME", default_value = "id")]
    key: String,
    /// The item as DynamoDB's JSON, with {mark}
    #[arg(long, value_name = "TEMPLATE")]
    item: Option<String>,
    /// Bytes of text in the default item's attribute "fill"
    #[arg(long, value_name = "BYTES", default_value_t = 100, conflicts_with = "item")]
    fill: usize,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Requests")]
struct Signing {
    /// The region that requests are signed for
    #[arg(long, value_name = "REGION", env = "AWS_REGION", default_value = "us-east-1")]
    region: String,
    /// The access key; servers that check no signatures take any
    #[arg(
        long,
        value_name = "ID",
        env = "AWS_ACCESS_KEY_ID",
        hide_env_values = true,
        default_value = "load",
        hide_default_value = true
    )]
    access_key_id: String,
    /// From the environment only: arguments can be read by everybody on a machine.
    #[arg(long, value_name = "SECRET", env = "AWS_SECRET_ACCESS_KEY", hide = true, default_value = "load")]
    secret_access_key: String,
    #[arg(long, value_name = "TOKEN", env = "AWS_SESSION_TOKEN", hide = true)]
    session_token: Option<String>,
    /// Requests under way at a time
    #[arg(long, value_name = "NUMBER", default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    requests: u64,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
struct Output {
    /// The server's process on this machine: its CPU time and memory are reported (Linux)
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
    /// The result as JSON, also on a terminal
    #[arg(long)]
    json: bool,
    /// A line a second on standard error [default: when that is a terminal]
    #[arg(long, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "always")]
    progress: Option<When>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum When {
    Always,
    Never,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Table,
}

/// Everything that was asked for, checked.
#[derive(Debug)]
pub(crate) struct Plan {
    pub scenario: Scenario,
    pub setup: Setup,
    pub format: Format,
}

fn rate(text: &str) -> Result<f64, String> {
    const MOST: f64 = 1e7;
    let number = text.parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate > 0.0 && *rate <= MOST);
    number.ok_or_else(|| format!("a number above 0 and at most {MOST} was expected"))
}

fn share(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|share| *share > 0.0 && *share < 1.0);
    number.ok_or_else(|| "a number between 0 and 1 was expected, such as 0.01".to_owned())
}

impl Plan {
    /// From what clap found for the subcommand.
    pub(crate) fn read(matches: &clap::ArgMatches, stop: &Stop) -> Result<Self, Failure> {
        let asked = CommandLine::from_arg_matches(matches).map_err(|error| Failure::Plan(error.to_string()))?.scenario;
        let wrong = |what: &str, error: &dyn std::fmt::Display| Failure::Plan(format!("{what}: {error}"));
        Ok(match asked {
            Asked::FanOut { connecting, pacing, publishing, output } => {
                let (source, message) = publishing.source(&pacing)?;
                let stream = pacing.stream(source, message, None);
                Self::new(Scenario::Stream(Box::new(stream)), connecting, pacing.timeout, output, stop)?
            }
            Asked::Change { connecting, pacing, table, signing, output } => {
                let (source, message) = table.writing.source(table.table, &signing, &pacing)?;
                let stream = pacing.stream(source, message, None);
                Self::new(Scenario::Stream(Box::new(stream)), connecting, pacing.timeout, output, stop)?
            }
            Asked::SlowReaders { connecting, pacing, share, publishing, table, output } => {
                let (source, message) = match table.table {
                    Some(name) => table.writing.source(name, &publishing.signing, &pacing)?,
                    None => publishing.source(&pacing)?,
                };
                let stream = pacing.stream(source, message, Some(SlowReaders { share }));
                Self::new(Scenario::Stream(Box::new(stream)), connecting, pacing.timeout, output, stop)?
            }
            Asked::Echo { connecting, pacing, payload, output } => {
                let message = payload.template().map_err(|error| wrong("--message", &error))?;
                let (pace, span, warm_up) = (pacing.pace(), pacing.span(), pacing.warm_up);
                Self::new(Scenario::Echo { message, pace, span, warm_up }, connecting, pacing.timeout, output, stop)?
            }
            Asked::Idle { connecting, hold, output } => {
                let timeout = connecting.connect_timeout;
                Self::new(Scenario::Idle { hold }, connecting, timeout, output, stop)?
            }
            Asked::Storm { connecting, rounds, close: farewell, within, output } => {
                let timeout = connecting.connect_timeout;
                Self::new(Scenario::Storm { rounds, farewell, within }, connecting, timeout, output, stop)?
            }
        })
    }

    fn new(
        scenario: Scenario,
        connecting: Connecting,
        timeout: Duration,
        output: Output,
        stop: &Stop,
    ) -> Result<Self, Failure> {
        let mut headers = connecting.header;
        headers.extend(connecting.subprotocol.map(|name| format!("Sec-WebSocket-Protocol: {name}")));
        let greeting = connecting.on_open.map(|text| Template::without_mark(&text, None)).transpose();
        let setup = Setup {
            target: Target::parse(&connecting.url, &headers, connecting.ca.as_deref())?,
            connections: connecting.connections as usize,
            opening: Opening {
                at_once: connecting.handshakes as usize,
                per_second: connecting.connect_rate,
                refusals: Refusals::UpTo(0),
            },
            handshake_timeout: connecting.connect_timeout,
            greeting: greeting.map_err(|error| Failure::Plan(format!("--on-open: {error}")))?,
            awaited: connecting.r#await,
            timeout,
            roots: connecting.ca,
            pid: output.pid,
            progress: match output.progress {
                Some(When::Always) => Progress::Shown,
                Some(When::Never) => Progress::Hidden,
                None if std::io::stderr().is_terminal() => Progress::Shown,
                None => Progress::Hidden,
            },
            stop: stop.clone(),
        };
        let table = !output.json && std::io::stdout().is_terminal();
        Ok(Self { scenario, setup, format: if table { Format::Table } else { Format::Json } })
    }
}

impl Pacing {
    fn pace(&self) -> Pace {
        self.rate.map_or(Pace::InFlight(self.in_flight as usize), Pace::PerSecond)
    }

    fn span(&self) -> Span {
        let default = if self.messages.is_some() { LONGEST_TIME } else { DEFAULT_TIME };
        Span { time: self.duration.unwrap_or(default), messages: self.messages }
    }

    fn stream(&self, source: Source, message: Template, slow_readers: Option<SlowReaders>) -> Stream {
        let (pace, span, warm_up) = (self.pace(), self.span(), self.warm_up);
        Stream { source, message, pace, span, warm_up, slow_readers }
    }
}

impl Payload {
    fn template(&self) -> Result<Template, crate::mark::TemplateError> {
        Template::parse(&self.message, self.size)
    }
}

impl Publishing {
    fn source(&self, pacing: &Pacing) -> Result<(Source, Template), Failure> {
        let plan = |what: &str, error: &dyn std::fmt::Display| Failure::Plan(format!("{what}: {error}"));
        let message = self.payload.template().map_err(|error| plan("--message", &error))?;
        let source = match (&self.publish, &self.post) {
            (Some(url), _) => {
                let mut requesting = self.signing.requesting(Call::Publish, url.clone(), pacing)?;
                for line in &self.publish_header {
                    let (name, value) = header(line)?;
                    // What `header` lets through is one.
                    requesting.headers.extend(name.parse().ok().zip(value.parse().ok()));
                }
                Source::Requests(requesting)
            }
            (None, Some(url)) => Source::Posts {
                requesting: self.signing.requesting(Call::PostToConnection, url.clone(), pacing)?,
                ask: Template::without_mark(&self.ask_id, None).map_err(|error| plan("--ask-id", &error))?,
            },
            (None, None) => Source::Connection,
        };
        Ok((source, message))
    }
}

impl Writing {
    fn source(&self, table: String, signing: &Signing, pacing: &Pacing) -> Result<(Source, Template), Failure> {
        let aws = || format!("https://dynamodb.{}.amazonaws.com/", signing.region).parse();
        let endpoint = match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => aws().map_err(|_| Failure::Plan(format!("--region: {:?} is no region", signing.region)))?,
        };
        let key = serde_json::Value::from(self.key.as_str());
        let default =
            format!(r#"{{{key}:{{"S":"load"}},"mark":{{"S":"{{mark}}"}},"fill":{{"S":"{}"}}}}"#, "x".repeat(self.fill));
        let message = Template::parse(self.item.as_ref().unwrap_or(&default), None);
        let message = message.map_err(|error| Failure::Plan(format!("--item: {error}")))?;
        Ok((Source::Requests(signing.requesting(Call::PutItem { table }, endpoint, pacing)?), message))
    }
}

impl Signing {
    fn requesting(&self, call: Call, url: Uri, pacing: &Pacing) -> Result<Requesting, Failure> {
        if !matches!(url.scheme_str(), Some("http" | "https")) || url.authority().is_none() {
            return Err(Failure::Plan(format!(
                "{url} is no address of an HTTP server: it should begin with http:// or https://"
            )));
        }
        Ok(Requesting {
            call,
            url,
            headers: Vec::new(),
            region: self.region.clone(),
            keys: Keys {
                access_key_id: self.access_key_id.clone(),
                secret: self.secret_access_key.clone(),
                session_token: self.session_token.clone().filter(|token| !token.is_empty()),
            },
            at_once: self.requests as usize,
            timeout: pacing.timeout,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(line: &[&str]) -> Result<Plan, String> {
        let matches =
            crate::command().try_get_matches_from(["load"].iter().chain(line)).map_err(|error| error.to_string())?;
        Plan::read(&matches, &Stop::default()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn the_command_line_is_consistent() {
        crate::command().debug_assert();
    }

    #[test]
    fn a_scenario_is_read_with_its_pace() {
        let url = "ws://127.0.0.1:1/a";
        for (line, name) in [
            (&["fan-out", url][..], "fan-out"),
            (&["fan-out", url, "--publish", "http://127.0.0.1:2/p", "--publish-header", "A: b"], "fan-out"),
            (&["fan-out", url, "--post", "http://127.0.0.1:2/p"], "fan-out"),
            (&["change", url, "--table", "t", "--endpoint", "http://127.0.0.1:2"], "change"),
            (&["echo", url, "--rate", "5"], "echo"),
            (&["idle", url, "--hold", "1m"], "idle"),
            (&["storm", url, "--close", "1001"], "storm"),
            (&["slow-readers", url, "--share", "0.5"], "slow-readers"),
            (&["slow-readers", url, "--table", "t"], "slow-readers"),
        ] {
            let plan = plan(line).unwrap_or_else(|problem| panic!("{line:?}: {problem}"));
            assert_eq!(plan.scenario.name(), name, "{line:?}");
        }
    }

    #[test]
    fn what_cannot_work_is_refused_before_the_first_connection() {
        let url = "ws://127.0.0.1:1/a";
        for (line, said) in [
            (&["fan-out"][..], "<URL>"),
            (&["echo", "http//x"], "is no address of a WebSocket"),
            (&["echo", url, "--message", "hello"], "--message: it has no {mark}"),
            (&["echo", url, "--message", "{mark}", "--size", "300"], "needs a {fill}"),
            (&["echo", url, "--rate", "0"], "a number above 0"),
            (&["echo", url, "--rate", "1", "--in-flight", "2"], "cannot be used with"),
            (&["echo", url, "--header", "nonsense"], "is not \"Name: value\""),
            (&["echo", url, "--await", "x"], "--on-open"),
            (&["slow-readers", url, "--share", "1.5"], "between 0 and 1"),
            (&["change", url, "--table", "t", "--endpoint", "ftp://x/"], "is no address of an HTTP server"),
            (&["change", url, "--table", "t", "--item", "{}"], "--item: it has no {mark}"),
            (&["change", "wss://127.0.0.1:1/a", "--table", "t", "--ca", "/nowhere.pem"], "/nowhere.pem"),
        ] {
            let problem = plan(line).err().unwrap_or_else(|| panic!("{line:?} was taken"));
            assert!(problem.contains(said), "{line:?}: {problem}");
        }
    }
}
