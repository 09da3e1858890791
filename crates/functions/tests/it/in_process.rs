//! Handlers in process, through the port their callers use.

use crate::fixture::clients;
use bytes::Bytes;
use serde_json::{Value, json};
use sluicegate_functions::{DEFAULT_CONCURRENCY, FunctionOptions, Functions, RegisterError};
use sluicegate_handler::{Context, Error, Function, function};
use sluicegate_protocol::{FunctionError, Invocation, Invoke, InvokeError};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

fn only(function: Function, options: FunctionOptions) -> Functions {
    Functions::builder().register("f", function, clients(), options).build().unwrap()
}

async fn invoke(functions: &Functions, payload: &Value) -> Result<Value, InvokeError> {
    let payload = Bytes::from(payload.to_string());
    let result = functions.invoke(Invocation { function: "f".into(), payload }).await?;
    Ok(serde_json::from_slice(&result).unwrap())
}

async fn function_error(functions: &Functions) -> FunctionError {
    match invoke(functions, &json!({})).await {
        Err(InvokeError::Function(error)) => error,
        other => panic!("expected a function error, got {other:?}"),
    }
}

#[tokio::test]
async fn a_handler_gets_the_event_and_its_answer_goes_back() {
    let functions = only(
        function(async |event: Value, context: Context| {
            Ok::<_, Error>(
                json!({"got": event, "name": context.function_name(), "left": context.remaining() > Duration::ZERO}),
            )
        }),
        FunctionOptions::default(),
    );
    let answer = invoke(&functions, &json!({"n": 1})).await.unwrap();
    assert_eq!(answer, json!({"got": {"n": 1}, "name": "f", "left": true}));
}

#[tokio::test]
async fn failures_are_worded_as_lambda_words_them() {
    let fails = only(
        function(async |_: Value, _: Context| Err::<Value, _>(Error::new("UnknownRoom", "no room 7"))),
        FunctionOptions::default(),
    );
    assert_eq!(
        function_error(&fails).await,
        FunctionError { error_type: "UnknownRoom".into(), message: "no room 7".into() }
    );

    let panics = only(
        function(async |event: Value, _: Context| {
            assert!(event.is_null(), "not null");
            Ok::<_, Error>(json!(null))
        }),
        FunctionOptions::default(),
    );
    assert_eq!(function_error(&panics).await.message, "Lambda panicked: not null");
    assert_eq!(invoke(&panics, &json!(null)).await, Ok(json!(null)), "a panic leaves the function usable");

    let picky = only(function(async |_: Vec<u8>, _: Context| Ok::<_, Error>(())), FunctionOptions::default());
    assert_eq!(function_error(&picky).await.error_type, "Runtime.UnmarshalError");

    let huge =
        only(function(async |_: Value, _: Context| Ok::<_, Error>("x".repeat(6_291_555))), FunctionOptions::default());
    let error = function_error(&huge).await;
    assert_eq!(error.error_type, "Function.ResponseSizeTooLarge");
    assert_eq!(error.message, "Response payload size exceeded maximum allowed payload size (6291556 bytes).");
}

#[tokio::test(start_paused = true)]
async fn an_invocation_ends_at_its_deadline() {
    let options = FunctionOptions { timeout: Duration::from_secs(1), concurrency: 1 };
    let functions = only(
        function(async |forever: bool, _: Context| {
            if forever {
                std::future::pending::<()>().await;
            }
            Ok::<_, Error>(())
        }),
        options,
    );
    let Err(InvokeError::Function(error)) = invoke(&functions, &json!(true)).await else { panic!("it has no end") };
    assert_eq!(error.error_type, "Sandbox.Timedout");
    let (id, rest) = error.message.strip_prefix("RequestId: ").unwrap().split_at(36);
    assert_eq!(rest, " Error: Task timed out after 1.00 seconds");
    assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    assert_eq!(invoke(&functions, &json!(false)).await, Ok(json!(null)), "its place is free again");
}

#[tokio::test]
async fn one_invocation_more_than_the_concurrency_is_throttled() {
    let (started, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (started, finish) = (Arc::clone(&started), Arc::clone(&finish));
        function(move |_: Value, _: Context| {
            let (started, finish) = (Arc::clone(&started), Arc::clone(&finish));
            async move {
                started.notify_one();
                finish.notified().await;
                Ok::<_, Error>(())
            }
        })
    };
    let functions = Arc::new(only(handler, FunctionOptions { concurrency: 1, ..FunctionOptions::default() }));
    let first = tokio::spawn({
        let functions = Arc::clone(&functions);
        async move { invoke(&functions, &json!({})).await }
    });
    started.notified().await;
    assert_eq!(invoke(&functions, &json!({})).await, Err(InvokeError::Throttled));
    finish.notify_one();
    assert_eq!(first.await.unwrap(), Ok(json!(null)));
}

#[tokio::test]
async fn a_function_runs_on_when_its_caller_has_gone() {
    let (started, finish, finished) = (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let ends = Arc::new(AtomicUsize::new(0));
    let handler = {
        let (started, finish, finished, ends) = (started.clone(), finish.clone(), finished.clone(), ends.clone());
        function(move |_: Value, _: Context| {
            let (started, finish, finished, ends) = (started.clone(), finish.clone(), finished.clone(), ends.clone());
            async move {
                started.notify_one();
                finish.notified().await;
                ends.fetch_add(1, Ordering::SeqCst);
                finished.notify_one();
                Ok::<_, Error>(())
            }
        })
    };
    let functions = Arc::new(only(handler, FunctionOptions::default()));
    let caller = tokio::spawn({
        let functions = Arc::clone(&functions);
        async move { invoke(&functions, &json!({})).await }
    });
    started.notified().await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    finish.notify_one();
    finished.notified().await;
    assert_eq!(ends.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn unknown_names_and_wrong_options_are_told_apart() {
    let functions = Functions::builder().build().unwrap();
    assert_eq!(invoke(&functions, &json!({})).await, Err(InvokeError::NotFound));

    let unit = || function(async |_: Value, _: Context| Ok::<_, Error>(()));
    let twice = Functions::builder().register("f", unit(), clients(), FunctionOptions::default()).register(
        "f",
        unit(),
        clients(),
        FunctionOptions::default(),
    );
    assert_eq!(twice.build().err(), Some(RegisterError::Duplicate("f".into())));

    for timeout in [Duration::ZERO, Duration::from_secs(901)] {
        let options = FunctionOptions { timeout, concurrency: DEFAULT_CONCURRENCY };
        let refused = Functions::builder().register("f", unit(), clients(), options).build();
        assert_eq!(refused.err(), Some(RegisterError::Timeout("f".into())));
    }
}
