//! Functions as integrations: `AWS_PROXY` sends the event, `AWS` what a template makes of the message.

use super::content::{ContentHandling, decode};
use super::parameters::RequestParameters;
use super::response::Received;
use super::shape::Shape;
use super::uri::Uri;
use super::{Answer, Failure, Integrations, aws_service};
use crate::api::definition::IntegrationDefinition;
use crate::api::problem::Checker;
use crate::event;
use crate::exchange::{Exchange, Occasion};
use crate::execution_log::Steps;
use crate::proxy_result::ProxyResult;
use bytes::Bytes;
use serde_json::{Value, json};
use sluicegate_protocol::{Destination, FunctionError, Invocation, InvokeError};
use std::fmt::{self, Display};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

const REMEDY: &str = "use arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{function ARN}/invocations, \
                      the ARN of a function, or its name";

/// The function service says so of every invocation that ran, whatever the function answered.
const INVOKED: u16 = 200;

/// The function an integration names: by the URI that API Gateway uses, by ARN, or by bare name. Stage variables may stand
/// anywhere in it.
pub(super) struct Function(Named);

enum Named {
    Always(Arc<str>),
    PerStage(Uri),
}

impl Function {
    pub(super) fn compile(written: &IntegrationDefinition, checker: &mut Checker) -> Option<Self> {
        let Some(uri) = written.integration_uri.as_deref().filter(|uri| !uri.is_empty()) else {
            checker.problem("the integration has no integrationUri", "name the function to call");
            return None;
        };
        if let Some((service, _)) = aws_service::named(uri) {
            checker.problem(
                format!("integrationUri names the service `{service}`, which has no proxy integration"),
                "use the integration type AWS with requestTemplates, or call a function",
            );
            return None;
        }
        match Uri::parse(uri) {
            Ok(parsed) if parsed.path_parameters().next().is_some() => {
                checker.problem(format!("integrationUri `{uri}` has a path parameter"), REMEDY);
                None
            }
            Ok(parsed) if parsed.start() == uri => Some(Self(Named::Always(function_of(uri).into()))),
            Ok(parsed) => Some(Self(Named::PerStage(parsed))),
            Err(error) => {
                checker.problem(format!("integrationUri `{uri}`: {error}"), REMEDY);
                None
            }
        }
    }

    fn name(&self, exchange: &Exchange<'_>) -> Result<Arc<str>, Failure> {
        match &self.0 {
            Named::Always(name) => Ok(name.clone()),
            Named::PerStage(uri) => match uri.resolve(exchange, |_| None) {
                Ok(uri) => Ok(function_of(&uri).into()),
                Err(error) => {
                    tracing::warn!(route = %exchange.route_key, %error, "an integration has no function to call");
                    Err(Failure::NotInvoked)
                }
            },
        }
    }
}

/// `arn:…:lambda:path/2015-03-31/functions/{arn}/invocations`, `arn:…:function:NAME[:QUALIFIER]` or `NAME[:QUALIFIER]`.
/// The qualifier is read and left: there is one version of each function.
pub(crate) fn function_of(uri: &str) -> &str {
    let inner = match uri.split_once("/functions/") {
        Some((_, rest)) => rest.strip_suffix("/invocations").unwrap_or(rest),
        None => uri,
    };
    let name = inner.split_once(":function:").map_or(inner, |(_, name)| name);
    name.split(':').next().unwrap_or(name)
}

/// A function behind templates.
pub(super) struct ShapedFunction {
    pub(super) function: Function,
    pub(super) parameters: RequestParameters,
    pub(super) shape: Shape,
}

impl Integrations {
    pub(super) async fn aws_proxy(
        &self,
        function: &Function,
        content: ContentHandling,
        timeout: Duration,
        exchange: &Exchange<'_>,
    ) -> Result<Answer, Failure> {
        let function = function.name(exchange)?;
        let result = self
            .invoke(&function, timeout, proxy_event(content, exchange)?, exchange.log)
            .await
            .map_err(|uncalled| self.failed(uncalled, &function, exchange.log))?;
        let result = ProxyResult::parse(&result).map_err(|_| {
            let log = exchange.log;
            log.failure(format_args!("Execution failed due to configuration error: Malformed Lambda proxy response"));
            Failure::Failed
        })?;
        Ok(Answer {
            status: result.status,
            subprotocol: result.header("Sec-WebSocket-Protocol").map(str::to_owned),
            body: result.body.unwrap_or_default(),
            written_as: result.written_as,
        })
    }

    pub(super) async fn aws(
        &self,
        aws: &ShapedFunction,
        timeout: Duration,
        exchange: &Exchange<'_>,
    ) -> Result<Answer, Failure> {
        let function = aws.function.name(exchange)?;
        let payload = json_payload(aws.shape.payload(exchange)?, exchange)?;
        let invocation_type = aws.parameters.header("x-amz-invocation-type", exchange);
        if invocation_type.as_deref() == Some("Event") {
            exchange.log.request(self.address(&function), None, &payload);
            self.call_and_forget(function, payload);
            let accepted = Received { status: 202, ..Received::ok(Bytes::new()) };
            return aws.shape.answer(None, &accepted, exchange);
        }
        match self.invoke(&function, timeout, payload, exchange.log).await {
            Ok(result) => {
                let message = error_message(&result);
                aws.shape.answer(message.as_deref(), &Received::ok(result), exchange)
            }
            Err(Uncalled::Threw(error)) if aws.shape.takes(Some(&error.message)) => {
                let body = json!({"errorMessage": error.message, "errorType": error.error_type}).to_string();
                // The status decides about `$connect` only: a function that threw admits nobody.
                let received = Received { status: 502, ..Received::ok(body.into()) };
                aws.shape.answer(Some(&error.message), &received, exchange)
            }
            Err(uncalled) => Err(self.failed(uncalled, &function, exchange.log)),
        }
    }

    /// Calls a function. One that outlives the timeout is left to finish, as on AWS.
    async fn invoke(
        &self,
        function: &Arc<str>,
        timeout: Duration,
        payload: Bytes,
        log: Steps<'_>,
    ) -> Result<Bytes, Uncalled> {
        log.request(self.address(function), None, &payload);
        let started = log.is_on().then(Instant::now);
        let invocation = Invocation { function: function.clone(), payload };
        let invoke = self.invoke.clone();
        let mut running = Box::pin(async move { invoke.invoke(invocation).await });
        // Most are done before a timer is worth it.
        let result = match poll_once(&mut running).await {
            Some(result) => Ok(result),
            None => tokio::time::timeout(timeout, &mut running).await,
        };
        let latency = || started.map(|started| started.elapsed()).unwrap_or_default();
        match result {
            Ok(Ok(result)) => {
                log.response(INVOKED, latency(), None, &result);
                Ok(result)
            }
            Ok(Err(error)) => {
                tracing::warn!(%function, %error, "an integration failed");
                Err(match error {
                    InvokeError::Function(error) => {
                        log.response(INVOKED, latency(), None, error.message.as_bytes());
                        Uncalled::Threw(error)
                    }
                    InvokeError::NotFound => Uncalled::Failed(Failure::NotInvoked),
                    InvokeError::Throttled => Uncalled::Failed(Failure::Throttled),
                })
            }
            Err(_) => {
                tracing::warn!(%function, ?timeout, "an integration timed out");
                self.tasks.spawn(running);
                Err(Uncalled::Failed(Failure::TimedOut))
            }
        }
    }

    /// Why a call comes to nothing.
    fn failed(&self, uncalled: Uncalled, function: &str, log: Steps<'_>) -> Failure {
        let failure = match uncalled {
            Uncalled::Threw(error) => {
                log.failure_because(
                    format_args!("Lambda execution failed with status {INVOKED} due to customer function error: "),
                    error.message,
                );
                return Failure::Failed;
            }
            Uncalled::Failed(failure) => failure,
        };
        match failure {
            Failure::NotInvoked => {
                let arn = self.account.function_arn(function);
                log.failure(format_args!("Execution failed due to configuration error: Function not found: {arn}"));
            }
            Failure::Throttled => log.failure(format_args!("Lambda invocation failed with status: 429")),
            Failure::TimedOut => log.failure(format_args!("Execution failed due to a timeout error")),
            Failure::Failed | Failure::UnsupportedMediaType => {}
        }
        failure
    }

    /// Where API Gateway would call a function.
    fn address(&self, function: &str) -> impl Display {
        let (region, arn) = (&self.account.region, self.account.function_arn(function));
        fmt::from_fn(move |f| write!(f, "https://lambda.{region}.amazonaws.com/2015-03-31/functions/{arn}/invocations"))
    }

    /// An invocation of the type `Event`: nobody waits for it. Whether it is tried again is the function's matter.
    fn call_and_forget(&self, function: Arc<str>, payload: Bytes) {
        let (deliver, arn) = (self.deliver.clone(), self.account.function_arn(&function).to_string());
        self.tasks.spawn(async move {
            let event = String::from_utf8_lossy(&payload).into_owned();
            if let Err(error) = deliver.deliver(&Destination::Function(arn.into()), event).await {
                tracing::warn!(%function, %error, "an asynchronous integration failed");
            }
        });
    }
}

/// What a future comes to at once.
async fn poll_once<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
    poll_fn(|context| match Pin::new(&mut *future).poll(context) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Why a call has no result. A function that threw may have a response of its own.
enum Uncalled {
    Threw(FunctionError),
    Failed(Failure),
}

/// The event, which says of a Base64 message that its body is one: payloads of functions are JSON and hold no bytes.
fn proxy_event(content: ContentHandling, exchange: &Exchange<'_>) -> Result<Bytes, Failure> {
    match exchange.occasion {
        Occasion::Message { id, body, is_base64: false } if content == ContentHandling::ToBinary => {
            decode(body.as_bytes())?;
            let occasion = Occasion::Message { id, body, is_base64: true };
            Ok(event::build(&Exchange { occasion, ..*exchange }))
        }
        _ => Ok(event::build(exchange)),
    }
}

/// Functions take JSON; an empty payload is an empty event.
fn json_payload(payload: Bytes, exchange: &Exchange<'_>) -> Result<Bytes, Failure> {
    if payload.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
        Ok(_) => Ok(payload),
        Err(error) => {
            tracing::warn!(route = %exchange.route_key, %error, "a payload for a function is not JSON: mend its template");
            Err(Failure::Failed)
        }
    }
}

fn error_message(result: &[u8]) -> Option<String> {
    match serde_json::from_slice::<Value>(result).ok()?.get_mut("errorMessage")?.take() {
        Value::String(message) => Some(message),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_named_in_three_ways() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:echo";
        for uri in [
            format!("arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{arn}/invocations"),
            format!("arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{arn}:live/invocations"),
            arn.to_owned(),
            "echo".to_owned(),
            "echo:live".to_owned(),
        ] {
            assert_eq!(function_of(&uri), "echo", "{uri}");
        }
    }

    #[test]
    fn addresses_that_are_no_functions_are_problems() {
        for (uri, expected) in [
            (
                "arn:aws:apigateway:eu-west-1:dynamodb:action/PutItem",
                Some("names the service `dynamodb`, which has no proxy integration; use the integration type AWS"),
            ),
            ("echo-{name}", Some("has a path parameter")),
            ("echo-${name}", Some("is no stage variable")),
            ("", Some("the integration has no integrationUri")),
            ("echo-${stageVariables.colour}", None),
            ("arn:aws:lambda:eu-west-1:1:function:${stageVariables.function}:live", None),
        ] {
            let written = IntegrationDefinition { integration_uri: Some(uri.to_owned()), ..Default::default() };
            let mut checker = Checker::default();
            Function::compile(&written, &mut checker);
            let problems = checker.finish(()).err().map(|problems| problems.to_string()).unwrap_or_default();
            assert!(problems.contains(expected.unwrap_or_default()), "{uri}: {problems}");
            assert_eq!(problems.is_empty(), expected.is_none(), "{uri}: {problems}");
        }
    }
}
