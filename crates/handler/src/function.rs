//! From a typed handler to what a host runs: bytes in, bytes out.

use crate::{Context, Error};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sluicegate_protocol::{BoxFuture, FunctionError};
use std::sync::Arc;

/// A handler without its types: the event as JSON text in, the answer as JSON text out.
pub type Function = Arc<dyn Fn(Bytes, Context) -> BoxFuture<'static, Result<Bytes, FunctionError>> + Send + Sync>;

/// Wraps a handler. An event it cannot read fails the invocation with `Runtime.UnmarshalError`, before the handler runs.
pub fn function<Event, Answer, Handler, Running>(handler: Handler) -> Function
where
    Event: DeserializeOwned + Send + 'static,
    Answer: Serialize + 'static,
    Handler: Fn(Event, Context) -> Running + Send + Sync + 'static,
    Running: Future<Output = Result<Answer, Error>> + Send + 'static,
{
    let handler = Arc::new(handler);
    Arc::new(move |payload, context| {
        let handler = Arc::clone(&handler);
        Box::pin(async move {
            let event = decode(&payload)?;
            // The text of a stream batch may be megabytes; the handler needs its own form only.
            drop(payload);
            let answer = handler(event, context).await?;
            encode(&answer)
        })
    })
}

fn decode<Event: DeserializeOwned>(payload: &[u8]) -> Result<Event, FunctionError> {
    serde_json::from_slice(payload).map_err(|error| FunctionError {
        error_type: "Runtime.UnmarshalError".to_owned(),
        message: format!("the event does not have the shape this handler reads: {error}"),
    })
}

fn encode<Answer: Serialize>(answer: &Answer) -> Result<Bytes, FunctionError> {
    serde_json::to_vec(answer).map(Bytes::from).map_err(|error| FunctionError {
        error_type: "Runtime.MarshalError".to_owned(),
        message: format!("the handler's answer is not JSON: {error}"),
    })
}
