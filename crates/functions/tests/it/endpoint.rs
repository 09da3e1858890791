//! The Lambda `Invoke` operation itself.

use crate::lambda::{Lambda, eventually, inline};
use http::StatusCode;
use serde_json::json;

const NODE: &str = "nodejs22.x";

#[tokio::test]
async fn what_cannot_be_invoked_is_refused_in_lambdas_words() {
    let lambda = Lambda::of([inline("f", NODE, "exports.handler = async () => 1")]);
    let large = format!("\"{}\"", "x".repeat(6 * 1024 * 1024 + 100));
    let event = &[("x-amz-invocation-type", "Event")][..];
    let not_found = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:";
    for (function, payload, headers, status, code, message) in [
        ("g", "{}", &[][..], 404, "ResourceNotFoundException", format!("{not_found}g:$LATEST")),
        ("f:live", "{}", &[], 404, "ResourceNotFoundException", format!("{not_found}f:live")),
        ("f", "not json", &[], 400, "InvalidRequestContentException", "Could not parse request body into json".into()),
        ("f", &large, &[], 413, "RequestTooLargeException", "Request must be smaller than 6291556 bytes".into()),
        ("f", &large[large.len() - 1_048_577..], event, 400, "InvalidRequestContentException", "json".into()),
        ("f", &format!("[{}]", " ".repeat(1_048_576)), event, 413, "RequestTooLargeException", "1048576 bytes".into()),
        ("f", "{}", &[("x-amz-invocation-type", "Odd")], 400, "InvalidParameterValueException", "'Odd'".into()),
        ("f", "{}", &[("x-amz-client-context", "?")], 400, "InvalidRequestContentException", "Client context".into()),
    ] {
        let invoked = lambda.invoke_with(function, payload, headers).await;
        assert_eq!(invoked.status, StatusCode::from_u16(status).unwrap(), "{}", invoked.text());
        assert_eq!(invoked.headers["x-amzn-errortype"], code);
        let body = invoked.json();
        let told = body["message"].as_str().or(body["Message"].as_str()).unwrap();
        assert!(told.contains(&message), "{told}\ndoes not say\n{message}");
        assert_eq!(body["Type"], "User");
    }
    lambda.processes.stop().await;
}

#[tokio::test]
async fn answers_carry_version_request_id_and_the_end_of_the_log() {
    let mut function = inline("f", NODE, "exports.handler = async (n) => { console.log('x'.repeat(n)) }");
    function.qualifiers.insert("live".into(), "7".into());
    let lambda = Lambda::of([function]);
    for (name, version) in [("f", "$LATEST"), ("f:$LATEST", "$LATEST"), ("f:live", "7")] {
        let invoked = lambda.invoke(name, 1).await;
        assert_eq!((&invoked.result(), invoked.status), (&json!(null), StatusCode::OK));
        assert_eq!(invoked.headers["x-amz-executed-version"], version);
        assert!(!invoked.headers.contains_key("x-amz-log-result"));
    }
    let invoked = lambda.invoke_with("f", 10_000, &[("x-amz-log-type", "Tail")]).await;
    let tail = invoked.log_tail();
    assert_eq!(tail.len(), 4096);
    assert!(
        tail.starts_with('x') && tail.contains(&format!("\nEND RequestId: {}\nREPORT ", invoked.request_id())),
        "{tail}"
    );
    lambda.processes.stop().await;
}

#[tokio::test]
async fn a_dry_run_runs_nothing() {
    let lambda = Lambda::of([inline("f", NODE, "process.exit(1)")]);
    let invoked = lambda.invoke_with("f", "{}", &[("x-amz-invocation-type", "DryRun")]).await;
    assert_eq!((invoked.status, invoked.body.len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(lambda.log("f"), "");
    lambda.processes.stop().await;
}

#[tokio::test]
async fn an_event_is_tried_three_times_under_one_request_id() {
    let text = "exports.handler = async (e) => { console.log('attempt'); if (e.fails) throw new Error('e') }";
    let lambda = Lambda::of([inline("f", NODE, text)]);
    for (payload, attempts) in [(json!({"fails": true}), 3), (json!({}), 1)] {
        let invoked = lambda.invoke_with("f", payload, &[("x-amz-invocation-type", "Event")]).await;
        assert_eq!((invoked.status, invoked.body.len()), (StatusCode::ACCEPTED, 0));
        let id = invoked.request_id().to_owned();
        eventually("the last attempt", || (lambda.events_waiting() == 0).then_some(())).await;
        let count = || lambda.log("f").lines().filter(|line| line.contains(&format!("{id}\tINFO\tattempt"))).count();
        eventually("the log", || (count() == attempts).then_some(())).await;
    }
    lambda.processes.stop().await;
}

#[tokio::test]
async fn a_throttled_event_waits_for_its_turn() {
    let mut function = inline("f", NODE, "exports.handler = async () => new Promise((r) => setTimeout(r, 100))");
    function.reserved_concurrency = Some(1);
    let lambda = Lambda::of([function]);
    for _ in 0..3 {
        lambda.invoke_with("f", "{}", &[("x-amz-invocation-type", "Event")]).await;
    }
    eventually("all events", || (lambda.events_waiting() == 0).then_some(())).await;
    let ran = || lambda.log("f").matches("REPORT RequestId").count();
    eventually("the log", || (ran() == 3).then_some(())).await;
    lambda.processes.stop().await;
}
