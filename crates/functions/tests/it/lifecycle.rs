//! What handlers can do to us: each is bounded, told precisely, and concerns nobody else.

use crate::lambda::{Lambda, code, eventually, folder, inline, is_alive};
use http::StatusCode;
use serde_json::json;
use sluicegate_functions::process::{DEFAULT_IDLE_TIMEOUT, ProcessFunction};
use sluicegate_protocol::{Invocation, Invoke, InvokeError};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

const NODE: &str = "nodejs22.x";
const PYTHON: &str = "python3.12";

#[tokio::test]
async fn a_warm_process_keeps_its_globals_and_a_timed_out_one_loses_them() {
    let text = "let n = 0; exports.handler = async (e) => { n += 1; if (e.sleep) await new Promise((r) => setTimeout(r, 60000)); \
                return { n, pid: process.pid } }";
    let mut function = inline("f", NODE, text);
    function.timeout = Duration::from_secs(1);
    let lambda = Lambda::of([function]);
    let first = lambda.invoke("f", "{}").await.result();
    let second = lambda.invoke("f", "{}").await.result();
    assert_eq!((&first["n"], &second["n"], &first["pid"]), (&json!(1), &json!(2), &second["pid"]));

    let started = Instant::now();
    let invoked = lambda.invoke_with("f", r#"{"sleep": true}"#, &[("x-amz-log-type", "Tail")]).await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let id = invoked.request_id();
    assert_eq!(
        invoked.error(),
        json!({
            "errorType": "Sandbox.Timedout",
            "errorMessage": format!("RequestId: {id} Error: Task timed out after 1.00 seconds"),
        })
    );
    assert!(
        invoked.log_tail().contains(&format!("Z {id} Task timed out after 1.00 seconds\nEND")),
        "{}",
        invoked.log_tail()
    );
    assert!(!is_alive(first["pid"].as_u64().unwrap()));
    assert_eq!(lambda.invoke("f", "{}").await.result()["n"], 1);
    lambda.processes.stop().await;
}

#[tokio::test]
async fn processes_are_as_many_as_there_are_events_and_never_two_events_in_one() {
    let text = "let busy = 0; exports.handler = async () => { busy += 1; await new Promise((r) => setTimeout(r, 300)); \
                const most = busy; busy -= 1; return [process.pid, most] }";
    let mut reserved = inline("reserved", NODE, text);
    reserved.reserved_concurrency = Some(2);
    let lambda =
        Arc::new(Lambda::with([reserved, inline("shared", NODE, text)], |settings| settings.max_processes = 2));
    let call = |function: &'static str| {
        let lambda = Arc::clone(&lambda);
        async move { tokio::spawn(async move { lambda.invoke(function, 1).await }).await.unwrap() }
    };
    // Reserved concurrency refuses the third; without one it waits for a process.
    let (a, b, c) = tokio::join!(call("reserved"), call("reserved"), call("reserved"));
    let mut invoked = [a, b, c];
    invoked.sort_by_key(|invoked| invoked.status);
    assert_ne!(invoked[0].result()[0], invoked[1].result()[0]);
    assert_eq!(invoked[2].status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(invoked[2].headers["x-amzn-errortype"], "TooManyRequestsException");
    assert_eq!(invoked[2].json()["Reason"], "ReservedFunctionConcurrentInvocationLimitExceeded");

    let (a, b, c) = tokio::join!(call("shared"), call("shared"), call("shared"));
    let results = [a.result(), b.result(), c.result()];
    assert!(results.iter().all(|result| result[1] == 1), "{results:?}");
    let pids: HashSet<u64> = results.iter().map(|result| result[0].as_u64().unwrap()).collect();
    assert_eq!(pids.len(), 2, "{results:?}");
    lambda.processes.stop().await;
}

#[tokio::test]
async fn idle_processes_are_ended_when_their_time_has_come() {
    let text = "process.on('SIGTERM', () => process.exit(0)); exports.handler = async () => process.pid";
    let lambda = Lambda::of([inline("f", NODE, text)]);
    let pid = lambda.invoke("f", 1).await.result().as_u64().unwrap();
    let now = tokio::time::Instant::now();
    lambda.processes.reap_idle(now + DEFAULT_IDLE_TIMEOUT - Duration::from_secs(20));
    assert_eq!(lambda.invoke("f", 1).await.result(), pid, "not yet");
    lambda.processes.reap_idle(now + DEFAULT_IDLE_TIMEOUT + Duration::from_secs(60));
    eventually("the end of an idle process", || (!is_alive(pid)).then_some(())).await;
    assert_ne!(lambda.invoke("f", 1).await.result(), pid);
    lambda.processes.stop().await;
}

#[tokio::test]
async fn a_stopping_server_leaves_no_process_behind() {
    let stubborn = "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
                    def handler(e, c):\n  child = os.fork()\n  if child == 0:\n    time.sleep(600)\n    os._exit(0)\n  \
                    daemon = os.fork()\n  if daemon == 0:\n    os.setsid()\n    time.sleep(600)\n    os._exit(0)\n  \
                    return [os.getpid(), child, daemon]";
    let lambda = Lambda::of([inline("f", PYTHON, stubborn)]);
    let pids = lambda.invoke("f", 1).await.result();
    let pids: Vec<u64> = pids.as_array().unwrap().iter().map(|pid| pid.as_u64().unwrap()).collect();
    assert!(pids.iter().all(|pid| is_alive(*pid)), "{pids:?}");
    lambda.processes.stop().await;
    for pid in pids {
        eventually("the end of a process", || (!is_alive(pid)).then_some(())).await;
    }
    assert_eq!(lambda.invoke("f", 1).await.status, StatusCode::TOO_MANY_REQUESTS, "nothing starts any more");
}

#[tokio::test]
async fn descendants_end_with_the_process_that_failed() {
    let text = "import os, time\ndef handler(e, c):\n  child = os.fork()\n  if child == 0:\n    os.setsid()\n    \
                time.sleep(600)\n    os._exit(0)\n  print('child', child)\n  os._exit(1)";
    let lambda = Lambda::of([inline("f", PYTHON, text)]);
    let invoked = lambda.invoke_with("f", 1, &[("x-amz-log-type", "Tail")]).await;
    assert_eq!(invoked.error()["errorType"], "Runtime.ExitError");
    let tail = invoked.log_tail();
    let child = tail.lines().find_map(|line| line.strip_prefix("child ")).unwrap().parse().unwrap();
    eventually("the end of a child", || (!is_alive(child)).then_some(())).await;
    lambda.processes.stop().await;
}

#[tokio::test]
async fn results_have_a_limit() {
    let lambda = Lambda::of([inline("f", NODE, "exports.handler = async (n) => 'x'.repeat(n)")]);
    for (length, fits) in [(6_291_554, true), (6_291_555, false), (7 * 1024 * 1024, false)] {
        let invoked = lambda.invoke("f", length).await;
        if fits {
            assert_eq!(invoked.body.len(), 6_291_556);
        } else {
            let error = invoked.error();
            assert_eq!(error["errorType"], "Function.ResponseSizeTooLarge", "{length}");
            assert_eq!(
                error["errorMessage"],
                "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
            );
        }
    }
    assert_eq!(lambda.invoke("f", 1).await.result(), "x", "the process goes on");
    lambda.processes.stop().await;
}

#[tokio::test]
async fn a_function_that_prints_forever_is_slowed_down_and_ended() {
    let text = "import sys\ndef handler(e, c):\n  while e:\n    sys.stdout.write('x' * 1023 + '\\n')\n  return 1";
    let mut function = inline("f", PYTHON, text);
    function.timeout = Duration::from_secs(2);
    let lambda = Lambda::of([function]);
    let invoked = lambda.invoke_with("f", 1, &[("x-amz-log-type", "Tail")]).await;
    assert_eq!(invoked.error()["errorType"], "Sandbox.Timedout");
    assert!(invoked.log_tail().len() <= 4096);
    let log = lambda.log_with("f", "REPORT").await;
    // The burst, two seconds, and what the pipe held.
    assert!(log.len() < 16 * 1024 * 1024, "{}", log.len());
    assert_eq!(lambda.invoke("f", 0).await.result(), 1);
    lambda.processes.stop().await;
}

#[tokio::test]
async fn a_line_without_end_is_cut() {
    let text = "exports.handler = async () => { process.stdout.write('x'.repeat(600 * 1024)) }";
    let lambda = Lambda::of([inline("f", NODE, text)]);
    lambda.invoke("f", 1).await.result();
    let log = lambda.log_with("f", "REPORT").await;
    let lengths: Vec<usize> = log.lines().map(|line| line.matches('x').count()).filter(|count| *count > 10).collect();
    assert_eq!(lengths, [256 * 1024, 256 * 1024, 88 * 1024]);
    lambda.processes.stop().await;
}

#[tokio::test]
async fn memory_has_a_ceiling() {
    let text = "def handler(e, c):\n  kept = []\n  while e:\n    kept.append(bytearray(b'x' * 8388608))\n    \
                import time; time.sleep(0.05)\n  return 1";
    let mut function = inline("f", PYTHON, text);
    (function.memory_mb, function.timeout) = (128, Duration::from_secs(30));
    let lambda = Lambda::of([function]);
    let error = lambda.invoke("f", 1).await.error();
    assert!(error["errorMessage"].as_str().unwrap().ends_with("Runtime exited with error: signal: killed"), "{error}");
    assert_eq!(lambda.invoke("f", 0).await.result(), 1);
    lambda.processes.stop().await;
}

#[tokio::test]
async fn a_slow_start_is_repeated_within_the_invocation() {
    // Given a start that takes longer than it may, but only the first time.
    let marker = tempfile::tempdir().unwrap();
    let path = marker.path().join("started");
    let text = format!(
        "const fs = require('fs'); if (!fs.existsSync('{0}')) {{ fs.writeFileSync('{0}', ''); \
         Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60000) }} exports.handler = async () => 'at last'",
        path.display()
    );
    let mut function = inline("f", NODE, &text);
    function.timeout = Duration::from_secs(30);
    let lambda = Lambda::of([function]);
    let started = Instant::now();
    assert_eq!(lambda.invoke("f", 1).await.result(), "at last");
    assert!(started.elapsed() >= Duration::from_secs(10));
    lambda.processes.stop().await;
}

#[tokio::test]
async fn starts_that_fail_again_and_again_are_put_off() {
    let lambda = Lambda::of([inline("f", NODE, "process.exit(1)")]);
    let started = Instant::now();
    for _ in 0..5 {
        assert_eq!(lambda.invoke("f", 1).await.error()["errorType"], "Runtime.ExitError");
    }
    // After the third failure 200 ms, after the fourth 400 ms.
    assert!(started.elapsed() >= Duration::from_millis(600), "{:?}", started.elapsed());
    lambda.processes.stop().await;
}

#[tokio::test]
async fn one_who_keeps_an_event_to_himself_answers_once() {
    // A runtime of its own that answers twice, with another id, too early, and in an unknown mode; and says how it went.
    let bootstrap = r#"#!/usr/bin/env python3
import http.client, json, os
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def call(method, path, body=None, headers={}):
    api.request(method, "/2018-06-01/runtime/" + path, body, headers)
    answer = api.getresponse()
    content = answer.read()
    return [answer.status, json.loads(content).get("errorType", json.loads(content).get("status"))], answer, content
early, *_ = call("POST", "invocation/x/response", "1")
told = [early]
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = api.getresponse()
    event = json.loads(answer.read())
    ident = answer.headers["Lambda-Runtime-Aws-Request-Id"]
    told.append(call("GET", "invocation/next")[0])
    told.append(call("POST", "invocation/other/response", "1")[0])
    told.append(call("POST", f"invocation/{ident}/response", "1", {"Lambda-Runtime-Function-Response-Mode": "odd"})[0])
    told.append(call("POST", f"invocation/{ident}/response", json.dumps(told))[0])
    told.append(call("POST", f"invocation/{ident}/response", "2")[0])
    told.append(call("POST", f"invocation/{ident}/error", "{}")[0])
    told.append(call("POST", "init/error", "{}")[0])
    told.append(call("GET", "restore/next")[0])
    told.append(call("GET", "extension/register")[0])
    told.append(call("GET", "invocation/next", None, {"Origin": "https://example.org"})[0])
"#;
    let files = folder(&[("bootstrap", bootstrap)]);
    let function = ProcessFunction::new("f", "provided.al2023".parse().unwrap(), "", code(&files));
    let lambda = Lambda::of([ProcessFunction { timeout: Duration::from_secs(10), ..function }]);
    let before = json!([
        [400, "InvalidRequestID"],
        [403, "InvalidStateTransition"],
        [400, "InvalidRequestID"],
        [400, "InvalidFunctionResponseMode"],
    ]);
    assert_eq!(lambda.invoke("f", 1).await.result(), before);
    let told = lambda.invoke("f", 1).await.result();
    let after = json!([
        [202, "OK"],
        [403, "InvalidStateTransition"],
        [403, "InvalidStateTransition"],
        [403, "InvalidStateTransition"],
        [403, "InvalidStateTransition"],
        [404, "NotFound"],
        [403, "InvalidHost"],
    ]);
    assert_eq!(told.as_array().unwrap()[4..11], *after.as_array().unwrap());
    lambda.processes.stop().await;
}

#[tokio::test]
async fn a_streamed_answer_may_end_in_an_error() {
    let bootstrap = r#"#!/usr/bin/env python3
import base64, os, socket
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
while True:
    api = socket.create_connection((host, int(port)))
    api.sendall(f"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer: answer += api.recv(4096)
    head, body = answer.split(b"\r\n\r\n", 1)
    ident = [l.split(b": ")[1] for l in head.split(b"\r\n") if l.lower().startswith(b"lambda-runtime-aws-request-id")][0].decode()
    fails = body == b"1"
    api.sendall(f"POST /2018-06-01/runtime/invocation/{ident}/response HTTP/1.1\r\nHost: {host}:{port}\r\n"
        "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n"
        "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n2\r\n[1\r\n1\r\n]\r\n0\r\n".encode())
    if fails:
        report = base64.b64encode(b'{"errorType":"Late","errorMessage":"m"}').decode()
        api.sendall(f"Lambda-Runtime-Function-Error-Type: Late\r\nLambda-Runtime-Function-Error-Body: {report}\r\n".encode())
    api.sendall(b"\r\n")
    api.recv(4096)
    api.close()
"#;
    let files = folder(&[("bootstrap", bootstrap)]);
    let function = ProcessFunction::new("f", "provided.al2".parse().unwrap(), "any", code(&files));
    let lambda = Lambda::of([ProcessFunction { timeout: Duration::from_secs(10), ..function }]);
    assert_eq!(lambda.invoke("f", 0).await.result(), json!([1]));
    assert_eq!(lambda.invoke("f", 1).await.error(), json!({"errorType": "Late", "errorMessage": "m"}));
    lambda.processes.stop().await;
}

#[tokio::test]
async fn the_environment_is_lambdas_and_nothing_of_the_servers() {
    let mut function = inline("f", NODE, "exports.handler = async () => process.env");
    function
        .environment
        .extend([("MINE", "1"), ("AWS_REGION", "mars"), ("TZ", "Europe/Berlin")].map(|(k, v)| (k.into(), v.into())));
    let lambda = Lambda::with(
        [function, inline("p", PYTHON, "import os\ndef handler(e, c): return dict(os.environ)")],
        |settings| {
            settings.endpoint = Some("http://127.0.0.1:8080".into());
        },
    );
    let environment = lambda.invoke("f", 1).await.result();
    for (name, expected) in [
        ("MINE", "1"),
        ("TZ", "Europe/Berlin"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_nodejs22.x"),
        ("AWS_LAMBDA_FUNCTION_NAME", "f"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/f"),
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:8080"),
        ("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:8080"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("LANG", "en_US.UTF-8"),
        ("_HANDLER", "index.handler"),
    ] {
        assert_eq!(environment[name], expected, "{name}");
    }
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
        "PATH",
    ] {
        assert!(environment[name].as_str().is_some_and(|value| !value.is_empty()), "{name}");
    }
    // Cargo sets it for us; it stands for all that is ours.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let python = lambda.invoke("p", 1).await.result();
    for environment in [environment, python] {
        assert!(environment.get("CARGO_MANIFEST_DIR").is_none() && environment.get("HOME").is_none(), "{environment}");
    }
    lambda.processes.stop().await;
}

#[tokio::test]
async fn the_port_words_errors_as_the_endpoint_does() {
    let lambda = Lambda::of([inline("f", NODE, "exports.handler = async (e) => { throw new TypeError(e) }")]);
    let invoke = |function: &str| Invocation { function: function.into(), payload: "\"m\"".into() };
    match lambda.functions().invoke(invoke("f")).await {
        Err(InvokeError::Function(error)) => assert_eq!((&*error.error_type, &*error.message), ("TypeError", "m")),
        other => panic!("{other:?}"),
    }
    assert_eq!(lambda.functions().invoke(invoke("g")).await, Err(InvokeError::NotFound));
    lambda.processes.stop().await;
}
