//! Who may do what at our own gateway: access keys with policies, and API keys with plans.

use super::Caller;
use crate::case::ApiKey;
use crate::signing::Key;
use sluicegate_endpoint::{Credential, Credentials, Policy, Secret};
use sluicegate_gateway::Account;
use sluicegate_gateway::api::{ApiKeyDefinition, ApiStageDefinition, UsageDefinition, UsagePlanDefinition};

pub(super) const REGION: &str = "us-east-1";
pub(super) const ACCOUNT: &str = "111122223333";

const EVERYTHING: &str = r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const ONLY_POSTS: &str = r#"{"Statement":[{"Effect":"Allow","Action":"execute-api:ManageConnections",
    "Resource":"arn:aws:execute-api:*:*:*/*/POST/@connections/*"}]}"#;

pub(super) fn account() -> Account {
    Account { region: REGION.to_owned(), account_id: ACCOUNT.to_owned() }
}

/// The key of a caller, which the gateway knows.
pub(super) fn key(caller: Caller) -> Key {
    let name = user(caller);
    Key { id: format!("AKIA{}", name.to_uppercase()), secret: format!("secret of {name}"), region: REGION.to_owned() }
}

pub(super) fn credentials() -> Result<Credentials, String> {
    let callers = [(Caller::Owner, Some(EVERYTHING)), (Caller::Poster, Some(ONLY_POSTS)), (Caller::Stranger, None)];
    let known: Result<Vec<_>, String> =
        callers.into_iter().map(|(caller, policy)| credential(caller, policy)).collect();
    Ok(Credentials::new(known?))
}

/// One plan for each key, with the stages of the key.
pub(super) fn usage(api: &str, keys: &[ApiKey]) -> UsageDefinition {
    let api_key = |key: &ApiKey| ApiKeyDefinition {
        id: key.id.clone(),
        name: key.id.clone(),
        value: key.value.clone(),
        enabled: true,
    };
    let stage = |stage: &String| ApiStageDefinition { api_id: api.to_owned(), stage: stage.clone() };
    let plan = |key: &ApiKey| UsagePlanDefinition {
        id: format!("plan-of-{}", key.id),
        name: format!("plan of {}", key.id),
        api_stages: key.stages.iter().map(stage).collect(),
        keys: vec![key.id.clone()],
        ..UsagePlanDefinition::default()
    };
    UsageDefinition { api_keys: keys.iter().map(api_key).collect(), usage_plans: keys.iter().map(plan).collect() }
}

fn credential(caller: Caller, policy: Option<&str>) -> Result<Credential, String> {
    let Key { id, secret, .. } = key(caller);
    let policies: Result<Vec<_>, _> = policy.into_iter().map(Policy::parse).collect();
    Ok(Credential {
        access_key_id: id,
        secret: Secret::new(secret),
        account_id: ACCOUNT.to_owned(),
        user_name: user(caller).to_owned(),
        policies: policies.map_err(|error| error.to_string())?,
    })
}

fn user(caller: Caller) -> &'static str {
    match caller {
        Caller::Owner => "owner",
        Caller::Poster => "poster",
        Caller::Stranger => "stranger",
    }
}
