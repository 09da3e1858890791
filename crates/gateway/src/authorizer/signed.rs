//! `AWS_IAM`: the handshake is signed, by header or as a presigned URL, by somebody who may invoke `$connect`.

use super::{Verdict, answers};
use crate::exchange::{ClientRequest, Exchange};
use crate::gateway::Inner;
use crate::reply;
use http::StatusCode;
use serde_json::json;
use sluicegate_endpoint::signature::{Refusal, Scope, verify};
use sluicegate_endpoint::{Caller, Decision, Response};

const ACTION: &str = "execute-api:Invoke";

pub(super) fn authorize(inner: &Inner, exchange: &Exchange<'_>, request: &ClientRequest) -> Result<Verdict, Response> {
    let scope = Scope { region: &inner.account.region, service: "execute-api" };
    let caller = verify(&inner.credentials, scope, &request.parts, &[], inner.clock.now_ms()).map_err(refused)?;
    let arn = inner.account.execute_api_arn(&exchange.peer.stage, exchange.route_key);
    match caller.may(ACTION, &[&arn]) {
        Decision::Allowed => Ok(Verdict { identity: identity(&caller), ..Verdict::default() }),
        denied => {
            let arn = inner.account.masked_arn(&exchange.peer.stage, exchange.route_key);
            Err(answers::access_denied(&not_permitted(&caller, ACTION, &arn, denied)))
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
pub(crate) fn not_permitted(caller: &Caller, action: &str, arn: &str, decision: Decision) -> String {
    let user = match caller {
        Caller::Anyone { .. } => "anonymous".to_owned(),
        Caller::Known(user) => user.user_arn(),
    };
    let explicit = if decision == Decision::ExplicitlyDenied { " with an explicit deny" } else { "" };
    format!("User: {user} is not authorized to perform: {action} on resource: {arn}{explicit}")
}

/// The answer to a request that is not signed rightly.
pub(crate) fn refused(refusal: Refusal) -> Response {
    let message = match &refusal {
        Refusal::Missing => "Missing Authentication Token",
        Refusal::UnknownKey => "The security token included in the request is invalid.",
        Refusal::Incomplete(message) | Refusal::Invalid(message) => message,
    };
    let body = json!({ "message": message }).to_string();
    reply::error(StatusCode::FORBIDDEN, refusal.code(), body)
}
