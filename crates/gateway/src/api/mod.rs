//! What an API is: written down ([`definition`]), checked ([`compile`]), served ([`deployment`]).

pub(crate) mod compile;
pub mod definition;
pub(crate) mod deployment;
pub mod problem;
pub(crate) mod stage_settings;

pub use definition::{
    AccessLogSettings, ApiDefinition, AuthorizerDefinition, IntegrationDefinition, IntegrationResponseDefinition,
    JwtDefinition, ModelDefinition, RequestParameter, RouteDefinition, RouteResponseDefinition, RouteSettings,
    StageDefinition, StageExtensions,
};
pub use problem::{Problem, Problems};
