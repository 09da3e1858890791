//! `CUSTOM`: a function is asked, and answers with a policy. Nothing is cached.

use super::identity_source::IdentitySource;
use super::output::Output;
use super::{Refusal, Verdict};
use crate::api::definition::{ApiDefinition, AuthorizerDefinition, RouteDefinition};
use crate::api::problem::Checker;
use crate::event;
use crate::exchange::{ClientRequest, Exchange};
use crate::execution_log::Steps;
use crate::gateway::Inner;
use crate::integration::{Integrations, function_of};
use crate::peer::AuthorizerContext;
use bytes::Bytes;
use sluicegate_endpoint::{Decision, policy};
use sluicegate_protocol::{Invocation, InvokeError, limits};
use std::sync::Arc;
use std::time::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_millis(limits::INTEGRATION_TIMEOUT_MS);
/// A function that fails with exactly this says: not this client.
const UNAUTHORIZED: &str = "Unauthorized";

pub(crate) struct FunctionAuthorizer {
    id: String,
    function: Arc<str>,
    /// All must be there before the function is asked.
    sources: Vec<IdentitySource>,
}

/// Why a function gave no answer.
#[derive(Debug)]
enum Unanswered {
    Unauthorized,
    Failed(String),
}

impl FunctionAuthorizer {
    /// Reads the authorizer that a route names.
    pub(super) fn compile(definition: &ApiDefinition, route: &RouteDefinition, checker: &mut Checker) -> Option<Self> {
        let Some(id) = route.authorizer_id.as_deref() else {
            checker.problem("authorization type CUSTOM without authorizerId", "name one of the API's authorizers");
            return None;
        };
        let Some(written) = definition.authorizers.get(id) else {
            let known: Vec<_> = definition.authorizers.keys().map(String::as_str).collect();
            checker.problem(format!("there is no authorizer `{id}`"), format!("use one of: {}", known.join(", ")));
            return None;
        };
        // What is wrong with it is reported once, by `check`.
        Self::read(id, written, &mut Checker::default())
    }

    /// Reports what is wrong with the authorizers of an API, whether a route uses them or not.
    pub(super) fn check(definition: &ApiDefinition, checker: &mut Checker) {
        for (id, written) in &definition.authorizers {
            checker.at(format!("authorizer {id}"), |checker| Self::read(id, written, checker));
        }
    }

    fn read(id: &str, written: &AuthorizerDefinition, checker: &mut Checker) -> Option<Self> {
        if written.authorizer_type != "REQUEST" {
            checker.problem(
                format!("authorizer type `{}`", written.authorizer_type),
                "the only one for WebSocket APIs is REQUEST",
            );
        }
        let sources = written.identity_source.iter().filter_map(|text| {
            let source = IdentitySource::parse(text);
            if source.is_none() {
                checker.problem(
                    format!("identity source `{text}`"),
                    "use route.request.header.NAME, route.request.querystring.NAME, context.NAME or stageVariables.NAME",
                );
            }
            source
        });
        let sources = sources.collect();
        match written.authorizer_uri.as_deref().filter(|uri| !uri.is_empty()) {
            Some(uri) => Some(Self { id: id.to_owned(), function: function_of(uri).into(), sources }),
            None => {
                checker.problem("the authorizer has no authorizerUri", "name the function to ask");
                None
            }
        }
    }

    pub(super) async fn authorize(
        &self,
        inner: &Inner,
        exchange: &Exchange<'_>,
        request: &ClientRequest,
        caller: &[(&'static str, String)],
    ) -> Result<Verdict, Refusal> {
        let (log, id) = (exchange.log, exchange.moment.request_id);
        self.sources.iter().filter_map(IdentitySource::client_name).for_each(|name| log.hide_named(name, request));
        if !self.sources.iter().all(|source| source.is_given(exchange, request)) {
            log.failure(format_args!("Unauthorized request: {id}"));
            return Err(Refusal::Unauthorized);
        }
        log.step(format_args!("Starting authorizer: {} for request: {id}", self.id));
        let arn = inner.account.execute_api_arn(&exchange.peer.stage, exchange.route_key);
        let event = event::for_authorizer(exchange, request, &arn, caller);
        let started = Instant::now();
        let result = match ask(&inner.integrations, &self.function, event, TIMEOUT).await {
            Ok(result) => result,
            Err(Unanswered::Unauthorized) => {
                log.failure(format_args!("Unauthorized request: {id}"));
                return Err(Refusal::Unauthorized);
            }
            Err(Unanswered::Failed(error)) => return Err(self.failed(log, &error)),
        };
        let integration_latency = started.elapsed().as_millis() as u64;
        let output = Output::parse(&result).map_err(|error| self.failed(log, &error))?;
        let explicitly = match policy::decide([&output.policy], "execute-api:Invoke", &[&arn]) {
            Decision::Allowed => None,
            Decision::ImplicitlyDenied => Some(""),
            Decision::ExplicitlyDenied => Some(" with an explicit deny"),
        };
        if let Some(explicitly) = explicitly {
            let message = format!("User is not authorized to access this resource{explicitly}");
            log.failure(format_args!("The client is not authorized to perform this operation."));
            return Err(Refusal::AccessDenied(message));
        }
        log.step(format_args!("Successfully completed authorizer execution"));
        let (values, principal_id) = (output.context, output.principal_id);
        Ok(Verdict {
            context: Some(AuthorizerContext { values, principal_id, integration_latency }),
            usage_identifier_key: output.usage_identifier_key,
            ..Verdict::default()
        })
    }

    fn failed(&self, log: Steps<'_>, error: &str) -> Refusal {
        log.failure_because(
            format_args!("Execution failed due to configuration error: authorizer {}: ", self.id),
            error,
        );
        tracing::warn!(function = %self.function, %error, "an authorizer gave no usable answer; the client is refused");
        Refusal::Misconfigured
    }
}

/// Calls the function. One that outlives the timeout is left to finish, as on AWS.
async fn ask(
    integrations: &Integrations,
    function: &Arc<str>,
    event: Bytes,
    timeout: Duration,
) -> Result<Bytes, Unanswered> {
    let invocation = Invocation { function: function.clone(), payload: event };
    let invoke = integrations.invoke.clone();
    let mut running = Box::pin(async move { invoke.invoke(invocation).await });
    match tokio::time::timeout(timeout, &mut running).await {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(InvokeError::Function(error))) if error.message == UNAUTHORIZED => Err(Unanswered::Unauthorized),
        Ok(Err(error)) => Err(Unanswered::Failed(error.to_string())),
        Err(_) => {
            integrations.tasks.spawn(running);
            Err(Unanswered::Failed(format!("no answer within {timeout:?}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Account;
    use sluicegate_protocol::{BoxFuture, Invoke};

    struct Never;

    impl Invoke for Never {
        fn invoke(&self, _: Invocation) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
            Box::pin(std::future::pending())
        }
    }

    #[tokio::test]
    async fn silence_is_a_failure() {
        let integrations = Integrations::new(
            Arc::new(Never),
            Arc::new(crate::NoServices),
            Arc::new(crate::NoServices),
            Account::default(),
        );
        let answer = ask(&integrations, &"slow".into(), Bytes::new(), Duration::from_millis(1)).await;
        assert!(matches!(answer, Err(Unanswered::Failed(_))), "{answer:?}");
    }
}
