//! What happens on open connections: messages to their routes, and the end to `$disconnect`.

use crate::event::Moment;
use crate::exchange::{Exchange, Occasion};
use crate::gateway::Inner;
use crate::hub::{Inbound, Lifecycle};
use crate::integration::Failure;
use crate::peer::Peer;
use crate::throttle;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sluicegate_protocol::{CloseReason, RequestId, limits};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Bytes of messages that may be with their integrations, over all connections. Beyond it messages are refused as
/// throttled, so that many clients together cannot fill the memory.
const IN_FLIGHT_BYTES: usize = 256 * 1024 * 1024;
/// How often a `$disconnect` is tried when its function has no free concurrency.
const DISCONNECT_ATTEMPTS: u32 = 8;
const DISCONNECT_BACKOFF: Duration = Duration::from_millis(100);

/// Reports of the hub, turned into tasks.
pub(crate) struct Dispatcher(pub(crate) Arc<Inner>);

impl Lifecycle for Dispatcher {
    fn message(&self, peer: &Arc<Peer>, message: Inbound<'_>) {
        let bytes = match message {
            Inbound::Text(text) => text.len(),
            Inbound::Binary(bytes) => bytes.len(),
        };
        let in_flight = InFlight::begin(&self.0, peer, bytes);
        let moment = Moment::new(self.0.clock.now_ms());
        if self.0.bytes_in_flight.load(Ordering::Relaxed) > IN_FLIGHT_BYTES {
            return send_error(&self.0, peer, "Too Many Requests", moment.request_id);
        }
        let body = Body::from(message);
        let task = async move { answer(&in_flight.inner, &in_flight.peer, moment, &body).await };
        self.0.integrations.tasks.spawn_on(task, &self.0.runtime);
    }

    fn disconnected(&self, peer: Arc<Peer>, reason: CloseReason) {
        tracing::debug!(connection = %peer.id, stage = %peer.stage, code = reason.code, reason = %reason.reason, "disconnected");
        let inner = self.0.clone();
        let task = async move { run_disconnect_route(&inner, &peer, &reason).await };
        self.0.integrations.tasks.spawn_on(task, &self.0.runtime);
    }
}

/// A message as its event shows it.
struct Body {
    text: String,
    is_base64: bool,
}

impl From<Inbound<'_>> for Body {
    fn from(message: Inbound<'_>) -> Self {
        match message {
            Inbound::Text(text) => Self { text: text.to_owned(), is_base64: false },
            Inbound::Binary(bytes) => Self { text: STANDARD.encode(bytes), is_base64: true },
        }
    }
}

impl Body {
    /// What expressions and models look into. The bytes of a binary frame are nobody's JSON, whatever their Base64 looks like,
    /// so such a message goes to `$default`.
    fn readable(&self) -> &str {
        if self.is_base64 { "" } else { &self.text }
    }
}

/// A message that is being worked on. However the work ends, the hub learns of it.
struct InFlight {
    inner: Arc<Inner>,
    peer: Arc<Peer>,
    bytes: usize,
}

impl InFlight {
    fn begin(inner: &Arc<Inner>, peer: &Arc<Peer>, bytes: usize) -> Self {
        inner.bytes_in_flight.fetch_add(bytes, Ordering::Relaxed);
        Self { inner: inner.clone(), peer: peer.clone(), bytes }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.inner.bytes_in_flight.fetch_sub(self.bytes, Ordering::Relaxed);
        self.inner.hub.message_done(&self.peer);
    }
}

async fn answer(inner: &Arc<Inner>, peer: &Peer, moment: Moment, body: &Body) {
    let Some(stage) = inner.stages.by_index(peer.stage_index) else { return };
    let deployment = stage.deployment();
    let error = |message| send_error(inner, peer, message, moment.request_id);
    let Some(route) = deployment.route_for(body.readable()) else { return error("Forbidden") };
    if !throttle::allows(stage, &route.key, moment.now) {
        return error("Too Many Requests");
    }
    let occasion =
        Occasion::Message { id: RequestId::new(fastrand::u128(..)), body: &body.text, is_base64: body.is_base64 };
    let exchange = Exchange { stage, peer, moment, route_key: &route.key, occasion };
    if let Some(Err(reason)) = route.validation.as_ref().map(|validation| validation.check(body.readable())) {
        tracing::debug!(route = %route.key, %reason, "a message does not fit its model");
        return send_bad_request_body(inner, peer, &exchange);
    }
    let Some(integration) = &route.integration else { return error("Internal server error") };
    match inner.integrations.run(integration, &exchange).await {
        Ok(answer) if route.answers => respond(inner, &exchange, &answer.body),
        Ok(_) => {}
        Err(Failure::Failed | Failure::NotInvoked) => error("Internal server error"),
        Err(Failure::Throttled) => error("Too Many Requests"),
        Err(Failure::TimedOut) => error("Endpoint request timed out"),
        Err(Failure::UnsupportedMediaType) => error("Unsupported Media Type"),
    }
}

/// Sends the body of a route response, whatever its status was.
fn respond(inner: &Inner, exchange: &Exchange<'_>, body: &[u8]) {
    let peer = exchange.peer;
    if body.len() > limits::MESSAGE_BYTES {
        tracing::warn!(route = %exchange.route_key, bytes = body.len(), "a route response is larger than a message may be");
        return send_error(inner, peer, "Internal server error", exchange.moment.request_id);
    }
    inner.hub.post_and_forget(peer, body);
}

/// A message that does not fit its model; the third field is the message's own id.
fn send_bad_request_body(inner: &Inner, peer: &Peer, exchange: &Exchange<'_>) {
    let (id, message_id) = (peer.id, exchange.context("messageId").unwrap_or_default());
    let frame = format!(r#"{{"message": "Bad request body", "connectionId":"{id}", "messageId":"{message_id}"}}"#);
    inner.hub.post_and_forget(peer, frame.as_bytes());
}

/// The text frame that tells a client of an error; the connection stays open. The spacing is AWS's own.
fn send_error(inner: &Inner, peer: &Peer, message: &str, request_id: RequestId) {
    let id = peer.id;
    let frame = format!(r#"{{"message": "{message}", "connectionId":"{id}", "requestId":"{request_id}"}}"#);
    inner.hub.post_and_forget(peer, frame.as_bytes());
}

async fn run_disconnect_route(inner: &Inner, peer: &Peer, reason: &CloseReason) {
    let Some(stage) = inner.stages.by_index(peer.stage_index) else { return };
    let deployment = stage.deployment();
    let Some(integration) = deployment.disconnect.as_ref().and_then(|route| route.integration.as_ref()) else { return };
    let (moment, occasion) = (Moment::new(inner.clock.now_ms()), Occasion::Disconnect(reason));
    let exchange = Exchange { stage, peer, moment, route_key: "$disconnect", occasion };
    for attempt in 0..DISCONNECT_ATTEMPTS {
        // Whatever it returns is ignored; only when it could not run at all is it tried again.
        if inner.integrations.run(integration, &exchange).await != Err(Failure::Throttled) {
            return;
        }
        tokio::time::sleep(DISCONNECT_BACKOFF * 2u32.pow(attempt)).await;
    }
    tracing::error!(connection = %peer.id, stage = %peer.stage, "$disconnect did not run: its function stayed throttled");
}
