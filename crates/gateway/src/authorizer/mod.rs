//! Who may connect. Decided once, on `$connect`, before anything else runs; every error refuses.
//!
//! ```text
//! origin → API key from its header → JWT, function or signature → API key from the authorizer
//! ```

mod admission;
mod entries;
mod function;
mod identity_source;
mod jwt;
mod origin;
mod output;
mod refusal;
mod signed;
mod usage_plan;

pub(crate) use admission::Admission;
pub(crate) use refusal::Refusal;
pub(crate) use signed::denied;
pub(crate) use usage_plan::UsagePlans;

use crate::api::definition::{ApiDefinition, RouteDefinition};
use crate::api::deployment::{ApiKeySource, Deployment};
use crate::api::problem::Checker;
use crate::exchange::{ClientRequest, Exchange};
use crate::execution_log::masked;
use crate::gateway::Inner;
use crate::peer::{AuthorizerContext, CallerIdentity};
use function::FunctionAuthorizer;
use std::fmt;
use std::sync::Arc;
use usage_plan::ApiKey;

/// What a route asks of a client.
pub(crate) enum Authorization {
    None,
    /// A function decides: `CUSTOM`.
    Function(FunctionAuthorizer),
    /// The request must be signed by somebody who may invoke the route: `AWS_IAM`.
    Signature,
}

/// A client that was let in, and what is known of it since.
#[derive(Default)]
pub(crate) struct Granted {
    pub(crate) authorizer: Option<Arc<AuthorizerContext>>,
    pub(crate) identity: Option<Arc<CallerIdentity>>,
    /// Chosen for the client if its `$connect` integration chooses none: the token came in the place of a subprotocol.
    pub(crate) subprotocol: Option<&'static str>,
}

/// Reports what is wrong with the authorizers of an API.
pub(crate) fn check_authorizers(definition: &ApiDefinition, checker: &mut Checker) {
    FunctionAuthorizer::check(definition, checker);
}

impl Authorization {
    pub(crate) fn compile(definition: &ApiDefinition, route: &RouteDefinition, checker: &mut Checker) -> Self {
        match route.authorization_type.as_deref() {
            None | Some("NONE") => Self::None,
            Some("AWS_IAM") => Self::Signature,
            Some("CUSTOM") => match FunctionAuthorizer::compile(definition, route, checker) {
                Some(authorizer) => Self::Function(authorizer),
                None => Self::Signature,
            },
            Some("JWT") => {
                checker.problem(
                    "authorization type `JWT` does not exist for WebSocket APIs",
                    "use NONE and the stage's own `sluicegate.jwt`",
                );
                Self::Signature
            }
            Some(other) => {
                checker.problem(format!("authorization type `{other}`"), "use NONE, AWS_IAM or CUSTOM");
                Self::Signature
            }
        }
    }
}

/// Decides about a client.
pub(crate) async fn authorize(
    inner: &Inner,
    deployment: &Deployment,
    exchange: &Exchange<'_>,
) -> Result<Granted, Refusal> {
    let Some(request) = exchange.client_request() else { return Err(Refusal::Misconfigured) };
    let admission = &exchange.stage.admission;
    admission.check_origin(request)?;
    let route = deployment.connect.as_ref();
    let key_source = route.filter(|route| route.api_key_required).map(|_| deployment.api_key_source);
    let mut caller = CallerIdentity::default();
    if key_source == Some(ApiKeySource::Header) {
        let value = request.header("x-api-key");
        caller.add_api_key(admit(inner, exchange, value)?);
    }
    if let Some(token) = admission.jwt().and_then(|jwt| jwt.token(request)) {
        exchange.log.hide(token);
    }
    let mut granted = match (admission.jwt(), route.map(|route| &route.authorization)) {
        (Some(jwt), _) => jwt.authorize(request, exchange.moment.now).await?,
        (None, None | Some(Authorization::None)) => Verdict::default(),
        (None, Some(Authorization::Function(function))) => {
            function.authorize(inner, exchange, request, &caller.0).await?
        }
        (None, Some(Authorization::Signature)) => signed::authorize(inner, exchange, request)?,
    };
    if key_source == Some(ApiKeySource::Authorizer) {
        let value = granted.usage_identifier_key.as_deref();
        caller.add_api_key(admit(inner, exchange, value)?);
    }
    if key_source.is_none() {
        let (log, stage) = (exchange.log, &exchange.peer.stage);
        log.step(format_args!(
            "Verifying Usage Plan for request: {}. API Key:  API Stage: {stage}",
            exchange.moment.request_id
        ));
        log.step(format_args!(
            "API Key  authorized because route '{}' does not require API Key. Request will not contribute to throttle or \
             quota limits",
            exchange.route_key
        ));
        log.step(format_args!("Usage Plan check succeeded for API Key  and API Stage {stage}"));
    }
    caller.0.append(&mut granted.identity);
    Ok(Granted {
        authorizer: granted.context.map(Arc::new),
        identity: (!caller.0.is_empty()).then(|| Arc::new(caller)),
        subprotocol: granted.subprotocol,
    })
}

/// Lets an API key through, and counts it.
fn admit<'a>(inner: &'a Inner, exchange: &Exchange<'_>, value: Option<&'a str>) -> Result<ApiKey<'a>, Refusal> {
    let (log, stage, route) = (exchange.log, &exchange.peer.stage, exchange.route_key);
    let key = fmt::from_fn(|f| value.map_or(Ok(()), |value| f.write_str(&masked(value))));
    log.hide(value.unwrap_or_default());
    let request_id = exchange.moment.request_id;
    log.step(format_args!("Verifying Usage Plan for request: {request_id}. API Key: {key} API Stage: {stage}"));
    let admitted = inner.usage_plans.admit(value, stage, exchange.moment.now);
    match &admitted {
        Ok(_) => {
            log.step(format_args!("API Key {key} authorized because route '{route}' requires API Key"));
            log.step(format_args!("Usage Plan check succeeded for API Key {key} and API Stage {stage}"));
        }
        Err(Refusal::TooManyRequests) => {
            log.failure(format_args!("Key throttle limit exceeded for API Key {key} and API Stage {stage}"));
        }
        Err(Refusal::QuotaExceeded) => {
            log.failure(format_args!("Key quota limit exceeded for API Key {key} and API Stage {stage}"));
        }
        Err(_) => log.failure(format_args!(
            "API Key {key} not authorized because route '{route}' requires API Key and API Key is not associated with a \
             Usage Plan for API Stage {stage}: {}",
            value.map_or("API Key was required but not present", |_| "No Usage Plan found for key and API Stage")
        )),
    }
    admitted
}

/// What one kind of authorization has to say of a client that it lets in.
#[derive(Default)]
struct Verdict {
    context: Option<AuthorizerContext>,
    identity: Vec<(&'static str, String)>,
    usage_identifier_key: Option<String>,
    subprotocol: Option<&'static str>,
}

impl CallerIdentity {
    fn add_api_key(&mut self, key: ApiKey<'_>) {
        self.0.push(("apiKey", key.value.to_owned()));
        self.0.push(("apiKeyId", key.id.to_owned()));
    }
}

/// Names in an authorizer's context that the gateway fills itself.
const RESERVED: [&str; 2] = ["principalId", "integrationLatency"];

impl ClientRequest {
    /// All values of a header as the client sent them.
    fn client_header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.client_headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }
}
