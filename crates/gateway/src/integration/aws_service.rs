//! AWS services as integrations: `AWS` with an action of DynamoDB, SQS or SNS, called in this process.
//!
//! | integration URI | request |
//! |---|---|
//! | `arn:aws:apigateway:{region}:dynamodb:action/{Action}` | `X-Amz-Target: DynamoDB_20120810.{Action}`, the payload as JSON |
//! | `arn:aws:apigateway:{region}:sqs:action/{Action}`, `sns:action/{Action}` | `/?Action={Action}`, the payload as it is |
//! | `arn:aws:apigateway:{region}:{service}:path/{path}` | `/{path}`, with what is mapped |
//!
//! The role in `credentialsArn` is not asked: what an API does is what its author wrote.

use super::Integrations;
use super::parameters::{Mapped, RequestParameters};
use super::response::Received;
use super::shape::Shape;
use super::uri::{Uri, encoded};
use super::{Answer, Failure};
use crate::api::definition::IntegrationDefinition;
use crate::api::problem::Checker;
use crate::exchange::Exchange;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, Request};
use sluicegate_protocol::AwsService;
use std::fmt::Display;
use std::time::{Duration, Instant};

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const DYNAMODB_TARGET: &str = "DynamoDB_20120810";
const AMZ_JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const REMEDY: &str = "use arn:aws:apigateway:{region}:{service}:action/{Action} or :path/{path} of dynamodb, sqs or sns, \
                      or call a function";

/// An action of a service, behind templates.
pub(super) struct ShapedService {
    service: AwsService,
    called: Called,
    method: Method,
    parameters: RequestParameters,
    shape: Shape,
}

enum Called {
    Action(String),
    Path(Uri),
}

/// `{service}:{action|path}/{rest}` of `arn:{partition}:apigateway:{region}:{service}:{action|path}/{rest}`, unless it is
/// Lambda's. A host may stand before the service: `{host}.sqs`.
pub(super) fn named(uri: &str) -> Option<(&str, &str)> {
    let mut parts = uri.strip_prefix("arn:")?.splitn(5, ':');
    let (_partition, service, _region) = (parts.next()?, parts.next()?, parts.next()?);
    let (named, called) = (parts.next()?, parts.next().unwrap_or_default());
    let named = named.rsplit('.').next().unwrap_or(named);
    (service == "apigateway" && named != "lambda").then_some((named, called))
}

impl ShapedService {
    /// `service` and `called` are the parts of the address that [`named`] tells.
    pub(super) fn compile(
        service: &str,
        called: &str,
        written: &IntegrationDefinition,
        parameters: RequestParameters,
        shape: Shape,
        checker: &mut Checker,
    ) -> Option<Self> {
        let method = method(written, checker);
        let Some(service) = AwsService::named(service) else {
            let message = format!("integrationUri names the service `{service}`, which cannot be called");
            checker.problem(message, REMEDY);
            return None;
        };
        let called = match called.split_once('/') {
            Some(("action", action)) if is_action(action) => Called::Action(action.to_owned()),
            Some(("path", path)) => match Uri::parse(path) {
                Ok(uri) => {
                    for name in uri.path_parameters().filter(|name| !parameters.has_path(name)) {
                        checker.problem(
                            format!("`{{{name}}}` in integrationUri has no value"),
                            format!("map integration.request.path.{name} in requestParameters"),
                        );
                    }
                    Called::Path(uri)
                }
                Err(error) => {
                    checker.problem(format!("integrationUri, `{path}`: {error}"), REMEDY);
                    return None;
                }
            },
            _ => {
                checker.problem(format!("integrationUri names neither an action nor a path: `{called}`"), REMEDY);
                return None;
            }
        };
        Some(Self { service, called, method, parameters, shape })
    }

    fn request(&self, payload: Bytes, exchange: &Exchange<'_>) -> Result<Request<Bytes>, Failure> {
        let not_sent = |reason: &dyn Display| {
            tracing::warn!(route = %exchange.route_key, %reason, "an integration has no request to send to a service");
            exchange.log.failure(format_args!("Execution failed due to configuration error: Invalid endpoint address"));
            Failure::NotInvoked
        };
        let mapped = self.parameters.map(exchange);
        let mut address = match &self.called {
            Called::Action(action) if self.service == AwsService::DynamoDb => {
                return self.action(action, payload, &mapped);
            }
            Called::Action(action) => format!("/?Action={}", encoded(action)),
            Called::Path(uri) => {
                let path = uri.resolve(exchange, |name| mapped.path(name)).map_err(|error| not_sent(&error))?;
                format!("/{}", path.trim_start_matches('/'))
            }
        };
        for (name, value) in &mapped.query {
            address.push(if address.contains('?') { '&' } else { '?' });
            address.push_str(&format!("{}={}", encoded(name), encoded(value)));
        }
        let mut request = Request::new(payload);
        *request.uri_mut() = address.parse().map_err(|error: http::uri::InvalidUri| not_sent(&error))?;
        self.head(request, JSON, &mapped).map_err(|error| not_sent(&error))
    }

    /// DynamoDB takes one kind of request: what is mapped beside its body has no meaning to it.
    fn action(&self, action: &str, payload: Bytes, mapped: &Mapped) -> Result<Request<Bytes>, Failure> {
        let mut request = self.head(Request::new(payload), AMZ_JSON, mapped).map_err(|_| Failure::NotInvoked)?;
        let target = HeaderValue::from_str(&format!("{DYNAMODB_TARGET}.{action}")).map_err(|_| Failure::NotInvoked)?;
        request.headers_mut().insert(TARGET, target);
        Ok(request)
    }

    /// Mapped headers take the place of what would be sent without them.
    fn head(
        &self,
        mut request: Request<Bytes>,
        content_type: HeaderValue,
        mapped: &Mapped,
    ) -> Result<Request<Bytes>, http::header::InvalidHeaderValue> {
        *request.method_mut() = self.method.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, content_type);
        for (name, value) in &mapped.headers {
            headers.insert(name, HeaderValue::from_bytes(value.as_bytes())?);
        }
        Ok(request)
    }
}

impl Integrations {
    pub(super) async fn aws_service(
        &self,
        called: &ShapedService,
        timeout: Duration,
        exchange: &Exchange<'_>,
    ) -> Result<Answer, Failure> {
        let payload = called.shape.payload(exchange)?;
        let request = called.request(payload, exchange)?;
        let (name, region) = (called.service.name(), &self.account.region);
        let address = format!("https://{name}.{region}.amazonaws.com{}", request.uri());
        exchange.log.request(&address, Some(request.headers()), request.body());
        let started = Instant::now();
        let services = self.services.clone();
        let service = called.service;
        let mut running = Box::pin(async move { services.call(service, request).await });
        let Ok(response) = tokio::time::timeout(timeout, &mut running).await else {
            tracing::warn!(route = %exchange.route_key, service = name, ?timeout, "an integration timed out");
            exchange.log.failure(format_args!("Execution failed due to a timeout error"));
            // What was begun is brought to its end, as at the service itself.
            self.tasks.spawn(async move { drop(running.await) });
            return Err(Failure::TimedOut);
        };
        let (parts, body) = response.into_parts();
        let received = Received { status: parts.status.as_u16(), headers: parts.headers, body };
        exchange.log.response(received.status, started.elapsed(), Some(&received.headers), &received.body);
        if !parts.status.is_success() {
            let answer = String::from_utf8_lossy(&received.body[..received.body.len().min(TOLD_BYTES)]).into_owned();
            tracing::warn!(route = %exchange.route_key, service = name, status = %parts.status, answer, "a service refused an integration's request");
        }
        called.shape.answer(Some(&received.status.to_string()), &received, exchange)
    }
}

/// Of a refusal, in the log.
const TOLD_BYTES: usize = 300;

fn is_action(action: &str) -> bool {
    !action.is_empty() && action.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn method(written: &IntegrationDefinition, checker: &mut Checker) -> Method {
    match written.integration_method.as_deref() {
        None | Some("POST") => Method::POST,
        Some("GET") => Method::GET,
        Some(other) => {
            checker.problem(format!("integrationMethod `{other}` of a service"), "use POST or GET");
            Method::POST
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_told_from_functions() {
        for (uri, expected) in [
            ("arn:aws:apigateway:eu-west-1:dynamodb:action/PutItem", Some(("dynamodb", "action/PutItem"))),
            ("arn:aws:apigateway:eu-west-1:sqs:path/1/q", Some(("sqs", "path/1/q"))),
            ("arn:aws:apigateway:eu-west-1:host.sns:path/", Some(("sns", "path/"))),
            ("arn:aws:apigateway:eu-west-1:states:action/StartExecution", Some(("states", "action/StartExecution"))),
            (
                "arn:aws:apigateway:eu-west-1:sqs:path/${stageVariables.a}:b",
                Some(("sqs", "path/${stageVariables.a}:b")),
            ),
            ("arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/f/invocations", None),
            ("arn:aws:apigateway:eu-west-1:host.lambda:path/2015-03-31/functions/f/invocations", None),
            ("arn:aws:lambda:eu-west-1:1:function:f", None),
            ("f", None),
        ] {
            assert_eq!(named(uri), expected, "{uri}");
        }
    }
}
