//! Functions that are replaced while they are called.

use crate::lambda::{Lambda, code, eventually, folder, inline, is_alive};
use serde_json::json;
use sluicegate_functions::process::ProcessFunction;
use sluicegate_functions::{FunctionChanges, Functions};
use std::time::Duration;

/// Answers with its own number and process; if it is given a file, once that is there.
fn numbered(number: u32) -> String {
    format!(
        "const fs = require('fs');
         exports.handler = async (event) => {{
           while (event.until && !fs.existsSync(event.until)) await new Promise((go) => setTimeout(go, 10));
           return [{number}, process.pid];
         }};"
    )
}

fn f(text: &str) -> ProcessFunction {
    inline("f", "nodejs22.x", text)
}

fn update(lambda: &Lambda, functions: impl IntoIterator<Item = ProcessFunction>) -> FunctionChanges {
    let load = |function| lambda.processes.load(function).unwrap();
    let builder =
        functions.into_iter().map(load).fold(Functions::builder(), |builder, one| builder.register_loaded(one));
    let changes = lambda.functions().update(builder).unwrap();
    lambda.processes.remove_unused_code();
    changes
}

fn changed(names: &[&str]) -> FunctionChanges {
    FunctionChanges { changed: names.iter().map(ToString::to_string).collect(), ..FunctionChanges::default() }
}

#[tokio::test]
async fn running_events_finish_and_those_that_wait_meet_the_new_code() {
    let lambda = Lambda::with([f(&numbered(1))], |settings| settings.max_processes = 1);
    let gate = tempfile::tempdir().unwrap();
    let until = gate.path().join("open");
    let running = lambda.invoke("f", json!({ "until": until }));
    let waiting = async {
        lambda.log_with("f", "START RequestId").await;
        let waits = lambda.invoke("f", json!({}));
        let changes = async {
            // It waits for the only process by now, or comes later; the answer must be the same.
            tokio::task::yield_now().await;
            assert_eq!(update(&lambda, [f(&numbered(2))]), changed(&["f"]));
        };
        let (waited, ()) = tokio::join!(waits, changes);
        std::fs::write(&until, "").unwrap();
        waited
    };
    let (old, new) = tokio::join!(running, waiting);
    assert_eq!((&old.result()[0], &new.result()[0]), (&json!(1), &json!(2)));
    let pid = old.result()[1].as_u64().unwrap();
    eventually("the old process to end", || (!is_alive(pid)).then_some(())).await;
    assert_eq!(lambda.invoke("f", json!({})).await.result(), new.result(), "the new process is kept");
    lambda.processes.stop().await;
}

#[tokio::test]
async fn what_is_the_same_keeps_its_processes_and_a_changed_file_does_not() {
    let files = folder(&[("index.js", &numbered(1))]);
    let described = || ProcessFunction { code: code(&files), ..inline("f", "nodejs22.x", "") };
    let lambda = Lambda::of([described()]);
    let first = lambda.invoke("f", json!({})).await.result();
    assert_eq!(update(&lambda, [described()]), FunctionChanges::default());
    assert_eq!(lambda.invoke("f", json!({})).await.result(), first);
    let shorter = ProcessFunction { timeout: Duration::from_secs(9), ..described() };
    assert_eq!(update(&lambda, [shorter]), changed(&["f"]));
    std::fs::write(files.path().join("index.js"), numbered(2)).unwrap();
    assert_eq!(update(&lambda, [described()]), changed(&["f"]));
    assert_eq!(lambda.invoke("f", json!({})).await.result()[0], 2);
    lambda.processes.stop().await;
}

#[tokio::test]
async fn an_event_is_tried_again_with_the_code_of_that_time() {
    let lambda = Lambda::of([f("exports.handler = async () => { throw new Error('old'); };")]);
    let asked = lambda.invoke_with("f", json!({}), &[("x-amz-invocation-type", "Event")]).await;
    assert_eq!(asked.status, 202);
    lambda.log_with("f", "Error: old").await;
    update(&lambda, [f("exports.handler = async () => { console.log('tried with the new'); };")]);
    lambda.log_with("f", "tried with the new").await;
    eventually("the event to be done", || (lambda.events_waiting() == 0).then_some(())).await;
    lambda.processes.stop().await;
}

#[tokio::test]
async fn a_function_that_is_gone_answers_until_it_is_let_go() {
    let lambda = Lambda::of([f(&numbered(1))]);
    let pid = lambda.invoke("f", json!({})).await.result()[1].as_u64().unwrap();
    let removed = FunctionChanges { removed: vec!["f".to_owned()], ..FunctionChanges::default() };
    assert_eq!(update(&lambda, []), removed);
    assert_eq!(lambda.invoke("f", json!({})).await.result()[1], pid);
    lambda.functions().let_go();
    assert_eq!(lambda.invoke("f", json!({})).await.status, 404);
    eventually("its process to end", || (!is_alive(pid)).then_some(())).await;
    let added = FunctionChanges { added: vec!["f".to_owned()], ..FunctionChanges::default() };
    assert_eq!(update(&lambda, [f(&numbered(1))]), added);
    assert_eq!(lambda.invoke("f", json!({})).await.result()[0], 1);
    lambda.processes.stop().await;
}
