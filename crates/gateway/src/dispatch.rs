//! What happens on open connections: messages to their routes, and the end to `$disconnect`.

#[cfg(test)]
mod tests;

use crate::api::deployment::Route;
use crate::event::Moment;
use crate::exchange::{Exchange, Occasion};
use crate::execution_log::Steps;
use crate::gateway::Inner;
use crate::hub::{Inbound, Lifecycle, Time};
use crate::integration::{Answer, Failure, WrittenAs};
use crate::peer::Peer;
use crate::report::{GatewayError, Report};
use crate::stage::Stage;
use crate::throttle::Asking;
use crate::websocket::{BinaryFrames, Frame, Wire};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sluicegate_protocol::{CloseReason, RequestId, limits};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};
use tokio_util::sync::ReusableBoxFuture;

/// Bytes of messages that may be with their integrations, over all connections. Beyond it messages are refused as
/// throttled, so that many clients together cannot fill the memory.
const IN_FLIGHT_BYTES: usize = 256 * 1024 * 1024;
/// How often a `$disconnect` is tried when its function has no free concurrency.
const DISCONNECT_ATTEMPTS: u32 = 8;
const DISCONNECT_BACKOFF: Duration = Duration::from_millis(100);

/// For so long after a message has held up a reactor's thread, all are worked on by the runtime.
const CAUTION_MS: u64 = 10_000;

/// Takes the reports of the hub to where they are worked on.
pub(crate) struct Dispatcher {
    inner: Arc<Inner>,
    /// Milliseconds since the epoch: until then no message runs on a reactor's thread.
    cautious_until: AtomicU64,
}

impl Dispatcher {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner, cautious_until: AtomicU64::new(0) }
    }

    fn is_cautious(&self, now: u64) -> bool {
        now < self.cautious_until.load(Ordering::Relaxed)
    }

    /// Works on a message as far as that goes without waiting; the rest is a task.
    fn work_here(&self, work: Work) {
        let _runtime = self.inner.runtime.enter();
        // Who drains waits for it, whichever thread it keeps.
        let _task = self.inner.integrations.tasks.token();
        let mut running = match ROOM.take() {
            Some(mut room) => {
                room.set(work.run());
                room
            }
            None => ReusableBoxFuture::new(work.run()),
        };
        if running.poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            ROOM.set(Some(running));
        } else {
            self.inner.integrations.tasks.spawn(running);
        }
    }
}

thread_local! {
    /// Where the next message of this thread runs: its state is too large for memory that is at hand at once.
    static ROOM: Cell<Option<ReusableBoxFuture<'static, ()>>> = const { Cell::new(None) };
}

impl Lifecycle for Dispatcher {
    fn message(&self, peer: Arc<Peer>, message: Inbound, time: Time) {
        let inner = &self.inner;
        let moment = Moment::new(inner.clock.now_ms());
        let in_flight = InFlight::begin(inner, peer, message.len());
        let Some(stage) = inner.stages.by_index(in_flight.peer.stage_index) else { return };
        if inner.bytes_in_flight.load(Ordering::Relaxed) > IN_FLIGHT_BYTES {
            return refuse(inner, &in_flight.peer, &stage, moment);
        }
        let body = Body::from(message);
        let route = stage.deployment().route_for(body.readable()).cloned();
        let is_short = route.as_ref().is_none_or(|route| route.pace.is_short());
        let work = Work { in_flight, stage, route, moment, body };
        if time == Time::ForShort && is_short && !self.is_cautious(moment.now) {
            self.work_here(work);
        } else {
            inner.integrations.tasks.spawn_on(work.run(), &inner.runtime);
        }
    }

    fn disconnected(&self, peer: Arc<Peer>, reason: CloseReason) {
        tracing::debug!(connection = %peer.id, stage = %peer.stage, code = reason.code, reason = %reason.reason, "disconnected");
        let inner = self.inner.clone();
        let task = async move { run_disconnect_route(&inner, &peer, &reason).await };
        self.inner.integrations.tasks.spawn_on(task, &self.inner.runtime);
    }

    fn held_up(&self) {
        metrics::counter!("sluicegate_reactors_relieved_total").increment(1);
        self.cautious_until.store(self.inner.clock.now_ms() + CAUTION_MS, Ordering::Relaxed);
    }
}

/// A message as its event shows it.
struct Body {
    text: String,
    is_base64: bool,
}

impl From<Inbound> for Body {
    fn from(message: Inbound) -> Self {
        match message {
            Inbound::Text(text) => Self { text, is_base64: false },
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
    fn begin(inner: &Arc<Inner>, peer: Arc<Peer>, bytes: usize) -> Self {
        inner.bytes_in_flight.fetch_add(bytes, Ordering::Relaxed);
        Self { inner: inner.clone(), peer, bytes }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.inner.bytes_in_flight.fetch_sub(self.bytes, Ordering::Relaxed);
        self.inner.hub.message_done(&self.peer);
    }
}

/// A message with its route, from here to its answer.
struct Work {
    in_flight: InFlight,
    stage: Arc<Stage>,
    route: Option<Arc<Route>>,
    moment: Moment,
    body: Body,
}

impl Work {
    /// Answers the message, and notes how long the thread that takes it up is kept.
    async fn run(self) {
        let mut answer = pin!(self.answer());
        let mut is_new = true;
        poll_fn(|context| {
            if !std::mem::take(&mut is_new) {
                return answer.as_mut().poll(context);
            }
            let started = Instant::now();
            let polled = answer.as_mut().poll(context);
            if let Some(route) = &self.route {
                route.pace.note(polled.is_ready().then(|| started.elapsed()));
            }
            polled
        })
        .await;
    }

    async fn answer(&self) {
        let Self { in_flight: InFlight { inner, peer, .. }, stage, moment, body, .. } = self;
        let route = self.route.as_deref();
        let occasion =
            Occasion::Message { id: RequestId::new(fastrand::u128(..)), body: &body.text, is_base64: body.is_base64 };
        let route_key = route.map_or("", |route| &route.key);
        let exchange = Exchange { stage, peer, moment: *moment, route_key, occasion, log: Steps::default() };
        let traffic = stage.traffic();
        let log = traffic.begin(&exchange);
        let exchange = Exchange { log: Steps::of(log.as_ref()), ..exchange };
        exchange.log.start(&exchange);
        let mut report = Report::default();
        let outcome = handle(inner, route, &exchange, body, &mut report).await;
        if let Err(error) = &outcome {
            report.failed(*error);
        }
        report.finish(&exchange, &traffic);
        match outcome {
            Ok(answer) if route.is_some_and(|route| route.answers) => {
                inner.hub.post_and_forget(peer, frame(&answer, &stage.wire, peer));
            }
            Ok(_) => {}
            Err(GatewayError::BAD_REQUEST_BODY) => send_bad_request_body(inner, peer, &exchange),
            Err(error) => send_error(inner, peer, error.message, moment.request_id),
        }
    }
}

/// An answer as it goes to the client. Where binary frames are known, what a function wrote as bytes arrives as bytes; on all
/// other stages only what cannot be text does.
fn frame(answer: &Answer, wire: &Wire, peer: &Peer) -> Frame {
    match (answer.written_as, wire.binary) {
        (WrittenAs::Base64, BinaryFrames::Taken) => Frame::binary(&answer.body, peer.compression),
        _ => Frame::message(&answer.body, peer.compression),
    }
}

/// Takes a message through the steps of its route.
async fn handle(
    inner: &Inner,
    route: Option<&Route>,
    exchange: &Exchange<'_>,
    body: &Body,
    report: &mut Report,
) -> Result<Answer, GatewayError> {
    let asking = Asking::Message(route.map(|route| route.key.as_str()));
    if !inner.throttle.allows(&exchange.stage.traffic().throttle, asking, exchange.moment.now) {
        return Err(GatewayError::THROTTLED);
    }
    let route = route.ok_or(GatewayError::NO_ROUTE)?;
    if let Some(Err(reason)) = route.validation.as_ref().map(|validation| validation.check(body.readable())) {
        tracing::debug!(route = %route.key, %reason, "a message does not fit its model");
        exchange.log.failure_because(format_args!("Request body does not match model schema: "), &reason);
        report.invalid_body(reason);
        return Err(GatewayError::BAD_REQUEST_BODY);
    }
    let integration = route.integration.as_ref().ok_or(GatewayError::API_CONFIGURATION_ERROR)?;
    let answer = inner.integrations.run_reported(integration, exchange, report).await?;
    if route.answers && answer.body.len() > limits::MESSAGE_BYTES {
        tracing::warn!(route = %route.key, bytes = answer.body.len(), "a route response is larger than a message may be");
        exchange
            .log
            .failure(format_args!("Execution failed: the response is larger than {} bytes", limits::MESSAGE_BYTES));
        return Err(GatewayError::INTEGRATION_FAILURE);
    }
    Ok(answer)
}

/// Refuses a message that there is no memory for. It is counted and logged without a route, which is not looked for.
fn refuse(inner: &Inner, peer: &Peer, stage: &Stage, moment: Moment) {
    let occasion = Occasion::Message { id: RequestId::new(fastrand::u128(..)), body: "", is_base64: false };
    let exchange = Exchange { stage, peer, moment, route_key: "", occasion, log: Steps::default() };
    let traffic = stage.traffic();
    let log = traffic.begin(&exchange);
    let exchange = Exchange { log: Steps::of(log.as_ref()), ..exchange };
    let mut report = Report::default();
    report.failed(GatewayError::THROTTLED);
    report.finish(&exchange, &traffic);
    send_error(inner, peer, GatewayError::THROTTLED.message, moment.request_id);
}

/// A message that does not fit its model; the third field is the message's own id.
fn send_bad_request_body(inner: &Inner, peer: &Peer, exchange: &Exchange<'_>) {
    let (id, message_id) = (peer.id, exchange.context("messageId").unwrap_or_default());
    let frame = format!(r#"{{"message": "Bad request body", "connectionId":"{id}", "messageId":"{message_id}"}}"#);
    inner.hub.post_and_forget(peer, Frame::message(frame.as_bytes(), peer.compression));
}

/// The text frame that tells a client of an error; the connection stays open. The spacing is AWS's own.
fn send_error(inner: &Inner, peer: &Peer, message: &str, request_id: RequestId) {
    let id = peer.id;
    let frame = format!(r#"{{"message": "{message}", "connectionId":"{id}", "requestId":"{request_id}"}}"#);
    inner.hub.post_and_forget(peer, Frame::message(frame.as_bytes(), peer.compression));
}

async fn run_disconnect_route(inner: &Inner, peer: &Peer, reason: &CloseReason) {
    let Some(stage) = inner.stages.by_index(peer.stage_index) else { return };
    let deployment = stage.deployment();
    let (moment, occasion) = (Moment::new(inner.clock.now_ms()), Occasion::Disconnect(reason));
    let route_key = "$disconnect";
    let exchange = Exchange { stage: &stage, peer, moment, route_key, occasion, log: Steps::default() };
    let traffic = stage.traffic();
    let log = traffic.begin(&exchange);
    let exchange = Exchange { log: Steps::of(log.as_ref()), ..exchange };
    exchange.log.start(&exchange);
    let mut report = Report::default();
    if let Some(route) = &deployment.disconnect
        && let Err(failure) = disconnect(inner, route, &exchange, &mut report).await
    {
        report.failed(failure.into());
    }
    report.finish(&exchange, &traffic);
}

/// Runs the `$disconnect` integration. Only when it could not run at all is it tried again.
async fn disconnect(inner: &Inner, route: &Route, exchange: &Exchange<'_>, report: &mut Report) -> Result<(), Failure> {
    let Some(integration) = &route.integration else { return Ok(()) };
    for attempt in 0..DISCONNECT_ATTEMPTS {
        match inner.integrations.run_reported(integration, exchange, report).await {
            Err(Failure::Throttled) => tokio::time::sleep(DISCONNECT_BACKOFF * 2u32.pow(attempt)).await,
            other => return other.map(drop),
        }
    }
    let peer = exchange.peer;
    tracing::error!(connection = %peer.id, stage = %peer.stage, "$disconnect did not run: its function stayed throttled");
    Err(Failure::Throttled)
}
