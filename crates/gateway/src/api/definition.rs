//! An API as it is written down: the resources and words of the API Gateway V2 control plane, unchecked.
//!
//! Unknown keys are refused when a definition is read; what the words mean is checked by [`compile`](super::compile).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// A WebSocket API with its routes, integrations, authorizers, models and stages.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ApiDefinition {
    /// As in URLs: letters, digits and hyphens.
    pub api_id: String,
    pub name: String,
    pub description: Option<String>,
    pub route_selection_expression: String,
    pub api_key_selection_expression: Option<String>,
    pub disable_schema_validation: bool,
    pub disable_execute_api_endpoint: bool,
    /// By id; routes name them as `integrations/{id}`.
    pub integrations: BTreeMap<String, IntegrationDefinition>,
    /// By id.
    pub authorizers: BTreeMap<String, AuthorizerDefinition>,
    /// By name.
    pub models: BTreeMap<String, ModelDefinition>,
    pub routes: Vec<RouteDefinition>,
    pub stages: Vec<StageDefinition>,
    /// Domains of one's own that lead to its stages.
    pub domain_names: Vec<DomainNameDefinition>,
}

/// A domain, or a path below one, that stands for a stage.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DomainNameDefinition {
    /// Such as `chat.example.org`.
    pub domain_name: String,
    /// The path that comes before everything else; empty for the domain's root.
    pub api_mapping_key: String,
    pub stage: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RouteDefinition {
    /// `$connect`, `$disconnect`, `$default`, or a key of the application's own.
    pub route_key: String,
    /// `integrations/{id}`; without it a `$connect` route accepts everyone, and other routes have nothing to run.
    pub target: Option<String>,
    /// `NONE`, `AWS_IAM` or `CUSTOM`; only `$connect` is ever authorized.
    pub authorization_type: Option<String>,
    pub authorizer_id: Option<String>,
    pub api_key_required: bool,
    pub model_selection_expression: Option<String>,
    /// Key of the model selection expression → name of a model.
    pub request_models: BTreeMap<String, String>,
    /// `route.request.querystring.NAME` or `route.request.header.NAME`, for `$connect`.
    pub request_parameters: BTreeMap<String, RequestParameter>,
    /// `$default` for a route that answers.
    pub route_response_selection_expression: Option<String>,
    pub route_responses: Vec<RouteResponseDefinition>,
    pub operation_name: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RequestParameter {
    pub required: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RouteResponseDefinition {
    /// Only `$default` exists.
    pub route_response_key: String,
    pub model_selection_expression: Option<String>,
    pub response_models: BTreeMap<String, String>,
    pub response_parameters: BTreeMap<String, RequestParameter>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct IntegrationDefinition {
    /// `AWS_PROXY`, `AWS`, `HTTP_PROXY`, `HTTP` or `MOCK`.
    pub integration_type: String,
    /// The invocation ARN of a function, a plain function ARN or name, or an HTTP URL.
    pub integration_uri: Option<String>,
    pub integration_method: Option<String>,
    pub connection_type: Option<String>,
    pub connection_id: Option<String>,
    /// `CONVERT_TO_BINARY` or `CONVERT_TO_TEXT`.
    pub content_handling_strategy: Option<String>,
    pub credentials_arn: Option<String>,
    /// `WHEN_NO_MATCH` (default), `WHEN_NO_TEMPLATES` or `NEVER`.
    pub passthrough_behavior: Option<String>,
    /// `integration.request.{header|querystring|path}.NAME` → expression.
    pub request_parameters: BTreeMap<String, String>,
    /// Template key → text.
    pub request_templates: BTreeMap<String, String>,
    pub template_selection_expression: Option<String>,
    /// 50 to 29,000; 29,000 if absent.
    pub timeout_in_millis: Option<u64>,
    pub payload_format_version: Option<String>,
    pub description: Option<String>,
    pub integration_responses: Vec<IntegrationResponseDefinition>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct IntegrationResponseDefinition {
    /// `$default`, or a pattern between slashes.
    pub integration_response_key: String,
    pub response_templates: BTreeMap<String, String>,
    pub template_selection_expression: Option<String>,
    pub content_handling_strategy: Option<String>,
    pub response_parameters: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AuthorizerDefinition {
    pub name: String,
    /// Only `REQUEST` exists for WebSocket APIs.
    pub authorizer_type: String,
    /// The invocation ARN of a function, a plain function ARN or name.
    pub authorizer_uri: Option<String>,
    pub authorizer_credentials_arn: Option<String>,
    /// `route.request.header.NAME`, `route.request.querystring.NAME`, `context.NAME`, `stageVariables.NAME`.
    pub identity_source: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ModelDefinition {
    pub content_type: Option<String>,
    pub description: Option<String>,
    /// A JSON Schema, draft 4: as text, which is how AWS carries it, or as an object.
    pub schema: Value,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct StageDefinition {
    pub stage_name: String,
    /// Whether changes are served at once; otherwise a deployment is.
    pub auto_deploy: bool,
    pub deployment_id: Option<String>,
    pub description: Option<String>,
    pub stage_variables: BTreeMap<String, String>,
    pub default_route_settings: RouteSettings,
    /// By route key; each overrides the default.
    pub route_settings: BTreeMap<String, RouteSettings>,
    pub access_log_settings: Option<AccessLogSettings>,
    /// What goes beyond AWS, for this stage only.
    pub sluicegate: StageExtensions,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RouteSettings {
    /// Requests per second.
    pub throttling_rate_limit: Option<f64>,
    pub throttling_burst_limit: Option<u32>,
    pub data_trace_enabled: Option<bool>,
    pub detailed_metrics_enabled: Option<bool>,
    /// `OFF`, `ERROR` or `INFO`.
    pub logging_level: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AccessLogSettings {
    /// A log group's ARN on AWS; here a file name is made of its last part.
    pub destination_arn: Option<String>,
    pub format: String,
}

/// Powers that API Gateway does not have. All off unless a stage asks for them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct StageExtensions {
    /// Accept only these origins, such as `https://app.example.org`; empty accepts all. Decided before anything else.
    pub allowed_origins: Vec<String>,
    /// Bytes of one inbound frame, above the 32 KB of AWS, up to the message limit.
    pub frame_bytes: Option<usize>,
    /// Take binary frames: the event's body is then Base64 and `isBase64Encoded` true. Being no JSON, they go to `$default`.
    /// A route response that a function marks with `isBase64Encoded` goes out as a binary frame, also if it could be text.
    pub binary_frames: bool,
    /// Agree on permessage-deflate with clients that offer it, without context takeover.
    pub permessage_deflate: bool,
    pub jwt: Option<JwtDefinition>,
}

/// A JWT authorizer that needs no function.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct JwtDefinition {
    pub issuer: Option<String>,
    pub audience: Vec<String>,
    /// Such as `RS256`; a token with any other is refused.
    pub algorithms: Vec<String>,
    /// `route.request.header.NAME` (with or without `Bearer`), `route.request.querystring.NAME`, or `subprotocol`: the
    /// client offers `bearer` and, right after it, the token. The first that holds a token counts; without any the
    /// `Authorization` header is looked at.
    pub identity_source: Vec<String>,
    /// For HS256, HS384 and HS512: the environment variable that holds the shared secret.
    pub secret_env: Option<String>,
    /// Instead of `secret_env`: a file that holds it; a line break at its end does not count.
    pub secret_file: Option<String>,
    /// A file with a JSON Web Key Set; read again when a token names a key that is not in it.
    pub jwks_file: Option<String>,
    /// An address of a JSON Web Key Set: https, or http on this machine.
    pub jwks_url: Option<String>,
    /// How far clocks may differ where `exp` and `nbf` are checked; 60 if absent, at most 300.
    pub leeway_seconds: Option<u64>,
}

/// API keys and usage plans, which belong to no single API.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct UsageDefinition {
    pub api_keys: Vec<ApiKeyDefinition>,
    pub usage_plans: Vec<UsagePlanDefinition>,
}

#[derive(Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ApiKeyDefinition {
    pub id: String,
    pub name: String,
    /// What clients send: 20 to 128 characters.
    pub value: String,
    pub enabled: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct UsagePlanDefinition {
    pub id: String,
    pub name: String,
    pub api_stages: Vec<ApiStageDefinition>,
    /// Ids of API keys; each has the plan's rate and quota to itself.
    pub keys: Vec<String>,
    pub throttle: Option<PlanThrottleDefinition>,
    pub quota: Option<QuotaDefinition>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ApiStageDefinition {
    pub api_id: String,
    pub stage: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PlanThrottleDefinition {
    /// Connects per second.
    pub rate_limit: f64,
    pub burst_limit: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct QuotaDefinition {
    /// Connects per period.
    pub limit: u64,
    /// `DAY`, `WEEK` or `MONTH`, in UTC.
    pub period: String,
}

impl Default for ApiKeyDefinition {
    fn default() -> Self {
        Self { id: String::new(), name: String::new(), value: String::new(), enabled: true }
    }
}

impl fmt::Debug for ApiKeyDefinition {
    /// Without the value, which is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, name, enabled) = (&self.id, &self.name, &self.enabled);
        f.debug_struct("ApiKeyDefinition").field("id", id).field("name", name).field("enabled", enabled).finish()
    }
}
