//! Runs one operation: read the request, refuse what must not reach the engine, let engine or streams answer, wake readers.

use crate::arns::Arns;
use crate::engine::Engine;
use crate::engine::threads::{NotRun, Threads};
use crate::refusal::Refusal;
use crate::stream::iterator::Iterators;
use crate::stream::operations::Streams;
use crate::stream::store::StreamStore;
use crate::surface::operation::Operation;
use crate::surface::{description, expression_depth, shapes};
use crate::wake::Wake;
use bytes::Bytes;
use parking_lot::Mutex;
use rusqlite::Connection;
use serde_json::Value;
use sluicegate_endpoint::Credentials;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

pub(crate) struct Core {
    engine: Box<dyn Engine>,
    threads: Arc<Threads>,
    stream_threads: Arc<Threads>,
    store: Arc<StreamStore>,
    iterators: Iterators,
    wake: Wake,
    /// Held by operations that create, change or delete a table, and used for what they write beside the engine.
    definitions: Mutex<Connection>,
    credentials: Credentials,
}

pub(crate) struct Parts {
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) threads: Arc<Threads>,
    pub(crate) stream_threads: Arc<Threads>,
    pub(crate) store: Arc<StreamStore>,
    pub(crate) iterators: Iterators,
    pub(crate) definitions: Connection,
    pub(crate) credentials: Credentials,
}

impl Core {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { engine, threads, stream_threads, store, iterators, definitions, credentials } = parts;
        let definitions = Mutex::new(definitions);
        Self { engine, threads, stream_threads, store, iterators, wake: Wake::default(), definitions, credentials }
    }

    /// Runs `operation` on a thread made for it, and counts it.
    pub(crate) async fn call(self: &Arc<Self>, operation: Operation, request: Bytes) -> Result<Bytes, Refusal> {
        let started = Instant::now();
        let threads = if operation.is_streams() { &self.stream_threads } else { &self.threads };
        let core = Arc::clone(self);
        let result = match threads.run(move || core.execute(operation, &request)).await {
            Ok(result) => result.map(Bytes::from),
            Err(NotRun::QueueFull) => Err(Refusal::throttled()),
            Err(NotRun::Stopped | NotRun::Panicked) => Err(Refusal::internal()),
        };
        count(operation, &result, started);
        result
    }

    fn execute(&self, operation: Operation, request: &[u8]) -> Result<String, Refusal> {
        let text = std::str::from_utf8(request).map_err(|_| Refusal::serialization(None))?;
        let mut request: Value = serde_json::from_str(text).map_err(|error| shapes::unreadable(operation, &error))?;
        shapes::check(operation, &request)?;
        if operation.is_streams() {
            return Streams { store: &self.store, iterators: &self.iterators }.run(operation, &request);
        }
        expression_depth::check(&request)?;
        let text = match self.use_table_name(&mut request) {
            true => Cow::Owned(request.to_string()),
            false => Cow::Borrowed(text),
        };
        let answer = match operation {
            Operation::CreateTable => self.create_table(request),
            Operation::UpdateTable => self.update_table(request),
            Operation::DeleteTable => self.delete_table(&request, &text),
            Operation::DescribeTable => self.describe(operation, &text),
            Operation::UpdateTimeToLive => self.update_time_to_live(&request, &text),
            _ => {
                let answer = self.engine.run(operation, &text);
                self.wake_readers(operation, &request);
                answer
            }
        };
        answer.map_err(|refusal| self.localized(refusal))
    }

    /// AWS takes a table's ARN wherever it takes its name; the engine knows names only.
    fn use_table_name(&self, request: &mut Value) -> bool {
        let Some(name) = request["TableName"].as_str().and_then(|name| self.arns().table_name(name)).map(str::to_owned)
        else {
            return false;
        };
        request["TableName"] = name.into();
        true
    }

    pub(crate) fn describe(&self, operation: Operation, request: &str) -> Result<String, Refusal> {
        description::localize(&self.engine.run(operation, request)?, &self.store)
    }

    fn localized(&self, mut refusal: Refusal) -> Refusal {
        if refusal.message.contains("dynoxide") {
            refusal.message = self.arns().localized(&refusal.message);
            let body = String::from_utf8_lossy(&refusal.body).into_owned();
            refusal.body = self.arns().localized(&body).into();
        }
        refusal
    }

    fn wake_readers(&self, operation: Operation, request: &Value) {
        let each_table = |tables: &mut dyn Iterator<Item = &str>| tables.for_each(|table| self.wake.written(table));
        match operation {
            Operation::PutItem | Operation::UpdateItem | Operation::DeleteItem => {
                each_table(&mut request["TableName"].as_str().into_iter());
            }
            Operation::BatchWriteItem => {
                let tables = request["RequestItems"].as_object().into_iter().flatten();
                each_table(&mut tables.map(|(table, _)| table.as_str()));
            }
            Operation::TransactWriteItems => {
                let actions = request["TransactItems"].as_array().into_iter().flatten();
                let members = actions.filter_map(Value::as_object).flat_map(|action| action.values());
                each_table(&mut members.filter_map(|member| member["TableName"].as_str()));
            }
            // Statements name their tables in their text.
            Operation::ExecuteStatement | Operation::BatchExecuteStatement | Operation::ExecuteTransaction => {
                self.wake.written_somewhere();
            }
            _ => {}
        }
    }

    pub(crate) fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    pub(crate) fn threads(&self) -> &Threads {
        &self.threads
    }

    pub(crate) fn stream_threads(&self) -> &Arc<Threads> {
        &self.stream_threads
    }

    pub(crate) fn store(&self) -> &Arc<StreamStore> {
        &self.store
    }

    pub(crate) fn wake(&self) -> &Wake {
        &self.wake
    }

    pub(crate) fn arns(&self) -> &Arns {
        self.store.arns()
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(crate) fn definitions(&self) -> &Mutex<Connection> {
        &self.definitions
    }
}

fn count(operation: Operation, result: &Result<Bytes, Refusal>, started: Instant) {
    let code = result.as_ref().map_or_else(|refusal| refusal.code.clone(), |_| Cow::Borrowed("OK"));
    metrics::counter!("sluicegate_table_requests_total", "operation" => operation.name(), "code" => code).increment(1);
    metrics::histogram!("sluicegate_table_request_seconds", "operation" => operation.name())
        .record(started.elapsed().as_secs_f64());
}
