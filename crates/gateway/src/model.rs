//! Models: JSON Schema, draft 4, for the bodies of messages.

use crate::api::definition::{ApiDefinition, RouteDefinition};
use crate::api::problem::Checker;

/// Which model a message's body must satisfy.
pub(crate) struct BodyValidation {}

impl BodyValidation {
    /// `None` when the route has no model selection expression: nothing is validated then.
    pub(crate) fn compile(_definition: &ApiDefinition, route: &RouteDefinition, checker: &mut Checker) -> Option<Self> {
        route.model_selection_expression.as_ref()?;
        checker.problem("models are not supported yet", "remove modelSelectionExpression");
        None
    }

    /// Checks a message. The error says what is wrong, for `$context.error.validationErrorString`.
    pub(crate) fn check(&self, _message: &str) -> Result<(), String> {
        Ok(())
    }
}
