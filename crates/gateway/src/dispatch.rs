//! What happens on open connections: messages to their routes, and the end to `$disconnect`.

use crate::api::Route;
use crate::event::{self, Moment};
use crate::gateway::Inner;
use crate::hub::Lifecycle;
use crate::integration::Outcome;
use crate::peer::Peer;
use crate::proxy_result::ProxyResult;
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
    fn message(&self, peer: &Arc<Peer>, text: &str) {
        let in_flight = InFlight::begin(&self.0, peer, text.len());
        let moment = Moment::new(self.0.clock.now_ms());
        if self.0.bytes_in_flight.load(Ordering::Relaxed) > IN_FLIGHT_BYTES {
            return send_error(&self.0, peer, "Too Many Requests", moment.request_id);
        }
        let text = text.to_owned();
        let task = async move { answer(&in_flight.inner, &in_flight.peer, moment, &text).await };
        self.0.integrations.tasks.spawn_on(task, &self.0.runtime);
    }

    fn disconnected(&self, peer: Arc<Peer>, reason: CloseReason) {
        tracing::debug!(connection = %peer.id, stage = %peer.stage, code = reason.code, reason = %reason.reason, "disconnected");
        let inner = self.0.clone();
        let task = async move { run_disconnect_route(&inner, &peer, &reason).await };
        self.0.integrations.tasks.spawn_on(task, &self.0.runtime);
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

async fn answer(inner: &Arc<Inner>, peer: &Peer, moment: Moment, text: &str) {
    let Some(stage) = inner.stages.by_index(peer.stage_index) else { return };
    let Some(route) = stage.api.route_for(text) else {
        return send_error(inner, peer, "Forbidden", moment.request_id);
    };
    let event = event::message(stage, peer, moment, &route.key, text);
    match inner.integrations.call(route, event).await {
        Outcome::Returned(result) => match ProxyResult::parse(&result) {
            Ok(result) => respond(inner, peer, route, &result, moment.request_id),
            Err(_) => send_error(inner, peer, "Internal server error", moment.request_id),
        },
        Outcome::Failed | Outcome::NotInvoked => send_error(inner, peer, "Internal server error", moment.request_id),
        Outcome::Throttled => send_error(inner, peer, "Too Many Requests", moment.request_id),
        Outcome::TimedOut => send_error(inner, peer, "Endpoint request timed out", moment.request_id),
    }
}

/// Only a route with a route response sends anything back, and then the body alone, whatever the status.
fn respond(inner: &Inner, peer: &Peer, route: &Route, result: &ProxyResult, request_id: RequestId) {
    if !route.route_response {
        return;
    }
    let body = result.body.as_deref().unwrap_or_default();
    if body.len() > limits::MESSAGE_BYTES {
        tracing::warn!(route = %route.key, bytes = body.len(), "a route response is larger than a message may be");
        return send_error(inner, peer, "Internal server error", request_id);
    }
    inner.hub.post_and_forget(peer, body.as_bytes());
}

/// The text frame that tells a client of an error; the connection stays open. The spacing is AWS's own.
fn send_error(inner: &Inner, peer: &Peer, message: &str, request_id: RequestId) {
    let id = peer.id;
    let frame = format!(r#"{{"message": "{message}", "connectionId":"{id}", "requestId":"{request_id}"}}"#);
    inner.hub.post_and_forget(peer, frame.as_bytes());
}

async fn run_disconnect_route(inner: &Inner, peer: &Peer, reason: &CloseReason) {
    let Some(stage) = inner.stages.by_index(peer.stage_index) else { return };
    let Some(route) = &stage.api.disconnect else { return };
    let moment = Moment::new(inner.clock.now_ms());
    let event = event::disconnect(stage, peer, moment, reason);
    for attempt in 0..DISCONNECT_ATTEMPTS {
        // Whatever the function returns is ignored; only when it could not run at all is it tried again.
        if !matches!(inner.integrations.call(route, event.clone()).await, Outcome::Throttled) {
            return;
        }
        tokio::time::sleep(DISCONNECT_BACKOFF * 2u32.pow(attempt)).await;
    }
    tracing::error!(connection = %peer.id, stage = %peer.stage, "$disconnect did not run: its function stayed throttled");
}
