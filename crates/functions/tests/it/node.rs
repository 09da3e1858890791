//! Node functions, under the rules of both generations.

use crate::lambda::{Lambda, code, folder, inline};
use serde_json::{Value, json};
use sluicegate_functions::process::{LATEST, ProcessFunction};
use std::time::Duration;

/// What an invocation must lead to.
enum Expected {
    Result(Value),
    /// `errorType`, and a part of `errorMessage`.
    Error(&'static str, &'static str),
}

use Expected::{Error, Result};

async fn check(lambda: &Lambda, function: &str, expected: &Expected) {
    let invoked = lambda.invoke(function, json!({"n": 1})).await;
    match expected {
        Result(result) => assert_eq!(&invoked.result(), result, "{function}"),
        Error(error_type, message) => {
            let error = invoked.error();
            assert_eq!(error["errorType"], *error_type, "{function}: {error}");
            assert!(error["errorMessage"].as_str().unwrap().contains(message), "{function}: {error}");
        }
    }
}

const OLD: &str = "nodejs22.x";
const NEW: &str = "nodejs24.x";

#[tokio::test]
async fn handlers_end_as_the_rules_of_their_runtime_say() {
    let cases = [
        ("async", OLD, "exports.handler = async (event) => event", Result(json!({"n": 1}))),
        ("async", NEW, "exports.handler = async (event) => event", Result(json!({"n": 1}))),
        ("nothing", NEW, "exports.handler = async () => {}", Result(json!(null))),
        ("plain", OLD, "exports.handler = () => ({statusCode: 200})", Result(json!(null))),
        ("plain", NEW, "exports.handler = () => ({statusCode: 200})", Result(json!({"statusCode": 200}))),
        ("callback", OLD, "exports.handler = (e, c, cb) => cb(null, 1)", Result(json!(1))),
        (
            "callback",
            NEW,
            "exports.handler = (e, c, cb) => cb(null, 1)",
            Error("Runtime.CallbackHandlerDeprecated", "Node.js 24"),
        ),
        ("callback-error", OLD, "exports.handler = (e, c, cb) => cb(new TypeError('t'))", Error("TypeError", "t")),
        ("callback-text", OLD, "exports.handler = (e, c, cb) => cb('t')", Error("string", "t")),
        ("succeed", OLD, "exports.handler = (e, c) => c.succeed(2)", Result(json!(2))),
        ("succeed", NEW, "exports.handler = (e, c) => c.succeed(2)", Error("TypeError", "is not a function")),
        ("fail", OLD, "exports.handler = (e, c) => c.fail(new Error('f'))", Error("Error", "f")),
        ("done", OLD, "exports.handler = (e, c) => c.done(null, 3)", Result(json!(3))),
        ("first", OLD, "exports.handler = async (e, c, cb) => { cb(null, 1); return 2 }", Result(json!(1))),
        ("throws", OLD, "exports.handler = () => { throw new RangeError('x') }", Error("RangeError", "x")),
        ("throws", NEW, "exports.handler = async () => { throw new RangeError('x') }", Error("RangeError", "x")),
        ("throws-text", NEW, "exports.handler = async () => { throw 'x' }", Error("string", "x")),
        ("bigint", OLD, "exports.handler = async () => 1n", Error("Error", "Unable to stringify response body")),
        ("bigint", NEW, "exports.handler = async () => 1n", Error("Runtime.JSONStringifyError", "Unable to stringify")),
        (
            "cycle",
            NEW,
            "exports.handler = async () => { const a = {}; a.a = a; return a }",
            Error("Runtime.JSONStringifyError", ""),
        ),
        (
            "stray-throw",
            OLD,
            "exports.handler = (e, c, cb) => { setImmediate(() => { throw new Error('s') }); }",
            Error("Error", "s"),
        ),
        (
            "stray-throw",
            NEW,
            "exports.handler = () => new Promise(() => setImmediate(() => { throw new Error('s') }))",
            Error("Runtime.ExitError", "exit status 1"),
        ),
        (
            "rejection",
            OLD,
            "exports.handler = () => new Promise((r) => { setTimeout(r, 5000); Promise.reject(new Error('r')) })",
            Error("Runtime.UnhandledPromiseRejection", "Error: r"),
        ),
        (
            "rejection",
            NEW,
            "exports.handler = () => new Promise((r) => { setTimeout(r, 5000); Promise.reject(new Error('r')) })",
            Error("Runtime.ExitError", "exit status 1"),
        ),
        (
            "exit-0",
            NEW,
            "exports.handler = () => process.exit(0)",
            Error("Runtime.ExitError", "Error: Runtime exited without providing a reason"),
        ),
        (
            "exit-127",
            OLD,
            "exports.handler = () => process.exit(127)",
            Error("Runtime.ExitError", "Error: Runtime exited with error: exit status 127"),
        ),
        (
            "abort",
            OLD,
            "exports.handler = () => process.kill(process.pid, 'SIGKILL')",
            Error("Runtime.ExitError", "signal: killed"),
        ),
        (
            "missing",
            OLD,
            "exports.other = 1",
            Error("Runtime.HandlerNotFound", "index.handler is undefined or not exported"),
        ),
        (
            "missing",
            NEW,
            "exports.other = 1",
            Error("Runtime.HandlerNotFound", "index.handler is undefined or not exported"),
        ),
        (
            "no-function",
            NEW,
            "exports.handler = 1",
            Error("Runtime.HandlerNotFound", "index.handler is not a function"),
        ),
        ("syntax", OLD, "exports.handler = (", Error("Runtime.UserCodeSyntaxError", "SyntaxError")),
        ("syntax", NEW, "exports.handler = (", Error("Runtime.UserCodeSyntaxError", "SyntaxError")),
        ("import", OLD, "require('no-such-module')", Error("Runtime.ImportModuleError", "no-such-module")),
        ("import", NEW, "require('no-such-module')", Error("Runtime.ImportModuleError", "no-such-module")),
        ("init-throws", NEW, "throw new URIError('i')", Error("URIError", "i")),
        ("init-exits", NEW, "process.exit(3)", Error("Runtime.ExitError", "exit status 3")),
        (
            "streamed",
            NEW,
            "exports.handler = awslambda.streamifyResponse(async (e, s) => { s.write('{\"a\":'); s.end('1}') })",
            Result(json!({"a": 1})),
        ),
    ];
    let name = |case: &str, runtime: &str| format!("{case}-{}", &runtime[..8]);
    let lambda = Lambda::of(cases.iter().map(|(case, runtime, text, _)| inline(&name(case, runtime), runtime, text)));
    for (case, runtime, _, expected) in &cases {
        check(&lambda, &name(case, runtime), expected).await;
        // The next invocation meets a process that is as good as new.
        check(&lambda, &name(case, runtime), expected).await;
    }
    let error = lambda.invoke(&name("throws", NEW), 1).await.error();
    assert_eq!(error["trace"][0], "RangeError: x", "{error}");
    lambda.processes.stop().await;
}

#[tokio::test]
async fn handlers_are_found_by_their_paths() {
    let echo = "export const handler = async (e) => 'module'; export const a = { b: { handler } }; export default { d: handler }";
    let common = "exports.handler = async (e) => 'common'; exports.a = { b: { handler: exports.handler } }";
    let plain =
        folder(&[("app.js", common), ("src/app.mjs", echo), ("x.cjs", common), ("node_modules/pack/index.js", common)]);
    let module = folder(&[("package.json", r#"{"type": "module"}"#), ("app.js", echo), ("y.cjs", common)]);
    let cases = [
        (&plain, OLD, "app.handler", Result(json!("common"))),
        (&plain, NEW, "app.handler", Result(json!("common"))),
        (&module, OLD, "app.handler", Result(json!("module"))),
        (&module, NEW, "app.handler", Result(json!("module"))),
        (&plain, OLD, "src/app.handler", Result(json!("module"))),
        (&plain, NEW, "src/app.handler", Result(json!("module"))),
        (&plain, OLD, "app.a.b.handler", Result(json!("common"))),
        (&module, NEW, "app.a.b.handler", Result(json!("module"))),
        (&module, NEW, "app.d", Result(json!("module"))),
        (&module, OLD, "app.d", Error("Runtime.HandlerNotFound", "app.d is undefined")),
        (&plain, OLD, "x.handler", Result(json!("common"))),
        (&plain, NEW, "x.handler", Result(json!("common"))),
        (&module, OLD, "y.handler", Result(json!("common"))),
        (&plain, OLD, "pack.handler", Result(json!("common"))),
        (
            &plain,
            OLD,
            "../x.handler",
            Error("Runtime.MalformedHandlerName", "'../x.handler' is not a valid handler name"),
        ),
        (&plain, NEW, "handler", Error("Runtime.MalformedHandlerName", "Bad handler")),
        (&plain, OLD, "none.handler", Error("Runtime.ImportModuleError", "Cannot find module 'none'")),
        (&plain, NEW, "none.handler", Error("Runtime.ImportModuleError", "Cannot find module 'none'")),
    ];
    let functions = cases.iter().enumerate().map(|(number, (folder, runtime, handler, _))| {
        let function = ProcessFunction::new(format!("f{number}"), runtime.parse().unwrap(), *handler, code(folder));
        ProcessFunction { timeout: Duration::from_secs(10), memory_mb: 256, ..function }
    });
    let lambda = Lambda::of(functions);
    for (number, (.., expected)) in cases.iter().enumerate() {
        check(&lambda, &format!("f{number}"), expected).await;
    }
    lambda.processes.stop().await;
}

#[tokio::test]
async fn callbacks_wait_for_an_empty_event_loop_unless_told_not_to() {
    let slow = "exports.handler = (e, c, cb) => { \
                setTimeout(() => { globalThis.fired = true }, 300); LINE cb(null, 1) }";
    let waits = slow.replace("LINE", "");
    let at_once = slow.replace("LINE", "c.callbackWaitsForEmptyEventLoop = false;");
    let lambda = Lambda::of([inline("waits", OLD, &waits), inline("at-once", OLD, &at_once)]);
    for (function, at_least, at_most) in [("waits", 300, 10_000), ("at-once", 0, 290)] {
        // Given a process that runs already.
        lambda.invoke(function, 1).await.result();
        let tail = lambda.invoke_with(function, 1, &[("x-amz-log-type", "Tail")]).await.log_tail();
        let duration: f64 = tail.split("Duration: ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!(duration >= f64::from(at_least) - 1.0 && duration < f64::from(at_most), "{function}: {tail}");
    }
    lambda.processes.stop().await;
}

#[tokio::test]
async fn a_handler_knows_its_invocation() {
    let text = "exports.handler = async (event, context) => ({ event, context: { ...context, left: context.getRemainingTimeInMillis() }, \
                trace: process.env._X_AMZN_TRACE_ID ?? null, cwd: process.cwd(), root: process.env.LAMBDA_TASK_ROOT })";
    let mut function = inline("f", NEW, text);
    function.qualifiers.insert("live".into(), LATEST.into());
    let lambda = Lambda::of([function]);
    let client = "eyJjdXN0b20iOiB7ImEiOiAxfX0=";
    let invoked = lambda
        .invoke_with(
            "f:live",
            r#"{"ü": [1.5]}"#,
            &[("x-amz-client-context", client), ("x-amzn-trace-id", "Root=1-2-3")],
        )
        .await;
    let result = invoked.result();
    assert_eq!(result["event"], json!({"ü": [1.5]}));
    let context = &result["context"];
    for (key, expected) in [
        ("functionName", json!("f")),
        ("functionVersion", json!("$LATEST")),
        ("memoryLimitInMB", json!("256")),
        ("logGroupName", json!("/aws/lambda/f")),
        ("awsRequestId", json!(invoked.request_id())),
        ("invokedFunctionArn", json!("arn:aws:lambda:us-east-1:000000000000:function:f:live")),
        ("clientContext", json!({"custom": {"a": 1}})),
    ] {
        assert_eq!(context[key], expected, "{key}");
    }
    assert!(context["logStreamName"].as_str().unwrap().contains("/[$LATEST]"), "{context}");
    assert!((1.0..=10_000.0).contains(&context["left"].as_f64().unwrap()), "{context}");
    assert_eq!(result["trace"], "Root=1-2-3");
    assert_eq!(result["cwd"], result["root"]);
    let again = lambda.invoke("f", "{}").await.result();
    assert_eq!(again["trace"], json!(null), "a trace belongs to one invocation");
    assert_eq!(again["context"]["invokedFunctionArn"], "arn:aws:lambda:us-east-1:000000000000:function:f");
    lambda.processes.stop().await;
}

#[tokio::test]
async fn the_console_writes_a_line_for_each_call() {
    let text = "exports.handler = async () => { console.log('a\\nb %d', 1); console.error(new Error('e').message); \
                console.debug({ x: 1 }); process.stdout.write('raw') }";
    let json_text = "exports.handler = async () => { console.info('quiet'); console.warn({ x: 1 }) }";
    let mut as_json = inline("j", NEW, json_text);
    as_json.environment.insert("AWS_LAMBDA_LOG_FORMAT".into(), "JSON".into());
    as_json.environment.insert("AWS_LAMBDA_LOG_LEVEL".into(), "WARN".into());
    let lambda = Lambda::of([inline("f", OLD, text), as_json]);
    let invoked = lambda.invoke_with("f", 1, &[("x-amz-log-type", "Tail")]).await;
    let (tail, id) = (invoked.log_tail(), invoked.request_id());
    let lines: Vec<&str> = tail.lines().collect();
    assert!(lines[0].starts_with("INIT_START Runtime Version: nodejs22.x"), "{tail}");
    assert_eq!(lines[1], format!("START RequestId: {id} Version: $LATEST"));
    for (line, end) in [(2, "INFO\ta\rb 1"), (3, "ERROR\te"), (4, "DEBUG\t{ x: 1 }")] {
        let (time, rest) = lines[line].split_once('\t').unwrap();
        assert!(time.ends_with('Z') && time.len() == 24, "{}", lines[line]);
        assert_eq!(rest, format!("{id}\t{end}"));
    }
    assert_eq!(lines[5], "raw", "without a line break at its end");
    assert_eq!(lines[6], format!("END RequestId: {id}"));
    assert!(lines[7].starts_with(&format!("REPORT RequestId: {id}\tDuration: ")), "{tail}");
    assert!(
        lines[7].contains("\tMemory Size: 256 MB\tMax Memory Used: ") && lines[7].contains("\tInit Duration: "),
        "{tail}"
    );

    let invoked = lambda.invoke_with("j", 1, &[("x-amz-log-type", "Tail")]).await;
    let tail = invoked.log_tail();
    let line = tail.lines().find(|line| line.starts_with('{')).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["level"], &line["message"]), (&json!("WARN"), &json!({"x": 1})), "{tail}");
    assert_eq!(line["requestId"], invoked.request_id());
    lambda.processes.stop().await;
}
