//! How those who do something for an exchange tell its log, whether there is one or not.

use super::secrets::{is_credential, masked};
use super::{Detail, ExecutionLog};
use crate::exchange::{ClientRequest, Exchange, Occasion};
use http::HeaderMap;
use std::fmt::{Arguments, Display, Write};
use std::time::Duration;

/// The log of an exchange, if there is one. What it is told is formatted only when it is written.
#[derive(Clone, Copy, Default)]
pub(crate) struct Steps<'a>(Option<&'a ExecutionLog>);

impl<'a> Steps<'a> {
    pub(crate) fn of(log: Option<&'a ExecutionLog>) -> Self {
        Self(log)
    }

    pub(crate) fn log(self) -> Option<&'a ExecutionLog> {
        self.0
    }

    /// Whether anything may be written.
    pub(crate) fn is_on(self) -> bool {
        self.0.is_some()
    }

    fn at(self, detail: Detail) -> Option<&'a ExecutionLog> {
        self.0.filter(|log| log.detail >= detail)
    }

    /// Something was done.
    pub(crate) fn step(self, text: Arguments<'_>) {
        if let Some(log) = self.at(Detail::Steps) {
            log.note(&text.to_string(), "");
        }
    }

    /// Something failed, and with it the exchange.
    pub(crate) fn failure(self, text: Arguments<'_>) {
        if let Some(log) = self.at(Detail::Errors) {
            log.fail(&text.to_string(), "");
        }
    }

    /// The same, with the reason in the words of somebody else.
    pub(crate) fn failure_because(self, text: Arguments<'_>, reason: impl Display) {
        if let Some(log) = self.at(Detail::Errors) {
            log.fail(&text.to_string(), &reason.to_string());
        }
    }

    /// The exchange is one that is carried out: its client may speak.
    pub(crate) fn start(self, exchange: &Exchange<'_>) {
        let peer = exchange.peer;
        self.step(format_args!("Starting execution for request: {}", exchange.moment.request_id));
        self.step(format_args!("WebSocket Request Route: [{}]", exchange.route_key));
        match exchange.occasion {
            Occasion::Connect(_) => self.step(format_args!(
                "Client [UserAgent: {}, SourceIp: {}] is connecting to WebSocket API [{}].",
                peer.user_agent.as_deref().unwrap_or_default(),
                peer.source_ip,
                peer.stage.api
            )),
            Occasion::Message { .. } => self.step(format_args!(
                "WebSocket API [{}] received message from client [Connection Id: {}].",
                peer.stage.api, peer.id
            )),
            Occasion::Disconnect(_) => {}
        }
    }

    /// A backend is called. What follows a `?` may be of a body or a credential, and is for those who see data.
    pub(crate) fn request(self, uri: impl Display, headers: Option<&HeaderMap>, body: &[u8]) {
        let Some(log) = self.at(Detail::Steps) else { return };
        let mut uri = uri.to_string();
        if log.detail < Detail::Data {
            uri.truncate(uri.find('?').unwrap_or(uri.len()));
        }
        log.note("Endpoint request URI: ", &uri);
        self.headers("Endpoint request headers: ", headers);
        self.body("Endpoint request body after transformations: ", body);
        log.note("Sending request to ", &uri);
    }

    /// A backend answered.
    pub(crate) fn response(self, status: u16, latency: Duration, headers: Option<&HeaderMap>, body: &[u8]) {
        let latency = latency.as_millis();
        self.step(format_args!("Received response. Status: {status}, Integration latency: {latency} ms"));
        self.headers("Endpoint response headers: ", headers);
        self.body("Endpoint response body before transformations: ", body);
    }

    fn headers(self, what: &str, headers: Option<&HeaderMap>) {
        let (Some(log), Some(headers)) = (self.at(Detail::Data), headers) else { return };
        let mut text = String::new();
        for (name, value) in headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            let comma = if text.is_empty() { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = match is_credential(name.as_str()) {
                true => write!(text, "{comma}{name}={}", masked(&value)),
                false => write!(text, "{comma}{name}={value}"),
            };
        }
        log.note(what, &format!("{{{text}}}"));
    }

    fn body(self, what: &str, body: &[u8]) {
        if let Some(log) = self.at(Detail::Data) {
            log.note(what, &String::from_utf8_lossy(body));
        }
    }

    /// Masks a text from now on.
    pub(crate) fn hide(self, secret: &str) {
        if let Some(log) = self.0 {
            log.hide(secret);
        }
    }

    /// Masks what a header or query parameter of this name holds: it is how clients prove who they are.
    pub(crate) fn hide_named(self, name: &str, request: &ClientRequest) {
        let Some(log) = self.0 else { return };
        let values = request.client_headers.iter().chain(&request.headers).chain(&request.query);
        values.filter(|(known, _)| known.eq_ignore_ascii_case(name)).for_each(|(_, value)| log.hide(value));
    }
}
