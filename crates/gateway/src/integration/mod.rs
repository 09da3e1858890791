//! A route's integration: what is run for it, and what came of it.

mod function;

pub(crate) use function::function_of;

use crate::api::definition::IntegrationDefinition;
use crate::api::problem::Checker;
use crate::exchange::Exchange;
use crate::report::Report;
use bytes::Bytes;
use sluicegate_protocol::{Invoke, limits};
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
    AwsProxy { function: Arc<str> },
}

/// What came back: for `$connect` the status counts, for a route that answers the body.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    /// `Sec-WebSocket-Protocol`, if the integration chose one.
    pub(crate) subprotocol: Option<String>,
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
    /// Work that outlives its request.
    pub(crate) tasks: TaskTracker,
}

/// What an integration calls, as far as logs and metrics care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Function,
    #[expect(dead_code, reason = "HTTP integrations are still to come")]
    Http,
    /// Nothing outside the gateway.
    None,
}

impl Integration {
    pub(crate) fn backend(&self) -> Backend {
        match self.kind {
            Kind::AwsProxy { .. } => Backend::Function,
        }
    }

    pub(crate) fn compile(written: &IntegrationDefinition, checker: &mut Checker) -> Option<Self> {
        let kind = match written.integration_type.as_str() {
            "AWS_PROXY" => Kind::AwsProxy { function: function::name(written, checker)? },
            other => {
                checker.problem(format!("integration type `{other}`"), "use AWS_PROXY");
                return None;
            }
        };
        let longest = limits::INTEGRATION_TIMEOUT_MS;
        let timeout = written.timeout_in_millis.unwrap_or(longest);
        if !(50..=longest).contains(&timeout) {
            checker.problem(format!("timeoutInMillis {timeout}"), format!("use 50 to {longest}"));
        }
        Some(Self { kind, timeout: Duration::from_millis(timeout) })
    }
}

impl Integrations {
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
        match &integration.kind {
            Kind::AwsProxy { function } => self.aws_proxy(function, integration.timeout, exchange).await,
        }
    }
}
