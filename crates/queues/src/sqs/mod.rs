//! The operations of SQS, on JSON objects.

mod batch;
mod consume;
mod manage;
mod send;

use crate::dialled::Dialled;
use crate::queues::Inner;
use crate::refusal::Refusal;
use crate::request::Request;
use serde_json::{Map, Value};
use std::sync::Arc;

macro_rules! operations {
    ($($name:ident)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Operation { $($name),* }

        impl Operation {
            pub(crate) fn named(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)*
                    _ => None,
                }
            }

            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }
        }
    };
}
pub(crate) use operations;

operations! {
    CreateQueue GetQueueUrl GetQueueAttributes SetQueueAttributes ListQueues DeleteQueue PurgeQueue
    SendMessage SendMessageBatch ReceiveMessage DeleteMessage DeleteMessageBatch
    ChangeMessageVisibility ChangeMessageVisibilityBatch
}

impl Operation {
    /// What a policy must allow: batches are the same as what they consist of.
    pub(crate) fn action(self) -> &'static str {
        let name = self.name();
        name.strip_suffix("Batch").unwrap_or(name)
    }
}

/// The name of the queue that a request is about; `None` where there is none.
pub(crate) fn queue_of<'r>(
    inner: &Inner,
    operation: Operation,
    request: Request<'r>,
) -> Result<Option<&'r str>, Refusal> {
    match operation {
        Operation::ListQueues => Ok(None),
        Operation::CreateQueue | Operation::GetQueueUrl => request.required_text("QueueName").map(Some),
        _ => inner.place.queue_of_url(request.required_text("QueueUrl")?).map(Some),
    }
}

/// Runs an operation. The answer has the members that JSON answers have.
pub(crate) async fn run(
    inner: &Inner,
    operation: Operation,
    request: &Map<String, Value>,
    sender: Arc<str>,
    dialled: Dialled<'_>,
) -> Result<Value, Refusal> {
    let request = Request(request);
    let queue = queue_of(inner, operation, request)?.unwrap_or_default();
    match operation {
        Operation::CreateQueue => manage::create(inner, queue, request, dialled).await,
        Operation::GetQueueUrl => manage::url(inner, queue, request, dialled).await,
        Operation::GetQueueAttributes => manage::attributes(inner, queue, request).await,
        Operation::SetQueueAttributes => manage::set_attributes(inner, queue, request).await,
        Operation::ListQueues => manage::list(inner, request, dialled).await,
        Operation::DeleteQueue => manage::delete(inner, queue).await,
        Operation::PurgeQueue => manage::purge(inner, queue).await,
        Operation::SendMessage => send::one(inner, queue, request, sender).await,
        Operation::SendMessageBatch => send::batch(inner, queue, request, sender).await,
        Operation::ReceiveMessage => consume::receive(inner, queue, request).await,
        Operation::DeleteMessage => consume::delete(inner, queue, request).await,
        Operation::DeleteMessageBatch => consume::delete_batch(inner, queue, request).await,
        Operation::ChangeMessageVisibility => consume::hide(inner, queue, request).await,
        Operation::ChangeMessageVisibilityBatch => consume::hide_batch(inner, queue, request).await,
    }
}
