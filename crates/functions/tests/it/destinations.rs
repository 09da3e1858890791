//! Events at their end: who is told what, and how often they were tried.

use crate::lambda::{Lambda, eventually, inline};
use serde_json::{Value, json};
use sluicegate_functions::EventOptions;
use sluicegate_functions::process::ProcessFunction;
use sluicegate_protocol::{BoxFuture, Deliver, DeliverError, Destination};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:done";
const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:failed";
const LETTERS: &str = "arn:aws:sqs:us-east-1:000000000000:letters";
const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

/// Keeps what it is to deliver, in order.
#[derive(Default)]
struct Told(Mutex<Vec<(String, Value)>>);

impl Deliver for Told {
    fn deliver<'a>(&'a self, destination: &'a Destination, text: String) -> BoxFuture<'a, Result<(), DeliverError>> {
        let text = serde_json::from_str(&text).unwrap();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((destination.arn().to_owned(), text));
        Box::pin(async { Ok(()) })
    }
}

/// Succeeds if its event says so.
fn f(events: EventOptions) -> ProcessFunction {
    let text = "exports.handler = async ({ ok }) => { if (!ok) throw new TypeError('no'); return { ok }; };";
    ProcessFunction { events, ..inline("f", "nodejs22.x", text) }
}

fn options() -> EventOptions {
    let to = |arn| Some(Destination::parse(arn).unwrap());
    EventOptions { on_success: to(QUEUE), on_failure: to(TOPIC), dead_letters: to(LETTERS), ..EventOptions::default() }
}

/// What is told of an event, and its request id.
async fn told(options: EventOptions, event: Value) -> (Vec<(String, Value)>, String) {
    let lambda = Lambda::of([f(options)]);
    let told = Arc::new(Told::default());
    let deliver = Arc::clone(&told) as Arc<dyn Deliver>;
    lambda.deliver_through(Arc::downgrade(&deliver));
    let asked = lambda.invoke_with("f", event, &[("x-amz-invocation-type", "Event")]).await;
    assert_eq!(asked.status, 202);
    eventually("the event to be done", || (lambda.events_waiting() == 0).then_some(())).await;
    lambda.processes.stop().await;
    let told = std::mem::take(&mut *told.0.lock().unwrap());
    (told, asked.headers["x-amzn-requestid"].to_str().unwrap().to_owned())
}

#[tokio::test]
async fn success_is_told_with_the_result() {
    let (told, request_id) = told(options(), json!({"ok": 1})).await;
    let [(destination, record)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(destination, QUEUE);
    let timestamp = record["timestamp"].as_str().unwrap();
    assert_eq!((timestamp.len(), timestamp.ends_with('Z')), ("2026-01-02T03:04:05.678Z".len(), true));
    let expected = json!({
        "version": "1.0", "timestamp": timestamp,
        "requestContext": {"requestId": request_id, "functionArn": format!("{ARN}:$LATEST"),
                           "condition": "Success", "approximateInvokeCount": 1},
        "requestPayload": {"ok": 1},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": {"ok": 1}
    });
    assert_eq!(*record, expected);
}

#[tokio::test]
async fn failure_is_told_after_all_attempts_and_the_event_is_a_dead_letter() {
    for (maximum_retry_attempts, invocations) in [(2, 3), (1, 2), (0, 1)] {
        let (told, request_id) = told(EventOptions { maximum_retry_attempts, ..options() }, json!({"ok": false})).await;
        let [(destination, record), (letters, event)] = &told[..] else { panic!("{told:?}") };
        assert_eq!((destination.as_str(), letters.as_str()), (TOPIC, LETTERS));
        assert_eq!(*event, json!({"ok": false}));
        let context = &record["requestContext"];
        assert_eq!(context["requestId"], request_id);
        assert_eq!(context["condition"], "RetriesExhausted");
        assert_eq!(context["approximateInvokeCount"], invocations);
        assert_eq!(record["responseContext"]["functionError"], "Unhandled");
        assert_eq!(record["responsePayload"]["errorType"], "TypeError");
        assert_eq!(record["responsePayload"]["errorMessage"], "no");
    }
}

#[tokio::test]
async fn an_event_that_would_become_too_old_is_given_up() {
    let (told, _) = told(EventOptions { maximum_age: Duration::ZERO, ..options() }, json!({})).await;
    assert_eq!(told[0].1["requestContext"]["condition"], "EventAgeExceeded");
    assert_eq!(told[0].1["requestContext"]["approximateInvokeCount"], 1);
}

#[tokio::test]
async fn nobody_is_told_who_is_not_named() {
    for event in [json!({"ok": 1}), json!({})] {
        assert_eq!(told(EventOptions::default(), event).await.0, []);
    }
}
