//! HTTP backends: `HTTP_PROXY` passes what the client sent, `HTTP` what the templates make of it.
//!
//! What a backend sees beside the mapped parameters: `User-Agent: AmazonAPIGateway_{apiId}`,
//! `x-amzn-apigateway-api-id` and `X-Amzn-Trace-Id`; from `HTTP_PROXY` on `$connect` also the client's own headers,
//! `Sec-WebSocket-…` included, and `X-Forwarded-…`. The connection id is only sent where it is mapped. A client's query is
//! not passed on by itself either.

use super::content::ContentHandling;
use super::http_client::{HttpClient, Unreachable};
use super::parameters::{Mapped, RequestParameters};
use super::response::Received;
use super::shape::{Shape, client_payload};
use super::uri::{Uri, encoded};
use super::{Answer, Failure, Wanted};
use crate::api::definition::IntegrationDefinition;
use crate::api::problem::Checker;
use crate::event::trace_id;
use crate::exchange::{Exchange, Occasion};
use crate::execution_log::{is_credential, masked};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;
use std::fmt::{self, Display};
use std::time::{Duration, Instant};

const API_ID: HeaderName = HeaderName::from_static("x-amzn-apigateway-api-id");
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");
/// Of a text; what else could be told of a message is in the message.
const TEXT: HeaderValue = HeaderValue::from_static("application/json");
const BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");

pub(super) struct HttpBackend {
    method: Option<Method>,
    uri: Uri,
    parameters: RequestParameters,
    /// The connection type `VPC_LINK` is served as a direct connection: a gateway of one's own stands in the network it
    /// reaches, so there is nothing to link.
    wanted: Wanted,
}

impl HttpBackend {
    pub(super) fn compile(written: &IntegrationDefinition, wanted: Wanted, checker: &mut Checker) -> Option<Self> {
        if let Some(other) = written.connection_type.as_deref().filter(|kind| !matches!(*kind, "INTERNET" | "VPC_LINK"))
        {
            checker.problem(format!("connectionType `{other}`"), "use INTERNET or VPC_LINK");
        }
        let method = method(written, checker);
        let parameters = RequestParameters::compile(&written.request_parameters, checker);
        let uri = uri(written, &parameters, checker)?;
        Some(Self { method, uri, parameters, wanted })
    }

    /// The client's own words to the backend, the backend's own words back.
    pub(super) async fn proxy(
        &self,
        content: ContentHandling,
        client: &HttpClient,
        timeout: Duration,
        exchange: &Exchange<'_>,
    ) -> Result<Answer, Failure> {
        let headers = match &exchange.occasion {
            Occasion::Connect(request) => forwarded(&request.headers),
            Occasion::Message { .. } | Occasion::Disconnect(_) => HeaderMap::new(),
        };
        let received = self.send(headers, client_payload(content, exchange)?, client, timeout, exchange).await?;
        let subprotocol = received.subprotocol();
        let body = match self.wanted {
            Wanted::Body => received.body,
            Wanted::Status | Wanted::Nothing => Bytes::new(),
        };
        Ok(Answer { status: received.status, body, subprotocol, ..Answer::default() })
    }

    /// What templates make of the client's words, and of the backend's.
    pub(super) async fn shaped(
        &self,
        shape: &Shape,
        client: &HttpClient,
        timeout: Duration,
        exchange: &Exchange<'_>,
    ) -> Result<Answer, Failure> {
        let payload = shape.payload(exchange)?;
        let received = self.send(HeaderMap::new(), payload, client, timeout, exchange).await?;
        shape.answer(Some(&received.status.to_string()), &received, exchange)
    }

    async fn send(
        &self,
        headers: HeaderMap,
        payload: Bytes,
        client: &HttpClient,
        timeout: Duration,
        exchange: &Exchange<'_>,
    ) -> Result<Received, Failure> {
        // Shared, not copied.
        let sent = payload.clone();
        let request = self.request(headers, payload, exchange)?;
        let (method, uri) = (request.method().clone(), request.uri().clone());
        exchange.log.request(shown(&uri), Some(request.headers()), &sent);
        let started = Instant::now();
        let failed = |error: Unreachable, failure| {
            // Without its query, which may hold a client's secrets.
            let address = format!("{}{}", uri.authority().map_or("", |host| host.as_str()), uri.path());
            tracing::warn!(route = %exchange.route_key, %method, address, %error, "an HTTP integration failed");
            let reason: &dyn Display = match failure {
                Failure::TimedOut => &"a timeout error",
                _ => &format_args!("a network error communicating with endpoint: {error}"),
            };
            exchange.log.failure_because(format_args!("Execution failed due to "), reason);
            failure
        };
        match tokio::time::timeout(timeout, client.send(request)).await {
            Ok(Ok(received)) => {
                let Received { status, headers, body } = &received;
                exchange.log.response(*status, started.elapsed(), Some(headers), body);
                Ok(received)
            }
            Ok(Err(error)) => Err(failed(error, Failure::Failed)),
            Err(_) => Err(failed(Unreachable::TimedOut(timeout), Failure::TimedOut)),
        }
    }

    fn request(
        &self,
        mut headers: HeaderMap,
        payload: Bytes,
        exchange: &Exchange<'_>,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let mapped = self.parameters.map(exchange);
        let not_sent = |reason: &dyn Display| {
            tracing::warn!(route = %exchange.route_key, %reason, "an HTTP integration has no request to send");
            exchange.log.failure(format_args!("Execution failed due to configuration error: Invalid endpoint address"));
            Failure::NotInvoked
        };
        let mut address = self.uri.resolve(exchange, |name| mapped.path(name)).map_err(|error| not_sent(&error))?;
        append_query(&mut address, &mapped);
        own_headers(&mut headers, &payload, exchange);
        put_mapped(&mut headers, &mapped)
            .map_err(|name| not_sent(&format!("the value of {name} cannot be a header")))?;
        let method = self.method.clone().unwrap_or(match exchange.occasion {
            Occasion::Connect(_) => Method::GET,
            Occasion::Message { .. } | Occasion::Disconnect(_) => Method::POST,
        });
        let mut request = Request::builder()
            .method(method)
            .uri(address)
            .body(Full::new(payload))
            .map_err(|error| not_sent(&error))?;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

/// An address as logs may show it: without user and password, and without the values of credentials in its query.
fn shown(uri: &http::Uri) -> impl Display {
    fmt::from_fn(move |f| {
        let host = uri.authority().map_or("", |authority| authority.as_str());
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        write!(f, "{}://{host}{}", uri.scheme_str().unwrap_or_default(), uri.path())?;
        for (place, parameter) in uri.query().into_iter().flat_map(|query| query.split('&')).enumerate() {
            let mark = if place == 0 { '?' } else { '&' };
            match parameter.split_once('=') {
                Some((name, value)) if is_credential(name) => write!(f, "{mark}{name}={}", masked(value))?,
                _ => write!(f, "{mark}{parameter}")?,
            }
        }
        Ok(())
    })
}

/// `None` for `ANY`: GET for a handshake, which has no body, and POST for the rest.
fn method(written: &IntegrationDefinition, checker: &mut Checker) -> Option<Method> {
    const KNOWN: [Method; 7] =
        [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD, Method::OPTIONS];
    let remedy = "use GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS or ANY";
    match written.integration_method.as_deref() {
        Some("ANY") => None,
        Some(written) => {
            let known = KNOWN.into_iter().find(|known| known.as_str() == written);
            if known.is_none() {
                checker.problem(format!("integrationMethod `{written}`"), remedy);
            }
            known
        }
        None => {
            checker.problem("the integration has no integrationMethod", remedy);
            None
        }
    }
}

fn uri(written: &IntegrationDefinition, parameters: &RequestParameters, checker: &mut Checker) -> Option<Uri> {
    let remedy = "write an address such as https://example.org/{name}";
    let Some(text) = written.integration_uri.as_deref().filter(|uri| !uri.is_empty()) else {
        checker.problem("the integration has no integrationUri", remedy);
        return None;
    };
    let uri = match Uri::parse(text) {
        Ok(uri) => uri,
        Err(error) => {
            checker.problem(format!("integrationUri `{text}`: {error}"), remedy);
            return None;
        }
    };
    for name in uri.path_parameters().filter(|name| !parameters.has_path(name)) {
        checker.problem(
            format!("`{{{name}}}` in integrationUri has no value"),
            format!("map integration.request.path.{name} in requestParameters"),
        );
    }
    // A variable may hold the whole address; then only a request can tell.
    let is_known = !uri.start().is_empty();
    if is_known && !is_http(&uri.sample()) {
        checker.problem(format!("integrationUri `{text}` is no HTTP address"), remedy);
    }
    Some(uri)
}

fn is_http(address: &str) -> bool {
    address.parse::<http::Uri>().is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")))
}

fn append_query(address: &mut String, mapped: &Mapped) {
    for (name, value) in &mapped.query {
        address.push(if address.contains('?') { '&' } else { '?' });
        address.push_str(&encoded(name));
        address.push('=');
        address.push_str(&encoded(value));
    }
}

/// What a proxy passes on of the handshake's headers: all but the name of our own host, and the body's.
fn forwarded(headers: &[(String, String)]) -> HeaderMap {
    let mut forwarded = HeaderMap::new();
    for (name, value) in headers {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else { continue };
        if !(HOP.contains(&name) || name == HOST) {
            forwarded.append(name, value);
        }
    }
    forwarded
}

/// Headers of the connection to us. `Connection`, `Upgrade` and `Content-Length` are gone already.
const HOP: [HeaderName; 6] = [
    http::header::TE,
    http::header::TRAILER,
    http::header::TRANSFER_ENCODING,
    http::header::PROXY_AUTHENTICATE,
    http::header::PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
];

fn own_headers(headers: &mut HeaderMap, payload: &Bytes, exchange: &Exchange<'_>) {
    let api = &exchange.peer.stage.api;
    let mut put = |name, text: &str| HeaderValue::from_str(text).map(|value| headers.insert(name, value));
    let _ = put(USER_AGENT, &format!("AmazonAPIGateway_{api}"));
    let _ = put(API_ID, api);
    if !headers.contains_key(TRACE_ID) {
        let trace_id = HeaderValue::from_str(&trace_id(exchange.moment.now));
        headers.extend(trace_id.map(|value| (TRACE_ID, value)));
    }
    if !payload.is_empty() {
        headers.insert(CONTENT_TYPE, if std::str::from_utf8(payload).is_ok() { TEXT } else { BINARY });
    }
}

/// Mapped headers take the place of all others of their name. The error is the name of one that cannot be sent.
fn put_mapped(headers: &mut HeaderMap, mapped: &Mapped) -> Result<(), HeaderName> {
    for (name, _) in &mapped.headers {
        headers.remove(name);
    }
    for (name, value) in &mapped.headers {
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).map_err(|_| name.clone())?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_of_backends_are_checked() {
        for (uri, method, expected) in [
            (Some("https://example.org/a"), Some("POST"), None),
            (Some("https://${stageVariables.host}/a"), Some("ANY"), None),
            (Some("${stageVariables.address}"), Some("GET"), None),
            (None, Some("GET"), Some("the integration has no integrationUri; write an address such as")),
            (Some("http://a"), None, Some("the integration has no integrationMethod; use GET, POST")),
            (Some("http://a"), Some("FETCH"), Some("integrationMethod `FETCH`; use GET")),
            (
                Some("http://a/{id}"),
                Some("GET"),
                Some("`{id}` in integrationUri has no value; map integration.request.path.id"),
            ),
            (Some("ftp://a"), Some("GET"), Some("integrationUri `ftp://a` is no HTTP address")),
            (Some("/only/a/path"), Some("GET"), Some("is no HTTP address")),
            (Some("http://a b"), Some("GET"), Some("is no HTTP address")),
            (Some("http://${host}"), Some("GET"), Some("is no stage variable")),
        ] {
            let written = IntegrationDefinition {
                integration_uri: uri.map(str::to_owned),
                integration_method: method.map(str::to_owned),
                ..Default::default()
            };
            let mut checker = Checker::default();
            HttpBackend::compile(&written, Wanted::Body, &mut checker);
            let problems = checker.finish(()).err().map(|problems| problems.to_string()).unwrap_or_default();
            assert!(problems.contains(expected.unwrap_or_default()), "{uri:?}: {problems}");
            assert_eq!(problems.is_empty(), expected.is_none(), "{uri:?}: {problems}");
        }
    }
}
