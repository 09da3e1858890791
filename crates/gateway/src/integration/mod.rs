//! A route's integration: what is run for it, and what came of it.
//!
//! ```text
//! AWS_PROXY   event ─────────────→ function ─→ proxy result ─────────┐
//! AWS         template → payload → function ─→ integration response ─┤
//! HTTP_PROXY  message ───────────→ backend ──→ its body ─────────────┼→ Answer
//! HTTP        template → payload → backend ──→ integration response ─┤
//! AWS         template → payload → service ──→ integration response ─┤
//! MOCK        template → status ─────────────→ integration response ─┘
//! ```

mod aws_service;
mod content;
mod function;
mod http_backend;
mod http_client;
mod mock;
mod parameters;
mod response;
mod shape;
mod templates;
#[cfg(test)]
mod tests;
mod uri;

pub(crate) use function::function_of;
pub(crate) use uri::encoded;

use crate::account::Account;
use crate::api::definition::IntegrationDefinition;
use crate::api::problem::Checker;
use crate::exchange::Exchange;
use crate::report::Report;
use aws_service::ShapedService;
use bytes::Bytes;
use content::ContentHandling;
use function::{Function, ShapedFunction};
use http_backend::HttpBackend;
use http_client::HttpClient;
use parameters::RequestParameters;
use shape::Shape;
use sluicegate_protocol::{CallService, Deliver, Invoke, limits};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::task::TaskTracker;

/// What a route runs.
pub(crate) struct Integration {
    kind: Kind,
    timeout: Duration,
}

enum Kind {
    /// A function that gets the event as it is, and answers in the shape of a proxy result.
    AwsProxy(Function, ContentHandling),
    /// A function that gets what a template makes of the message.
    Aws(Box<ShapedFunction>),
    /// An action of an AWS service, on what a template makes of the message.
    AwsService(Box<ShapedService>),
    HttpProxy(HttpBackend, ContentHandling),
    Http(HttpBackend, Box<Shape>),
    Mock(Box<Shape>),
}

/// What a route wants of its integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Whether a client may connect, and with which subprotocol.
    Status,
    /// Something to send to the client.
    Body,
    /// That it runs.
    Nothing,
}

/// What came back: for `$connect` the status counts, for a route that answers the body.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    pub(crate) written_as: WrittenAs,
    /// `Sec-WebSocket-Protocol`, if the integration chose one.
    pub(crate) subprotocol: Option<String>,
}

/// How an integration wrote the body of its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum WrittenAs {
    #[default]
    Text,
    /// With `isBase64Encoded`.
    Base64,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It ran and failed, or its result is not one a proxy integration takes.
    Failed,
    /// It could not be run: it does not exist, or is not set up rightly.
    NotInvoked,
    /// It could not be run now.
    Throttled,
    TimedOut,
    /// No template for this body, and no passing through.
    UnsupportedMediaType,
}

/// What integrations need to run.
pub(crate) struct Integrations {
    pub(crate) invoke: Arc<dyn Invoke>,
    services: Arc<dyn CallService>,
    deliver: Arc<dyn Deliver>,
    /// Work that outlives its request.
    pub(crate) tasks: TaskTracker,
    account: Account,
    http: HttpClient,
}

/// What an integration calls, as far as logs and metrics care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Function,
    Http,
    Service,
    /// Nothing outside the gateway.
    None,
}

impl Integration {
    pub(crate) fn backend(&self) -> Backend {
        match self.kind {
            Kind::AwsProxy(..) | Kind::Aws(_) => Backend::Function,
            Kind::HttpProxy(..) | Kind::Http(..) => Backend::Http,
            Kind::AwsService(_) => Backend::Service,
            Kind::Mock(_) => Backend::None,
        }
    }

    pub(crate) fn compile(written: &IntegrationDefinition, wanted: Wanted, checker: &mut Checker) -> Option<Self> {
        let timeout = timeout(written, checker);
        let content =
            |checker: &mut Checker| ContentHandling::compile(written.content_handling_strategy.as_deref(), checker);
        let shape = |checker: &mut Checker| Box::new(Shape::compile(written, wanted, checker));
        // Each arm checks all of its parts before it gives up on one, so that all problems are reported.
        let kind = match written.integration_type.as_str() {
            "AWS_PROXY" => {
                check_parameters(written, checker);
                let content = content(checker);
                Kind::AwsProxy(Function::compile(written, checker)?, content)
            }
            "AWS" => {
                let parameters = RequestParameters::compile(&written.request_parameters, checker);
                let shape = Shape::compile(written, wanted, checker);
                if let Some((service, called)) =
                    aws_service::named(written.integration_uri.as_deref().unwrap_or_default())
                {
                    let service = ShapedService::compile(service, called, written, parameters, shape, checker)?;
                    return Some(Self { kind: Kind::AwsService(Box::new(service)), timeout });
                }
                let function = Function::compile(written, checker)?;
                Kind::Aws(Box::new(ShapedFunction { function, parameters, shape }))
            }
            "HTTP_PROXY" => {
                let content = content(checker);
                Kind::HttpProxy(HttpBackend::compile(written, wanted, checker)?, content)
            }
            "HTTP" => {
                let shape = shape(checker);
                Kind::Http(HttpBackend::compile(written, wanted, checker)?, shape)
            }
            "MOCK" => {
                check_parameters(written, checker);
                Kind::Mock(shape(checker))
            }
            other => {
                checker.problem(format!("integration type `{other}`"), "use AWS_PROXY, AWS, HTTP_PROXY, HTTP or MOCK");
                return None;
            }
        };
        Some(Self { kind, timeout })
    }
}

/// Parameters of a kind that sends none: they have no effect, but what cannot be read is told.
fn check_parameters(written: &IntegrationDefinition, checker: &mut Checker) {
    RequestParameters::compile(&written.request_parameters, checker);
}

fn timeout(written: &IntegrationDefinition, checker: &mut Checker) -> Duration {
    let longest = limits::INTEGRATION_TIMEOUT_MS;
    let timeout = written.timeout_in_millis.unwrap_or(longest);
    if !(50..=longest).contains(&timeout) {
        checker.problem(format!("timeoutInMillis {timeout}"), format!("use 50 to {longest}"));
    }
    Duration::from_millis(timeout)
}

impl Integrations {
    pub(crate) fn new(
        invoke: Arc<dyn Invoke>,
        services: Arc<dyn CallService>,
        deliver: Arc<dyn Deliver>,
        account: Account,
    ) -> Self {
        Self { invoke, services, deliver, tasks: TaskTracker::new(), account, http: HttpClient::default() }
    }

    /// Runs an integration, and reports how that went.
    pub(crate) async fn run_reported(
        &self,
        integration: &Integration,
        exchange: &Exchange<'_>,
        report: &mut Report,
    ) -> Result<Answer, Failure> {
        let started = Instant::now();
        let result = self.run(integration, exchange).await;
        report.integrated(integration.backend(), &result, started.elapsed());
        result
    }

    /// Runs an integration to its end, or to its timeout.
    async fn run(&self, integration: &Integration, exchange: &Exchange<'_>) -> Result<Answer, Failure> {
        let timeout = integration.timeout;
        match &integration.kind {
            Kind::AwsProxy(function, content) => self.aws_proxy(function, *content, timeout, exchange).await,
            Kind::Aws(aws) => self.aws(aws, timeout, exchange).await,
            Kind::AwsService(called) => self.aws_service(called, timeout, exchange).await,
            Kind::HttpProxy(backend, content) => backend.proxy(*content, &self.http, timeout, exchange).await,
            Kind::Http(backend, shape) => backend.shaped(shape, &self.http, timeout, exchange).await,
            Kind::Mock(shape) => mock::run(shape, exchange),
        }
    }
}
