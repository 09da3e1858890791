//! Whether a request is signed rightly, and whether its signer may do what it asks. Only with credentials configured.

use super::operation::Operation;
use crate::arns::Arns;
use crate::core::Core;
use crate::refusal::Refusal;
use http::request::Parts;
use serde_json::Value;
use sluicegate_endpoint::signature::{self, Scope, verify};
use sluicegate_endpoint::{Caller, Decision};

/// Both services sign with this name.
const SERVICE: &str = "dynamodb";
/// What a statement may do is not looked for in its text, so its caller must be permitted all of it, everywhere.
const STATEMENT_ACTIONS: [&str; 4] = ["PartiQLSelect", "PartiQLInsert", "PartiQLUpdate", "PartiQLDelete"];

/// An action and the resource it is done to; `None` where the request does not name it.
type Ask = (&'static str, Option<String>);

pub(crate) fn check(core: &Core, parts: &Parts, operation: Operation, body: &[u8]) -> Result<(), Refusal> {
    if !core.credentials().are_configured() {
        return Ok(());
    }
    let scope = Scope { region: core.arns().region(), service: SERVICE };
    let now = u64::try_from(core.store().clock().now_ms()).unwrap_or_default();
    let caller = verify(core.credentials(), scope, parts, body, now).map_err(refused)?;
    let request: Value = serde_json::from_slice(body).map_err(|_| Refusal::serialization(None))?;
    let mut asks = asks(core.arns(), operation, &request);
    if asks.is_empty() {
        asks.push((operation.name(), None));
    }
    asks.into_iter().try_for_each(|ask| permitted(&caller, ask))
}

fn permitted(caller: &Caller, (action, resource): Ask) -> Result<(), Refusal> {
    let action = format!("dynamodb:{action}");
    let decision = match &resource {
        Some(resource) => caller.may(&action, &[resource]),
        None => caller.may_everywhere(&action),
    };
    let reason = match decision {
        Decision::Allowed => return Ok(()),
        Decision::ImplicitlyDenied => format!("because no identity-based policy allows the {action} action"),
        Decision::ExplicitlyDenied => "with an explicit deny in an identity-based policy".to_owned(),
    };
    let user = match caller {
        Caller::Known(user) => user.user_arn(),
        Caller::Anyone { .. } => "anonymous".to_owned(),
    };
    let resource = resource.as_deref().unwrap_or("*");
    let message = format!("User: {user} is not authorized to perform: {action} on resource: {resource} {reason}");
    Err(Refusal::coral("AccessDeniedException", message))
}

/// All that a request asks for, in IAM's words. What it does not say rightly is refused by the operation itself.
fn asks(arns: &Arns, operation: Operation, request: &Value) -> Vec<Ask> {
    let name = operation.name();
    let table = |name: &str| match arns.table_name(name) {
        Some(name) => Some(arns.table(name)),
        // Somebody else's table, or something that only looks like one.
        None if name.starts_with("arn:") => None,
        None => Some(arns.table(name)),
    };
    let named = |value: &Value| value["TableName"].as_str().and_then(table);
    match operation {
        Operation::ListTables | Operation::ListStreams => vec![(name, Some("*".to_owned()))],
        Operation::BatchGetItem | Operation::BatchWriteItem => {
            let tables = request["RequestItems"].as_object().into_iter().flatten();
            tables.map(|(one, _)| (name, table(one))).collect()
        }
        Operation::TransactGetItems => {
            let items = request["TransactItems"].as_array().into_iter().flatten();
            items.map(|item| ("GetItem", named(&item["Get"]))).collect()
        }
        Operation::TransactWriteItems => {
            let items = request["TransactItems"].as_array().into_iter().flatten();
            items
                .flat_map(|item| item.as_object().into_iter().flatten())
                .map(|(kind, item)| transacted(kind, named(item)))
                .collect()
        }
        Operation::ExecuteStatement | Operation::BatchExecuteStatement | Operation::ExecuteTransaction => {
            STATEMENT_ACTIONS.map(|action| (action, None)).into()
        }
        Operation::Query | Operation::Scan => {
            let index = request["IndexName"].as_str().map(|index| format!("/index/{index}")).unwrap_or_default();
            vec![(name, named(request).map(|table| table + &index))]
        }
        Operation::TagResource | Operation::UntagResource | Operation::ListTagsOfResource => {
            vec![(name, request["ResourceArn"].as_str().map(str::to_owned))]
        }
        Operation::DescribeStream | Operation::GetShardIterator => {
            vec![(name, request["StreamArn"].as_str().map(str::to_owned))]
        }
        // An iterator begins with the ARN of its stream, and its checksum covers that.
        Operation::GetRecords => {
            let iterator = request["ShardIterator"].as_str().and_then(|iterator| iterator.split_once("|1|"));
            vec![(name, iterator.map(|(stream, _)| stream.to_owned()))]
        }
        _ => vec![(name, named(request))],
    }
}

fn transacted(kind: &str, table: Option<String>) -> Ask {
    match kind {
        "Put" => ("PutItem", table),
        "Update" => ("UpdateItem", table),
        "Delete" => ("DeleteItem", table),
        "ConditionCheck" => ("ConditionCheckItem", table),
        _ => ("TransactWriteItems", None),
    }
}

fn refused(refusal: signature::Refusal) -> Refusal {
    let message = match &refusal {
        signature::Refusal::Missing => "Request is missing Authentication Token",
        signature::Refusal::UnknownKey => "The security token included in the request is invalid.",
        signature::Refusal::Incomplete(message) | signature::Refusal::Invalid(message) => message,
    };
    Refusal::coral(refusal.code(), message)
}
