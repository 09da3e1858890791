//! What an API is: written down ([`definition`]), checked ([`compile`]), served ([`deployment`]).

pub(crate) mod compile;
pub mod definition;
pub(crate) mod deployment;
pub mod problem;
pub(crate) mod stage_settings;
pub(crate) mod wire;

pub use definition::{
    AccessLogSettings, ApiDefinition, ApiKeyDefinition, ApiStageDefinition, AuthorizerDefinition, DomainNameDefinition,
    IntegrationDefinition, IntegrationResponseDefinition, JwtDefinition, ModelDefinition, PlanThrottleDefinition,
    QuotaDefinition, RequestParameter, RouteDefinition, RouteResponseDefinition, RouteSettings, StageDefinition,
    StageExtensions, UsageDefinition, UsagePlanDefinition,
};
pub use problem::{Problem, Problems};

/// Whether a definition can be served.
///
/// # Errors
/// All problems, each with its place and a way to mend it.
pub fn check(definition: &ApiDefinition) -> Result<(), Problems> {
    compile::compile(definition).map(drop)
}
