//! An API as it is served: expressions parsed, references resolved, nothing left to check.

use crate::authorizer::Authorization;
use crate::integration::Integration;
use crate::model::BodyValidation;
use crate::pace::Pace;
use crate::selection_expression::SelectionExpression;
use std::sync::Arc;

/// A snapshot of an API, as one stage serves it.
pub(crate) struct Deployment {
    pub(crate) route_selection: SelectionExpression,
    pub(crate) api_key_source: ApiKeySource,
    pub(crate) execute_api_disabled: bool,
    pub(crate) connect: Option<Route>,
    pub(crate) disconnect: Option<Route>,
    pub(crate) default: Option<Arc<Route>>,
    pub(crate) routes: Vec<Arc<Route>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ApiKeySource {
    /// The header `x-api-key`.
    Header,
    /// The authorizer's `usageIdentifierKey`.
    Authorizer,
}

pub(crate) struct Route {
    pub(crate) key: String,
    /// `None`: there is nothing to run. `$connect` then accepts everyone.
    pub(crate) integration: Option<Integration>,
    pub(crate) authorization: Authorization,
    pub(crate) api_key_required: bool,
    /// Names that a `$connect` request must carry.
    pub(crate) required_parameters: Vec<RequiredParameter>,
    pub(crate) validation: Option<BodyValidation>,
    /// Whether what the integration returns is sent back to the client.
    pub(crate) answers: bool,
    pub(crate) pace: Pace,
}

impl Route {
    /// Whether anything is asked of a client.
    pub(crate) fn authorizes(&self) -> bool {
        self.api_key_required || !matches!(self.authorization, Authorization::None)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RequiredParameter {
    Header(String),
    Query(String),
}

impl Deployment {
    /// Whether clients must sign their handshakes.
    pub(crate) fn asks_for_signatures(&self) -> bool {
        self.connect.as_ref().is_some_and(|route| matches!(route.authorization, Authorization::Signature))
    }

    /// The route for a message: the one its key names, else `$default`. Lifecycle routes are not chosen by messages.
    pub(crate) fn route_for(&self, message: &str) -> Option<&Arc<Route>> {
        let key = self.route_selection.evaluate(message);
        self.routes.iter().find(|route| Some(route.key.as_str()) == key.as_deref()).or(self.default.as_ref())
    }
}
