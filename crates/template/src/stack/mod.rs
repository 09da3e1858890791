//! What a template comes to: everything named, every reference a name or an ARN, nothing left to work out.

mod api;
mod function;
mod messaging;
mod table;
mod usage;

pub use api::{
    AccessLogSettings, Api, ApiDefinition, AuthorizerDefinition, DomainNameDefinition, IntegrationDefinition,
    IntegrationResponseDefinition, ModelDefinition, Places, RequestParameter, RouteDefinition, RouteResponseDefinition,
    RouteSettings, StageDefinition,
};
pub use function::{
    Alias, AsyncInvocation, Build, Code, EventSource, EventSourceMapping, Function, FunctionPlaces, Layer,
    StartingPosition,
};
pub use messaging::{Queue, RedrivePolicy, Subscription, Topic};
pub use table::{Attribute, Index, KeySchema, Projection, ScalarType, Stream, StreamViewType, Table};
pub use usage::{ApiKey, ApiStage, PlanThrottle, Quota, UsagePlan};

use crate::environment::Environment;
use crate::problem::{Note, Place};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A template in a place: what is to be served.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stack {
    pub name: String,
    /// The stack that has it among its resources.
    pub nested_in: Option<String>,
    /// The file its resources are written in.
    pub template: PathBuf,
    pub format: Format,
    pub description: Option<String>,
    pub environment: Environment,
    /// Values in force. Those of `NoEcho` are hidden.
    pub parameters: BTreeMap<String, String>,
    pub apis: Vec<Api>,
    pub functions: Vec<Function>,
    pub layers: Vec<Layer>,
    pub tables: Vec<Table>,
    pub mappings: Vec<EventSourceMapping>,
    pub queues: Vec<Queue>,
    pub topics: Vec<Topic>,
    pub subscriptions: Vec<Subscription>,
    pub api_keys: Vec<ApiKey>,
    pub usage_plans: Vec<UsagePlan>,
    pub outputs: Vec<Output>,
    /// Resources of types that do not concern us.
    pub skipped: Vec<Skipped>,
    pub notes: Vec<Note>,
}

/// How a template was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    CloudFormation,
    Sam,
    /// `cdk.out`, by `cdk synth`.
    Cdk,
    /// `.serverless`, by `serverless package`.
    Serverless,
    /// `terraform show -json`
    Terraform,
}

impl Format {
    /// What people call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::CloudFormation => "CloudFormation",
            Self::Sam => "SAM",
            Self::Cdk => "CDK",
            Self::Serverless => "Serverless Framework",
            Self::Terraform => "Terraform",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    pub name: String,
    /// With addresses as on AWS; see [`Stack::localised`].
    pub value: String,
    pub description: Option<String>,
    pub export: Option<String>,
}

/// A resource that is not made. References to it are names and ARNs that lead nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Skipped {
    pub logical_id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub place: Place,
}

impl Stack {
    /// A text of this stack (an output, a variable) with the addresses of its APIs replaced: `wss://{api}.execute-api.…` by
    /// what `address` gives for the API's id and the scheme, such as `ws://127.0.0.1:8080/{api}`. `None` leaves it.
    pub fn localised(&self, text: &str, address: impl Fn(&str, &str) -> Option<String>) -> String {
        let mut text = text.to_owned();
        for api in &self.apis {
            let id = &api.definition.api_id;
            let host = self.environment.execute_api_host(id);
            for scheme in ["wss", "https"] {
                if let Some(local) = address(id, scheme) {
                    text = text.replace(&format!("{scheme}://{host}"), &local);
                }
            }
        }
        text
    }

    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }
}
