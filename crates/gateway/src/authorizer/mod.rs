//! Who may connect. Decided once, on `$connect`, before anything else runs; every error refuses.

use crate::api::definition::{ApiDefinition, RouteDefinition};
use crate::api::deployment::{Deployment, Route};
use crate::api::problem::Checker;
use crate::exchange::Exchange;
use crate::gateway::Inner;
use crate::peer::{AuthorizerContext, CallerIdentity};
use sluicegate_endpoint::Response;
use std::sync::Arc;

/// What a route asks of a client.
pub(crate) enum Authorization {
    None,
}

/// A client that was let in, and what is known of it since.
#[derive(Default)]
pub(crate) struct Granted {
    pub(crate) authorizer: Option<Arc<AuthorizerContext>>,
    pub(crate) identity: Option<Arc<CallerIdentity>>,
}

impl Authorization {
    pub(crate) fn compile(_definition: &ApiDefinition, route: &RouteDefinition, checker: &mut Checker) -> Self {
        match route.authorization_type.as_deref() {
            None | Some("NONE") => {}
            Some(other) => checker.problem(format!("authorization type `{other}` is not supported yet"), "use NONE"),
        }
        Self::None
    }
}

/// Decides about a client. The error is the answer to its handshake.
pub(crate) async fn authorize(
    _inner: &Inner,
    _deployment: &Deployment,
    route: &Route,
    _exchange: &Exchange<'_>,
) -> Result<Granted, Response> {
    match route.authorization {
        Authorization::None => Ok(Granted::default()),
    }
}
