//! Execution logs: what the gateway did for a connect, a message or a disconnect, step by step, for stages that ask for it.
//!
//! A log group `/aws/apigateway/{apiId}/{stage}` on AWS, a file of that path here. The lines of one exchange are gathered and
//! written together when it ends. They are worded as API Gateway words them, wherever its words have been published.
//!
//! Where nothing is logged there is no [`ExecutionLog`], and its [`Steps`] are never formatted.

mod secrets;
mod steps;

pub(crate) use secrets::{is_credential, masked};
pub(crate) use steps::Steps;

use crate::api::stage_settings::StageSettings;
use crate::exchange::{ClientRequest, Exchange, Occasion};
use crate::log_file::{Destination, LogFileError, LogFiles, file_name, folder_name, push_visible};
use crate::report::{GatewayError, Report};
use parking_lot::Mutex;
use secrets::Secrets;
use sluicegate_protocol::{CloseReason, StageId};
use std::collections::HashMap;
use std::path::PathBuf;

/// Longer lines are cut, as on AWS.
const LINE_BYTES: usize = 1024;
/// How AWS marks a line that was cut.
const CUT: &str = " [TRUNCATED]";
/// A subprotocol longer than this is taken for a token.
const SUBPROTOCOL_BYTES: usize = 32;
/// Cookies of one header that are looked for one by one; the header as a whole is hidden anyway.
const COOKIES: usize = 32;

/// How much is written: `loggingLevel`, and with INFO `dataTraceEnabled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Detail {
    /// Only what failed.
    Errors,
    /// Every step.
    Steps,
    /// Every step, with bodies and the headers of backends.
    Data,
}

/// The execution log of a stage.
pub(crate) struct StageExecutionLog {
    default: Option<Detail>,
    routes: HashMap<String, Option<Detail>>,
    destination: Destination,
}

/// What is noted of one exchange.
pub(crate) struct ExecutionLog {
    detail: Detail,
    /// `({extendedRequestId}) `
    prefix: String,
    notes: Mutex<Notes>,
    destination: Destination,
}

#[derive(Default)]
struct Notes {
    lines: String,
    secrets: Secrets,
    failures: usize,
}

impl StageExecutionLog {
    /// Opens a stage's log. `None` when no route of it is logged, or the gateway has no folder for logs.
    pub(crate) fn open(
        files: &LogFiles,
        stage: &StageId,
        settings: &StageSettings,
    ) -> Result<Option<Self>, LogFileError> {
        let default = settings.default.logging;
        let routes: HashMap<_, _> =
            settings.routes.iter().map(|(key, controls)| (key.clone(), controls.logging)).collect();
        if routes.values().chain([&default]).all(Option::is_none) {
            return Ok(None);
        }
        let group: PathBuf = ["aws", "apigateway", &folder_name(&stage.api), &file_name(&stage.stage)].iter().collect();
        let destination = files.open(stage, group)?;
        Ok(destination.map(|destination| Self { default, routes, destination }))
    }

    /// Begins to note an exchange, if its route is logged.
    pub(crate) fn begin(&self, exchange: &Exchange<'_>) -> Option<ExecutionLog> {
        let detail = self.routes.get(exchange.route_key).copied().unwrap_or(self.default)?;
        let log = ExecutionLog {
            detail,
            prefix: format!("({}) ", exchange.moment.request_id),
            notes: Mutex::default(),
            destination: self.destination.clone(),
        };
        if let Some(request) = exchange.client_request() {
            log.hide_credentials(request);
        }
        for (_, key) in exchange.peer.identity.iter().flat_map(|known| &known.0).filter(|(name, _)| *name == "apiKey") {
            log.hide(key);
        }
        Steps::of(Some(&log)).step(format_args!("Extended Request Id: {}", exchange.moment.request_id));
        Some(log)
    }
}

impl ExecutionLog {
    /// Adds a line: the gateway's own words, then what others say, in which secrets are masked. Only there, so that no client
    /// can have words of the gateway masked.
    fn note(&self, own: &str, foreign: &str) {
        let mut notes = self.notes.lock();
        let Notes { lines, secrets, .. } = &mut *notes;
        let masked = secrets.mask(foreign, LINE_BYTES);
        let start = lines.len();
        lines.push_str(&self.prefix);
        for character in own.chars().chain(masked.text.chars()) {
            push_visible(lines, character);
        }
        if masked.is_cut || lines.len() - start > LINE_BYTES {
            lines.truncate(lines.floor_char_boundary(start + LINE_BYTES - CUT.len()));
            lines.push_str(CUT);
        }
        lines.push('\n');
    }

    fn fail(&self, own: &str, foreign: &str) {
        self.note(own, foreign);
        self.notes.lock().failures += 1;
    }

    /// Notes how the exchange ended, and writes all that was noted.
    pub(crate) fn end(&self, exchange: &Exchange<'_>, report: &Report) {
        let (steps, untold) = (Steps::of(Some(self)), self.notes.lock().failures == 0);
        // Whoever failed mostly said why; this is for the rest.
        if let Some(GatewayError { message, response_type, .. }) = report.error().filter(|_| untold) {
            steps.failure(format_args!("Execution failed: {message} ({response_type})"));
        }
        let (id, api, status) = (exchange.peer.id, &exchange.peer.stage.api, report.status());
        match exchange.occasion {
            Occasion::Connect(_) if report.error().is_none() && (200..300).contains(&status) => {
                steps.step(format_args!("Client [Connection Id: {id}] connected to API [{api}] successfully."));
            }
            Occasion::Message { .. } if report.is_integrated() => steps.step(format_args!(
                "Message from client [Connection Id: {id}] sent to API [{api}] with response status code [{status}]."
            )),
            Occasion::Connect(_) | Occasion::Message { .. } => {}
            Occasion::Disconnect(CloseReason { code, reason }) if report.is_integrated() => steps.step(format_args!(
                "Client [Connection Id: {id}] disconnected from API [{api}] with integration response status code \
                 [{status}]. Close reason: [{code}: {reason}]"
            )),
            Occasion::Disconnect(CloseReason { code, reason }) => steps.step(format_args!(
                "Client [Connection Id: {id}] disconnected from API [{api}]. Close reason: [{code}: {reason}]"
            )),
        }
        steps.step(format_args!("Method completed with status: {status}"));
        let lines = std::mem::take(&mut self.notes.lock().lines);
        if !lines.is_empty() {
            self.destination.write(lines);
        }
    }

    fn hide(&self, secret: &str) {
        self.notes.lock().secrets.add(secret);
    }

    /// Hides what a client proves itself with, wherever it may turn up later.
    fn hide_credentials(&self, request: &ClientRequest) {
        for (name, value) in request.client_headers.iter().chain(&request.headers) {
            if is_credential(name) {
                self.hide(value);
                // `Bearer TOKEN`: the token alone, too.
                value.split_once(' ').into_iter().for_each(|(_, credentials)| self.hide(credentials));
            }
            if name.eq_ignore_ascii_case("cookie") {
                let cookies = value.split(';').filter_map(|cookie| cookie.split_once('='));
                cookies.take(COOKIES).for_each(|(_, value)| self.hide(value.trim()));
            }
            if name.eq_ignore_ascii_case("sec-websocket-protocol") {
                let tokens = value.split(',').map(str::trim).filter(|offered| offered.len() > SUBPROTOCOL_BYTES);
                tokens.for_each(|token| self.hide(token));
            }
        }
        request.query.iter().filter(|(name, _)| is_credential(name)).for_each(|(_, value)| self.hide(value));
    }
}
