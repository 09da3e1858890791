//! `AWS_IAM`: the handshake is signed, by header or as a presigned URL, by somebody who may invoke `$connect`.

use super::{Refusal, Verdict};
use crate::exchange::{ClientRequest, Exchange};
use crate::gateway::Inner;
use sluicegate_endpoint::signature::{Scope, verify};
use sluicegate_endpoint::{Caller, Decision};

const ACTION: &str = "execute-api:Invoke";

pub(super) fn authorize(inner: &Inner, exchange: &Exchange<'_>, request: &ClientRequest) -> Result<Verdict, Refusal> {
    let scope = Scope { region: &inner.account.region, service: "execute-api" };
    let caller = verify(&inner.credentials, scope, &request.parts, &[], inner.clock.now_ms())?;
    let arn = inner.account.execute_api_arn(&exchange.peer.stage, exchange.route_key);
    match caller.may(ACTION, &[&arn]) {
        Decision::Allowed => Ok(Verdict { identity: identity(&caller), ..Verdict::default() }),
        decision => {
            let arn = inner.account.masked_arn(&exchange.peer.stage, exchange.route_key);
            Err(denied(&caller, ACTION, &arn, decision))
        }
    }
}

/// What events show of the caller.
fn identity(caller: &Caller) -> Vec<(&'static str, String)> {
    match caller {
        Caller::Anyone { access_key_id } => vec![("accessKey", access_key_id.clone())],
        Caller::Known(user) => vec![
            ("accountId", user.account_id.clone()),
            ("caller", user.user_name.clone()),
            ("user", user.user_name.clone()),
            ("userArn", user.user_arn()),
            ("accessKey", user.access_key_id.clone()),
        ],
    }
}

/// AWS's sentence for a caller who is known but lacks permission.
pub(crate) fn denied(caller: &Caller, action: &str, arn: &str, decision: Decision) -> Refusal {
    let user = match caller {
        Caller::Anyone { .. } => "anonymous".to_owned(),
        Caller::Known(user) => user.user_arn(),
    };
    let explicitly = if decision == Decision::ExplicitlyDenied { " with an explicit deny" } else { "" };
    Refusal::AccessDenied(format!("User: {user} is not authorized to perform: {action} on resource: {arn}{explicitly}"))
}
