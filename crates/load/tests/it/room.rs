//! Runs as programs and the command line begin them.

use serde_json::Value;
use sluicegate_load::{
    Failure, Opening, Pace, Progress, Scenario, Setup, Source, Span, Stop, Stream, Target, Template,
};
use std::net::SocketAddr;
use std::time::Duration;

pub const CONNECTIONS: usize = 50;
pub const MESSAGES: u64 = 20;

/// Patient enough for a busy machine; what never comes is waited for so long.
pub const TIMEOUT: Duration = Duration::from_secs(2);

pub fn setup(address: SocketAddr) -> Setup {
    at(Target::plain(address, "/"))
}

pub fn at(target: Target) -> Setup {
    Setup {
        target,
        connections: CONNECTIONS,
        opening: Opening::default(),
        handshake_timeout: 5 * TIMEOUT,
        greeting: None,
        awaited: None,
        timeout: TIMEOUT,
        roots: None,
        pid: None,
        progress: Progress::Hidden,
        stop: Stop::default(),
    }
}

pub fn span() -> Span {
    Span { time: 10 * TIMEOUT, messages: Some(MESSAGES) }
}

pub fn message() -> Template {
    Template::parse(r#"{"mark":"{mark}","fill":"{fill}"}"#, Some(256)).unwrap()
}

pub fn echo() -> Scenario {
    Scenario::Echo { message: message(), pace: Pace::InFlight(1), span: span(), warm_up: Duration::ZERO }
}

pub fn fan_out() -> Scenario {
    Scenario::Stream(Box::new(stream(Source::Connection)))
}

pub fn stream(source: Source) -> Stream {
    Stream {
        source,
        message: message(),
        pace: Pace::InFlight(1),
        span: span(),
        warm_up: Duration::ZERO,
        slow_readers: None,
    }
}

/// Runs a scenario beside the server of the test; its report as JSON.
pub async fn run(scenario: Scenario, setup: Setup) -> Result<Value, Failure> {
    let running = tokio::task::spawn_blocking(move || scenario.run(&setup));
    running.await.unwrap().map(|report| serde_json::to_value(report).unwrap())
}

/// The sentences that make a run a failed one.
pub fn findings(report: &Value) -> String {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}
