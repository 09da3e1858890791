//! Functions that do what a case says, and keep the bytes of every event they got.

use crate::case::Behaviour;
use crate::names::{Names, fill_with};
use crate::usual_api::usual_behaviour;
use crate::wire::patiently;
use bytes::Bytes;
use serde_json::{Value, json};
use sluicegate_protocol::{
    BoxFuture, Deliver, DeliverError, Destination, FunctionError, Invocation, Invoke, InvokeError,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, watch};

/// One call of a function.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub function: String,
    pub payload: Bytes,
}

pub(super) struct Functions {
    behaviours: BTreeMap<String, Behaviour>,
    names: Names,
    calls: watch::Sender<Vec<Recorded>>,
    /// What waiting functions wait for, by function.
    gates: Mutex<BTreeMap<String, Arc<Semaphore>>>,
}

impl Functions {
    pub(super) fn new(behaviours: BTreeMap<String, Behaviour>, names: Names) -> Self {
        let closed = || Arc::new(Semaphore::new(0));
        let gates = behaviours.keys().map(|function| (function.clone(), closed())).collect();
        Self { behaviours, names, calls: watch::Sender::new(Vec::new()), gates: Mutex::new(gates) }
    }

    /// All calls so far, oldest first.
    pub(super) fn calls(&self, function: &str) -> Vec<Recorded> {
        self.calls.borrow().iter().filter(|call| call.function == function).cloned().collect()
    }

    /// The event of the last client that connected.
    pub(super) fn last_connect(&self) -> Option<Value> {
        let calls = self.calls.borrow();
        let events = calls.iter().rev().filter_map(|call| serde_json::from_slice::<Value>(&call.payload).ok());
        events.into_iter().find(|event| event["requestContext"]["eventType"] == "CONNECT")
    }

    /// Waits until a function was called so often.
    pub(super) async fn called(&self, function: &str, times: usize) -> Result<Vec<Recorded>, String> {
        let enough = |calls: &Vec<Recorded>| calls.iter().filter(|call| call.function == function).count() >= times;
        let mut calls = self.calls.subscribe();
        let waited = patiently(&format!("call {times} of {function}"), calls.wait_for(enough)).await.map(drop);
        waited.map_err(|waited| format!("{waited}; there were {}", self.calls(function).len()))?;
        Ok(self.calls(function))
    }

    /// Lets one waiting call, or the next one, go on.
    pub(super) fn release(&self, function: &str) {
        self.gate(function).add_permits(1);
    }

    /// Lets all calls go on, also those to come.
    pub(super) fn release_all(&self) {
        let gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.values().for_each(|gate| gate.close());
    }

    fn gate(&self, function: &str) -> Arc<Semaphore> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.entry(function.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(0))).clone()
    }

    fn fill(&self, text: &str, payload: &Bytes) -> Result<Bytes, InvokeError> {
        let event: Value = serde_json::from_slice(payload).unwrap_or_default();
        let value = |name: &str| match name.strip_prefix("event:") {
            Some(pointer) => match event.pointer(pointer) {
                Some(Value::String(text)) => Ok(text.clone()),
                Some(other) => Ok(other.to_string()),
                None => Err(format!("the event has no {pointer}")),
            },
            None => self.names.get(name).map(str::to_owned),
        };
        fill_with(text, value).map(Bytes::from).map_err(|message| thrown(&message))
    }
}

fn thrown(message: &str) -> InvokeError {
    InvokeError::Function(FunctionError { error_type: "Error".to_owned(), message: message.to_owned() })
}

/// Events are run at once.
impl Deliver for Functions {
    fn deliver<'a>(&'a self, destination: &'a Destination, text: String) -> BoxFuture<'a, Result<(), DeliverError>> {
        let invocation = Invocation { function: destination.name().into(), payload: text.into() };
        Box::pin(async move {
            // Nobody waits for what comes of it.
            let _ = self.invoke(invocation).await;
            Ok(())
        })
    }
}

impl Invoke for Functions {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
        let Invocation { function, payload } = invocation;
        let behaviour = self.behaviours.get(&*function).cloned().unwrap_or_else(|| usual_behaviour(&function));
        if behaviour != Behaviour::IsMissing(true) {
            let call = Recorded { function: function.to_string(), payload: payload.clone() };
            self.calls.send_modify(|calls| calls.push(call));
        }
        Box::pin(async move {
            match behaviour {
                Behaviour::Returns(text) => self.fill(&text, &payload),
                Behaviour::WaitsThenReturns(text) => {
                    if let Ok(permit) = self.gate(&function).acquire().await {
                        permit.forget();
                    }
                    self.fill(&text, &payload)
                }
                Behaviour::Throws(message) => Err(thrown(&message)),
                Behaviour::AnswersWithItsEvent(_) => {
                    let body = String::from_utf8_lossy(&payload);
                    Ok(json!({"statusCode": 200, "body": body}).to_string().into())
                }
                Behaviour::IsMissing(_) => Err(InvokeError::NotFound),
            }
        })
    }
}
