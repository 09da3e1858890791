//! Python functions.

use crate::lambda::{Lambda, code, folder, inline};
use serde_json::{Value, json};
use sluicegate_functions::process::ProcessFunction;
use std::time::Duration;

const PYTHON: &str = "python3.12";

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

#[tokio::test]
async fn handlers_end_as_lambdas_own_runtime_ends_them() {
    let cases = [
        ("echo", "def handler(event, context): return event", Result(json!({"n": 1}))),
        ("none", "def handler(event, context): pass", Result(json!(null))),
        ("text", "def handler(event, context): return 'ü'", Result(json!("ü"))),
        (
            "decimal",
            "from decimal import Decimal\ndef handler(e, c): return [Decimal('1'), Decimal('1.5')]",
            Result(json!([1, 1.5])),
        ),
        ("bytes", "def handler(event, context): return b'[7]'", Result(json!([7]))),
        (
            "set",
            "def handler(event, context): return {1}",
            Error("Runtime.MarshalError", "set is not JSON serializable"),
        ),
        ("coroutine", "async def handler(event, context): return 1", Error("Runtime.MarshalError", "coroutine")),
        ("raises", "def handler(event, context): raise ValueError('v')", Error("ValueError", "v")),
        ("exits", "import sys\ndef handler(e, c): sys.exit(127)", Error("Runtime.ExitError", "exit status 127")),
        (
            "exits-well",
            "import sys\ndef handler(e, c): sys.exit()",
            Error("Runtime.ExitError", "without providing a reason"),
        ),
        (
            "killed",
            "import os\ndef handler(e, c): os.kill(os.getpid(), 9)",
            Error("Runtime.ExitError", "Error: Runtime exited with error: signal: killed"),
        ),
        ("missing", "other = 1", Error("Runtime.HandlerNotFound", "Handler 'handler' missing on module 'index'")),
        ("syntax", "def handler(", Error("Runtime.UserCodeSyntaxError", "Syntax error in module 'index'")),
        ("import", "import no_such_module", Error("Runtime.ImportModuleError", "No module named 'no_such_module'")),
        ("init-raises", "raise KeyError('k')", Error("KeyError", "'k'")),
        ("init-exits", "import os\nos._exit(4)", Error("Runtime.ExitError", "exit status 4")),
        (
            "context",
            "def handler(e, c): return [c.function_name, c.memory_limit_in_mb, 0 < c.get_remaining_time_in_millis() <= 10000, \
             c.invoked_function_arn]",
            Result(json!(["context", "256", true, "arn:aws:lambda:us-east-1:000000000000:function:context"])),
        ),
    ];
    let lambda = Lambda::of(cases.iter().map(|(case, text, _)| inline(case, PYTHON, text)));
    for (case, _, expected) in &cases {
        check(&lambda, case, expected).await;
        check(&lambda, case, expected).await;
    }
    let raised = lambda.invoke("raises", 1).await;
    let error = raised.error();
    assert_eq!(error["requestId"], raised.request_id());
    let stack = error["stackTrace"].as_array().unwrap();
    assert_eq!(stack.len(), 1, "frames of ours are left out: {error}");
    assert!(stack[0].as_str().unwrap().contains("line 1, in handler"), "{error}");
    assert_eq!(lambda.invoke("import", 1).await.error()["requestId"], "");
    lambda.processes.stop().await;
}

#[tokio::test]
async fn handlers_are_found_by_their_paths() {
    let files = folder(&[
        ("pkg/__init__.py", ""),
        ("pkg/mod.py", "from pkg.other import value\ndef func(event, context): return value"),
        ("pkg/other.py", "value = 'found'"),
    ]);
    let cases = [
        ("pkg/mod.func", Result(json!("found"))),
        ("pkg.mod.func", Result(json!("found"))),
        ("pkg.none.func", Error("Runtime.ImportModuleError", "Unable to import module 'pkg.none'")),
        ("sys.exit", Error("Runtime.BuiltInModuleConflict", "Cannot use built-in module sys")),
        ("func", Error("Runtime.MalformedHandlerName", "Bad handler 'func'")),
    ];
    let functions = cases.iter().enumerate().map(|(number, (handler, _))| {
        let function = ProcessFunction::new(format!("f{number}"), PYTHON.parse().unwrap(), *handler, code(&files));
        ProcessFunction { timeout: Duration::from_secs(10), memory_mb: 256, ..function }
    });
    let lambda = Lambda::of(functions);
    for (number, (_, expected)) in cases.iter().enumerate() {
        check(&lambda, &format!("f{number}"), expected).await;
    }
    lambda.processes.stop().await;
}

#[tokio::test]
async fn prints_logging_and_errors_are_lines_of_the_log() {
    let text = "import logging\nlogging.getLogger().setLevel('INFO')\ndef handler(event, context):\n  print('a')\n  \
                logging.info('b %d', 1)\n  print('unfinished', end='')\n  raise ValueError('v\\nw')";
    let lambda = Lambda::of([inline("f", PYTHON, text)]);
    let invoked = lambda.invoke_with("f", 1, &[("x-amz-log-type", "Tail")]).await;
    let (tail, id) = (invoked.log_tail(), invoked.request_id());
    let lines: Vec<&str> = tail.lines().collect();
    assert_eq!(lines[2], "a", "{tail}");
    assert!(lines[3].starts_with("[INFO]\t") && lines[3].ends_with(&format!("Z\t{id}\tb 1")), "{tail}");
    assert!(lines[4].starts_with("unfinished[ERROR] ValueError: v"), "{tail}");
    assert!(tail.contains("\rTraceback (most recent call last):\r\u{a0}\u{a0}File \""), "{tail}");
    assert!(lines.iter().any(|line| *line == format!("END RequestId: {id}")), "{tail}");
    lambda.processes.stop().await;
}
