//! From an upgrade request to a connection: `$connect` decides, and only then is the socket established.

use crate::address::without_port;
use crate::event::{self, Arrival, Moment};
use crate::gateway::Inner;
use crate::head::{Head, Tapped};
use crate::hub::{Opening, Reservation};
use crate::integration::Outcome;
use crate::peer::Peer;
use crate::proxy_result::ProxyResult;
use crate::reply;
use crate::stage::Stage;
use crate::websocket::handshake::{Refusal, accept_key};
use bytes::Bytes;
use http::header::{
    CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::Full;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use sluicegate_endpoint::Response;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// A 101 that could not be written by then has lost its client.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(30);

/// What `$connect` decided.
enum Admission {
    Admitted { subprotocol: Option<HeaderValue> },
    Refused(Response),
}

/// Answers a request for a stage that is served.
pub(crate) async fn connect<B>(
    inner: &Arc<Inner>,
    stage: Arc<Stage>,
    mut request: Request<B>,
    head: &Head,
    arrival: Arrival,
) -> Response {
    let upgrade = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    let accept = match accept_key(&parts) {
        Ok(accept) => accept,
        Err(refusal) => return refused(refusal),
    };
    let Some(reservation) = inner.hub.reserve() else {
        tracing::warn!(stage = %stage.id, "no place for another connection: raise max_connections");
        return unavailable();
    };
    let peer = Arc::new(peer(inner, &stage, &parts, &reservation, arrival));
    let headers = head.headers().unwrap_or_else(|| plain_headers(&parts.headers));
    let (decided, decision) = oneshot::channel();
    let task = admit(inner.clone(), stage, peer, reservation, parts, headers, arrival, decided);
    // In a task of its own, so that a client which leaves meanwhile does not stop `$connect` half-way: it is run to its
    // end and, if it admitted the client, followed by `$disconnect`.
    inner.handshakes.spawn(task);
    match decision.await {
        Ok((Admission::Admitted { subprotocol }, Some(opening))) => {
            inner.handshakes.spawn(hand_over(upgrade, opening));
            switching_protocols(accept, subprotocol)
        }
        Ok((Admission::Refused(response), _)) => response,
        Ok((Admission::Admitted { .. }, None)) | Err(_) => {
            reply::internal_server_error(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "a task owns all that the request held")]
async fn admit(
    inner: Arc<Inner>,
    stage: Arc<Stage>,
    peer: Arc<Peer>,
    reservation: Reservation,
    parts: Parts,
    headers: Vec<(String, String)>,
    arrival: Arrival,
    decided: oneshot::Sender<(Admission, Option<Opening>)>,
) {
    let admission = run_connect_route(&inner, &stage, &peer, &parts, headers, arrival).await;
    let opening = matches!(admission, Admission::Admitted { .. }).then(|| reservation.open(peer));
    // Nobody listens any more if the client has left: the opening is dropped, which ends the connection as lost.
    let _ = decided.send((admission, opening));
}

async fn run_connect_route(
    inner: &Inner,
    stage: &Stage,
    peer: &Peer,
    parts: &Parts,
    headers: Vec<(String, String)>,
    arrival: Arrival,
) -> Admission {
    let Some(route) = &stage.api.connect else { return Admission::Admitted { subprotocol: None } };
    let moment = Moment::new(inner.clock.now_ms().max(peer.connected_at));
    let event = event::connect(stage, peer, moment, parts, headers, arrival);
    let refuse = |response| Admission::Refused(response);
    match inner.integrations.call(route, event).await {
        Outcome::Returned(result) => match ProxyResult::parse(&result) {
            Ok(result) if result.is_success() => Admission::Admitted { subprotocol: subprotocol(&result) },
            // Neither body nor headers of the function reach the client.
            Ok(result) => {
                refuse(reply::status(StatusCode::from_u16(result.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)))
            }
            Err(_) => refuse(reply::internal_server_error(StatusCode::BAD_GATEWAY)),
        },
        Outcome::Failed => refuse(reply::internal_server_error(StatusCode::BAD_GATEWAY)),
        Outcome::NotInvoked | Outcome::Throttled => {
            refuse(reply::internal_server_error(StatusCode::INTERNAL_SERVER_ERROR))
        }
        Outcome::TimedOut => refuse(reply::error(
            StatusCode::GATEWAY_TIMEOUT,
            "InternalServerErrorException",
            r#"{"message": "Endpoint request timed out"}"#,
        )),
    }
}

/// Waits until the 101 is written, then gives the socket to the hub.
async fn hand_over(upgrade: OnUpgrade, opening: Opening) {
    let Ok(Ok(upgraded)) = tokio::time::timeout(UPGRADE_TIMEOUT, upgrade).await else { return };
    let Ok(parts) = upgraded.downcast::<TokioIo<Tapped>>() else {
        tracing::error!("the HTTP server did not serve a tapped socket; the connection is dropped");
        return;
    };
    match parts.io.into_inner().into_inner().into_std() {
        Ok(socket) => opening.attach(socket, parts.read_buf),
        Err(error) => tracing::warn!(%error, "a socket could not be taken over; the connection is dropped"),
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

/// A value that cannot stand in a header is as good as none.
fn subprotocol(result: &ProxyResult) -> Option<HeaderValue> {
    HeaderValue::from_str(result.header(SEC_WEBSOCKET_PROTOCOL.as_str())?).ok()
}

fn plain_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

fn switching_protocols(accept: HeaderValue, subprotocol: Option<HeaderValue>) -> Response {
    let mut response = http::Response::new(Full::new(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
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

/// Full, or stopping. Clients come back later, or to another node.
pub(crate) fn unavailable() -> Response {
    reply::error(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException", r#"{"message":"Service Unavailable"}"#)
}
