//! Functions as integrations.

use super::{Answer, Failure, Integrations};
use crate::api::definition::IntegrationDefinition;
use crate::api::problem::Checker;
use crate::event;
use crate::exchange::Exchange;
use crate::proxy_result::ProxyResult;
use bytes::Bytes;
use sluicegate_protocol::{Invocation, InvokeError};
use std::sync::Arc;
use std::time::Duration;

/// The function an integration names: by the URI that API Gateway uses, by ARN, or by bare name.
pub(super) fn name(written: &IntegrationDefinition, checker: &mut Checker) -> Option<Arc<str>> {
    let Some(uri) = written.integration_uri.as_deref().filter(|uri| !uri.is_empty()) else {
        checker.problem("the integration has no integrationUri", "name the function to call");
        return None;
    };
    Some(function_of(uri).into())
}

/// `arn:…:lambda:path/2015-03-31/functions/{arn}/invocations`, `arn:…:function:NAME[:QUALIFIER]` or `NAME`.
pub(crate) fn function_of(uri: &str) -> &str {
    let inner = match uri.split_once("/functions/") {
        Some((_, rest)) => rest.strip_suffix("/invocations").unwrap_or(rest),
        None => uri,
    };
    match inner.split_once(":function:") {
        Some((_, name)) => name.split(':').next().unwrap_or(name),
        None => inner,
    }
}

impl Integrations {
    pub(super) async fn aws_proxy(
        &self,
        function: &Arc<str>,
        timeout: Duration,
        exchange: &Exchange<'_>,
    ) -> Result<Answer, Failure> {
        let result = self.call(function, timeout, event::build(exchange)).await?;
        let result = ProxyResult::parse(&result).map_err(|_| Failure::Failed)?;
        Ok(Answer {
            status: result.status,
            subprotocol: result.header("Sec-WebSocket-Protocol").map(str::to_owned),
            body: result.body.unwrap_or_default().into(),
        })
    }

    /// Calls a function. One that outlives the timeout is left to finish, as on AWS.
    pub(crate) async fn call(&self, function: &Arc<str>, timeout: Duration, event: Bytes) -> Result<Bytes, Failure> {
        let invocation = Invocation { function: function.clone(), payload: event };
        let invoke = self.invoke.clone();
        let mut running = Box::pin(async move { invoke.invoke(invocation).await });
        match tokio::time::timeout(timeout, &mut running).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(error)) => {
                tracing::warn!(%function, %error, "an integration failed");
                Err(match error {
                    InvokeError::Function(_) => Failure::Failed,
                    InvokeError::NotFound => Failure::NotInvoked,
                    InvokeError::Throttled => Failure::Throttled,
                })
            }
            Err(_) => {
                tracing::warn!(%function, ?timeout, "an integration timed out");
                self.tasks.spawn(running);
                Err(Failure::TimedOut)
            }
        }
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
        ] {
            assert_eq!(function_of(&uri), "echo", "{uri}");
        }
    }
}
