//! Functions of local processes behind the Lambda API, as callers see them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use sluicegate_endpoint::Credentials;
use sluicegate_functions::process::{Code, LoadError, ProcessFunction, Processes, Settings};
use sluicegate_functions::{EventPace, Functions, LambdaApi, LambdaOptions};
use sluicegate_protocol::Deliver;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tempfile::TempDir;

/// How long a test waits for something that should happen at once; long enough for a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A server's functions, and nothing else of the server.
pub struct Lambda {
    pub processes: Processes,
    api: LambdaApi,
    functions: Arc<Functions>,
    data: TempDir,
}

/// What an invocation led to.
#[derive(Debug)]
pub struct Invoked {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

pub const PACE: EventPace = EventPace {
    after_error: [Duration::from_millis(20), Duration::from_millis(40)],
    after_throttling: Duration::from_millis(20),
    longest: Duration::from_millis(100),
    max_age: PATIENCE,
};

impl Lambda {
    pub fn of(functions: impl IntoIterator<Item = ProcessFunction>) -> Self {
        Self::with(functions, |_| {})
    }

    pub fn with(functions: impl IntoIterator<Item = ProcessFunction>, change: impl FnOnce(&mut Settings)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut settings = Settings::new(data.path());
        change(&mut settings);
        let processes = Processes::new(settings).unwrap();
        let mut builder = Functions::builder();
        for function in functions {
            builder = builder.register_loaded(processes.load(function).unwrap());
        }
        let functions = Arc::new(builder.build().unwrap());
        let options = LambdaOptions {
            region: "us-east-1".into(),
            account: "000000000000".into(),
            credentials: Credentials::default(),
            event_pace: PACE,
        };
        Self { processes, api: LambdaApi::new(Arc::clone(&functions), options), functions, data }
    }

    pub fn functions(&self) -> &Arc<Functions> {
        &self.functions
    }

    pub async fn invoke(&self, function: &str, payload: impl ToString) -> Invoked {
        self.invoke_with(function, payload, &[]).await
    }

    pub async fn invoke_with(&self, function: &str, payload: impl ToString, headers: &[(&str, &str)]) -> Invoked {
        let mut request = Request::post(format!("/2015-03-31/functions/{function}/invocations")).header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=s",
        );
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(payload.to_string()))).unwrap();
        assert!(LambdaApi::claims(&request));
        let response = self.api.respond(request).await;
        let (head, body) = response.into_parts();
        Invoked { status: head.status, headers: head.headers, body: body.collect().await.unwrap().to_bytes() }
    }

    pub fn deliver_through(&self, deliver: Weak<dyn Deliver>) {
        self.api.deliver_through(deliver);
    }

    pub fn events_waiting(&self) -> usize {
        self.api.events_waiting()
    }

    /// The log file of a function.
    pub fn log(&self, function: &str) -> String {
        std::fs::read_to_string(self.data.path().join(format!("function-logs/{function}.log"))).unwrap_or_default()
    }

    pub async fn log_with(&self, function: &str, wanted: &str) -> String {
        eventually(wanted, || Some(self.log(function)).filter(|log| log.contains(wanted))).await
    }
}

impl Invoked {
    /// The result of a function that did not fail.
    pub fn result(&self) -> Value {
        assert!(!self.headers.contains_key("x-amz-function-error"), "{}", self.text());
        self.json()
    }

    /// The report of a function that failed.
    pub fn error(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK);
        assert_eq!(self.headers["x-amz-function-error"], "Unhandled", "{}", self.text());
        self.json()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn request_id(&self) -> &str {
        self.headers["x-amzn-requestid"].to_str().unwrap()
    }

    pub fn log_tail(&self) -> String {
        String::from_utf8(STANDARD.decode(&self.headers["x-amz-log-result"]).unwrap()).unwrap()
    }
}

/// Waits until there is something, but not for ever.
pub async fn eventually<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let waiting = async {
        loop {
            match find() {
                Some(found) => return found,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("waited too long for {what}"))
}

pub fn is_alive(pid: u64) -> bool {
    // A zombie is not alive; it only has not been waited for.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

/// A function of one inline file, with 10 s and 256 MB.
pub fn inline(name: &str, runtime: &str, text: &str) -> ProcessFunction {
    let code = Code::Inline(text.to_owned());
    let function = ProcessFunction::new(name, runtime.parse().unwrap(), "index.handler", code);
    ProcessFunction { timeout: Duration::from_secs(10), memory_mb: 256, ..function }
}

/// A folder with these files.
pub fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        if *name == "bootstrap" {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    folder
}

pub fn code(folder: &TempDir) -> Code {
    Code::Folder(folder.path().to_owned())
}

/// What is wrong with a function.
pub fn problem(function: ProcessFunction) -> String {
    let data = tempfile::tempdir().unwrap();
    let processes = Processes::new(Settings::new(data.path())).unwrap();
    let error: LoadError = processes.load(function).expect_err("it must not load");
    error.to_string()
}

pub fn write(path: &Path, bytes: &[u8]) -> PathBuf {
    std::fs::write(path, bytes).unwrap();
    path.to_owned()
}
