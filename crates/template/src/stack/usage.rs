//! API keys and usage plans, in the words of the file that `usage_plans` names.

use crate::problem::Place;
use serde::Serialize;

#[derive(Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    pub logical_id: String,
    pub place: Place,
    pub id: String,
    pub name: String,
    /// What clients send. Without one, whoever serves the stack makes one up and keeps it.
    #[serde(skip)]
    pub value: Option<String>,
    pub enabled: bool,
}

impl std::fmt::Debug for ApiKey {
    /// Without the value, which is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKey")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("enabled", &self.enabled)
            .finish()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UsagePlan {
    pub id: String,
    pub name: String,
    pub api_stages: Vec<ApiStage>,
    /// Ids of API keys.
    pub keys: Vec<String>,
    pub throttle: Option<PlanThrottle>,
    pub quota: Option<Quota>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiStage {
    pub api_id: String,
    pub stage: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanThrottle {
    pub rate_limit: f64,
    pub burst_limit: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    pub limit: u32,
    /// `DAY`, `WEEK` or `MONTH`.
    pub period: String,
}
