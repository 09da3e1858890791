//! A route's integration: the event goes to the function, and what came of it comes back as one of five outcomes.

use crate::api::{Integration, Route};
use bytes::Bytes;
use sluicegate_protocol::{Invocation, Invoke, InvokeError};
use std::sync::Arc;
use tokio_util::task::TaskTracker;

#[derive(Debug)]
pub(crate) enum Outcome {
    /// What the function returned, unread.
    Returned(Bytes),
    /// The function ran and failed.
    Failed,
    /// The function could not be run: it does not exist.
    NotInvoked,
    /// The function could not be run now.
    Throttled,
    TimedOut,
}

/// Calls functions for routes. A function that outlives its integration's timeout is left to finish, as on AWS.
pub(crate) struct Integrations {
    pub(crate) invoke: Arc<dyn Invoke>,
    pub(crate) tasks: TaskTracker,
}

impl Integrations {
    pub(crate) async fn call(&self, route: &Route, event: Bytes) -> Outcome {
        let Integration::Function { name, timeout } = &route.integration;
        let invocation = Invocation { function: name.clone(), payload: event };
        let invoke = self.invoke.clone();
        let mut running = Box::pin(async move { invoke.invoke(invocation).await });
        match tokio::time::timeout(*timeout, &mut running).await {
            Ok(Ok(result)) => Outcome::Returned(result),
            Ok(Err(error)) => {
                tracing::warn!(function = %name, route = %route.key, %error, "an integration failed");
                match error {
                    InvokeError::Function(_) => Outcome::Failed,
                    InvokeError::NotFound => Outcome::NotInvoked,
                    InvokeError::Throttled => Outcome::Throttled,
                }
            }
            Err(_) => {
                tracing::warn!(function = %name, route = %route.key, ?timeout, "an integration timed out");
                self.tasks.spawn(running);
                Outcome::TimedOut
            }
        }
    }
}
