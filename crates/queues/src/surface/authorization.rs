//! Who asks, and whether they may.

use super::{Operation, unsigned};
use crate::queues::Inner;
use crate::refusal::{
    ACCESS_DENIED, Fault, INCOMPLETE_SIGNATURE, INVALID_SIGNATURE, Refusal, SNS_ACCESS_DENIED, UNKNOWN_KEY,
};
use crate::request::Request;
use crate::{sns, sqs};
use http::request::Parts;
use serde_json::{Map, Value};
use sluicegate_endpoint::signature::{self, Scope, verify};
use sluicegate_endpoint::{Caller, Decision};
use sluicegate_protocol::AwsService;
use std::sync::Arc;

/// Whether a request is to be refused before its body is read.
pub(super) fn is_unsigned(inner: &Inner, parts: &Parts) -> bool {
    signature::is_unsigned(&inner.credentials, parts)
}

/// Who signed the request.
pub(super) fn caller(inner: &Inner, parts: &Parts, body: &[u8], service: AwsService) -> Result<Caller, Refusal> {
    let service = match service {
        AwsService::Sqs => "sqs",
        AwsService::Sns => "sns",
        AwsService::DynamoDb => "dynamodb",
    };
    let scope = Scope { region: &inner.place.region, service };
    let now = u64::try_from(inner.now()).unwrap_or_default();
    verify(&inner.credentials, scope, parts, body, now).map_err(refused)
}

/// Whether a caller may do what is asked.
pub(super) fn check(
    inner: &Inner,
    caller: &Caller,
    operation: Operation,
    members: &Map<String, Value>,
) -> Result<(), Refusal> {
    if matches!(caller, Caller::Anyone { .. }) {
        return Ok(());
    }
    let request = Request(members);
    match operation {
        Operation::Sqs(operation) => {
            let queue = sqs::queue_of(inner, operation, request)?.map(|queue| inner.place.queue_arn(queue));
            require(caller, &ACCESS_DENIED, &format!("sqs:{}", operation.action()), queue.as_deref())
        }
        Operation::Sns(operation) => {
            let topic = sns::resource_of(inner, operation, request)?;
            require(caller, &SNS_ACCESS_DENIED, &format!("sns:{}", operation.action()), topic.as_deref())?;
            for (action, resource) in sns::reached_by(inner, operation, request)? {
                require(caller, &SNS_ACCESS_DENIED, action, Some(&resource))?;
            }
            Ok(())
        }
    }
}

fn require(caller: &Caller, fault: &'static Fault, action: &str, resource: Option<&str>) -> Result<(), Refusal> {
    let decision = match resource {
        Some(resource) => caller.may(action, &[resource]),
        None => caller.may_everywhere(action),
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
    let resource = resource.unwrap_or("*");
    let message = format!("User: {user} is not authorized to perform: {action} on resource: {resource} {reason}");
    Err(Refusal::new(fault, message))
}

/// `SenderId`: the user's name or, where nobody is verified, the access key.
pub(super) fn sender(caller: &Caller) -> Arc<str> {
    match caller {
        Caller::Known(user) => user.user_name.as_str().into(),
        Caller::Anyone { access_key_id } if access_key_id.is_empty() => "anonymous".into(),
        Caller::Anyone { access_key_id } => access_key_id.as_str().into(),
    }
}

fn refused(refusal: signature::Refusal) -> Refusal {
    match refusal {
        signature::Refusal::Missing => unsigned(),
        signature::Refusal::Incomplete(message) => Refusal::new(&INCOMPLETE_SIGNATURE, message),
        signature::Refusal::UnknownKey => {
            Refusal::new(&UNKNOWN_KEY, "The security token included in the request is invalid.")
        }
        signature::Refusal::Invalid(message) => Refusal::new(&INVALID_SIGNATURE, message),
    }
}
