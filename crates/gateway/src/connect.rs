//! From an upgrade request to a connection: `$connect` decides, and only then is the socket established.

use crate::address::without_port;
use crate::api::deployment::{RequiredParameter, Route};
use crate::authorizer::authorize;
use crate::event::{self, Arrival, Moment};
use crate::exchange::{ClientRequest, Exchange, Occasion};
use crate::execution_log::{ExecutionLog, Steps};
use crate::gateway::Inner;
use crate::http_connection::Caller;
use crate::hub::{Opening, Reservation};
use crate::integration::Failure;
use crate::peer::Peer;
use crate::reply;
use crate::report::Report;
use crate::stage::Stage;
use crate::tap::Admitted;
use crate::throttle::Asking;
use crate::websocket::handshake::{Refusal, accept_key};
use crate::websocket::{Compression, extension};
use bytes::Bytes;
use http::header::{
    CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE, USER_AGENT,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::Full;
use sluicegate_endpoint::{Response, RunOn};
use std::sync::Arc;
use std::time::Instant;

/// Answers a request for a stage that is served.
pub(crate) async fn connect<B>(
    inner: &Arc<Inner>,
    stage: Arc<Stage>,
    request: Request<B>,
    caller: &Caller,
) -> Response {
    let arrival = Arrival { remote: caller.remote, local_port: caller.local.port() };
    let (parts, _) = request.into_parts();
    let accept = match accept_key(&parts) {
        Ok(accept) => accept,
        Err(refusal) => return refused(refusal),
    };
    let Some(reservation) = inner.hub.reserve() else {
        inner.tell_full(&stage.id);
        return unavailable();
    };
    let extensions = match stage.wire.compression {
        Compression::None => None,
        Compression::Deflate => extension::agree(&parts.headers),
    };
    let mut peer = peer(inner, &stage, &parts, &reservation, arrival);
    if extensions.is_some() {
        peer.compression = Compression::Deflate;
    }
    let headers = caller.tap.headers().unwrap_or_else(|| plain_headers(&parts.headers));
    let request = event::client_request(parts, headers, inner.clock.now_ms(), arrival);
    let candidate = Candidate { inner: inner.clone(), stage, peer, reservation, request, log: None };
    let handshake = inner.handshakes.token();
    // A client that leaves meanwhile does not stop `$connect` half-way: it is run to its end, and if it admits the client,
    // the opening that nobody takes ends the connection as lost, with its `$disconnect`.
    let (decision, handshake) = RunOn::new(async move { (candidate.decide().await, handshake) }).await;
    match decision {
        Ok((opening, subprotocol)) => {
            caller.tap.admit(Admitted { opening, handshake });
            switching_protocols(accept, extensions, subprotocol)
        }
        Err(refusal) => refusal,
    }
}

/// A client whose admission is being decided.
struct Candidate {
    inner: Arc<Inner>,
    stage: Arc<Stage>,
    peer: Peer,
    reservation: Reservation,
    request: ClientRequest,
    log: Option<ExecutionLog>,
}

impl Candidate {
    /// Decides, and reports what came of it. The error is the answer to the handshake.
    async fn decide(mut self) -> Result<(Opening, Option<HeaderValue>), Response> {
        let moment = Moment::new(self.inner.clock.now_ms().max(self.peer.connected_at));
        let traffic = self.stage.traffic();
        self.log = traffic.begin(&self.exchange(moment));
        let mut report = Report::default();
        let decision = self.ask(moment, &mut report).await;
        if let Err(refusal) = &decision {
            report.refused(refusal);
        }
        report.finish(&self.exchange(moment), &traffic);
        let subprotocol = decision?;
        let opening = self.reservation.open(Arc::new(self.peer), self.inner.clock.now_ms());
        // Removed while `$connect` decided. What was admitted ends as lost, with its `$disconnect`.
        if self.inner.stages.is_retired(self.stage.index) {
            return Err(reply::forbidden());
        }
        Ok((opening, subprotocol))
    }

    /// Asks all who have a say, in the order of AWS.
    async fn ask(&mut self, moment: Moment, report: &mut Report) -> Result<Option<HeaderValue>, Response> {
        let deployment = self.stage.deployment();
        let started = Instant::now();
        let granted = authorize(&self.inner, &deployment, &self.exchange(moment)).await;
        let granted = granted.map_err(|refusal| refusal.answer());
        if deployment.connect.as_ref().is_some_and(Route::authorizes) {
            report.authorized(&granted, started.elapsed());
        }
        let granted = granted?;
        (self.peer.authorizer, self.peer.identity) = (granted.authorizer, granted.identity);
        let exchange = self.exchange(moment);
        exchange.log.start(&exchange);
        if !self.inner.throttle.allows(&self.stage.traffic().throttle, Asking::Connect, moment.now) {
            return Err(too_many_requests());
        }
        let subprotocol = match &deployment.connect {
            Some(route) => self.run(route, moment, report).await?,
            None => None,
        };
        Ok(subprotocol.or(granted.subprotocol.map(HeaderValue::from_static)))
    }

    /// Runs the `$connect` integration. Neither its body nor its other headers reach the client.
    async fn run(&self, route: &Route, moment: Moment, report: &mut Report) -> Result<Option<HeaderValue>, Response> {
        if self.lacks_a_parameter(route) {
            return Err(bad_request());
        }
        let Some(integration) = &route.integration else { return Ok(None) };
        let result = self.inner.integrations.run_reported(integration, &self.exchange(moment), report).await;
        let answer = result.map_err(failed)?;
        match answer.status {
            // A value that cannot stand in a header is as good as none.
            200..300 => Ok(answer.subprotocol.and_then(|value| HeaderValue::from_str(&value).ok())),
            // A 1xx is no answer to a handshake: the one that switches protocols is the gateway's own to give.
            100..200 => Err(reply::internal_server_error(StatusCode::BAD_GATEWAY)),
            status => Err(reply::status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))),
        }
    }

    /// Whether the request lacks a name that the route declares as required.
    fn lacks_a_parameter(&self, route: &Route) -> bool {
        route.required_parameters.iter().any(|parameter| match parameter {
            RequiredParameter::Header(name) => self.request.header(name).is_none(),
            RequiredParameter::Query(name) => self.request.query(name).is_none(),
        })
    }

    fn exchange(&self, moment: Moment) -> Exchange<'_> {
        let (occasion, log) = (Occasion::Connect(&self.request), Steps::of(self.log.as_ref()));
        Exchange { stage: &self.stage, peer: &self.peer, moment, route_key: "$connect", occasion, log }
    }
}

fn failed(failure: Failure) -> Response {
    match failure {
        Failure::Failed => reply::internal_server_error(StatusCode::BAD_GATEWAY),
        Failure::NotInvoked | Failure::Throttled => reply::internal_server_error(StatusCode::INTERNAL_SERVER_ERROR),
        Failure::TimedOut => reply::error(
            StatusCode::GATEWAY_TIMEOUT,
            "InternalServerErrorException",
            r#"{"message": "Endpoint request timed out"}"#,
        ),
        Failure::UnsupportedMediaType => reply::error(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "BadRequestException",
            r#"{"message": "Unsupported Media Type"}"#,
        ),
    }
}

fn peer(inner: &Inner, stage: &Stage, parts: &Parts, reservation: &Reservation, arrival: Arrival) -> Peer {
    let header = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let user_agent = header(USER_AGENT).map(|agent| inner.user_agents.shared(agent));
    let domain_name = stage.domain_name(header(HOST).map(without_port));
    Peer::new(
        reservation.id(),
        (stage.id.clone(), stage.index),
        arrival.remote.ip(),
        user_agent,
        domain_name,
        inner.clock.now_ms(),
    )
}

fn plain_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

fn switching_protocols(
    accept: HeaderValue,
    extensions: Option<HeaderValue>,
    subprotocol: Option<HeaderValue>,
) -> Response {
    let mut response = http::Response::new(Full::new(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    if let Some(extensions) = extensions {
        headers.insert(SEC_WEBSOCKET_EXTENSIONS, extensions);
    }
    if let Some(subprotocol) = subprotocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    response
}

fn refused(refusal: Refusal) -> Response {
    let version = HeaderValue::from_static("13");
    match refusal {
        Refusal::NotAnUpgrade | Refusal::WrongVersion => {
            let mut response = reply::status(StatusCode::UPGRADE_REQUIRED);
            response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
            response.headers_mut().insert(SEC_WEBSOCKET_VERSION, version);
            response
        }
        Refusal::BadKey => reply::error(StatusCode::BAD_REQUEST, "BadRequestException", r#"{"message":"Bad Request"}"#),
    }
}

fn bad_request() -> Response {
    reply::error(StatusCode::BAD_REQUEST, "BadRequestException", r#"{"message":"Bad Request"}"#)
}

fn too_many_requests() -> Response {
    reply::error(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", r#"{"message":"Too Many Requests"}"#)
}

/// Full, or stopping. Clients come back later, or to another node.
pub(crate) fn unavailable() -> Response {
    reply::error(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException", r#"{"message":"Service Unavailable"}"#)
}
