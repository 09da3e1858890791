//! The application as a server sets it up, over real tables; only the sockets are played by the test.

use bytes::Bytes;
use serde_json::{Value, json};
use sluicegate_functions::{FunctionOptions, Functions};
use sluicegate_handler::{Clients, MessageSender, StageId, TableClient};
use sluicegate_live_metrics::{CONNECTIONS_TABLE, application};
use sluicegate_mappings::{Mapping, MappingSettings, Mappings, Ports, RetryPace, StartingPosition};
use sluicegate_protocol::{
    BoxFuture, Broadcast, CallTable, ConnectionDetails, ConnectionId, Connections, Deliver, DeliverError, Destination,
    Invocation, Invoke, PostError,
};
use sluicegate_tables::{Options, Tables};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc;

/// Sockets that are open as long as the test says so.
#[derive(Default)]
pub(crate) struct Sockets {
    open: Mutex<HashSet<ConnectionId>>,
    posted: Mutex<Vec<(ConnectionId, Value)>>,
    broadcasts: Mutex<Option<mpsc::UnboundedSender<Vec<Bytes>>>>,
}

impl Sockets {
    pub(crate) fn open(&self, id: ConnectionId) {
        self.open.lock().unwrap().insert(id);
    }

    /// What was posted to `id` since the last call.
    pub(crate) fn take_posted(&self, id: ConnectionId) -> Vec<Value> {
        let mut posted = self.posted.lock().unwrap();
        let (taken, left) = posted.drain(..).partition(|(to, _)| *to == id);
        *posted = left;
        taken.into_iter().map(|(_, message): (ConnectionId, Value)| message).collect()
    }
}

impl Connections for Sockets {
    fn post<'a>(&'a self, _: &'a StageId, id: ConnectionId, message: Bytes) -> BoxFuture<'a, Result<(), PostError>> {
        Box::pin(async move {
            if !self.open.lock().unwrap().contains(&id) {
                return Err(PostError::Gone);
            }
            assert!(message.len() <= sluicegate_protocol::limits::MESSAGE_BYTES);
            self.posted.lock().unwrap().push((id, serde_json::from_slice(&message).unwrap()));
            Ok(())
        })
    }

    fn get<'a>(&'a self, _: &'a StageId, id: ConnectionId) -> BoxFuture<'a, Option<ConnectionDetails>> {
        Box::pin(async move {
            let is_open = self.open.lock().unwrap().contains(&id);
            is_open.then(|| ConnectionDetails {
                connected_at: 0,
                last_active_at: 0,
                source_ip: "127.0.0.1".into(),
                user_agent: None,
            })
        })
    }

    fn delete<'a>(&'a self, _: &'a StageId, id: ConnectionId) -> BoxFuture<'a, bool> {
        Box::pin(async move { self.open.lock().unwrap().remove(&id) })
    }

    fn broadcast<'a>(&'a self, _: &'a StageId, messages: Vec<Bytes>) -> BoxFuture<'a, Result<Broadcast, PostError>> {
        Box::pin(async move {
            if let Some(broadcasts) = &*self.broadcasts.lock().unwrap() {
                broadcasts.send(messages).unwrap();
            }
            Ok(Broadcast::default())
        })
    }
}

/// The application's mappings tell nobody of what they give up.
struct NoDestinations;

impl Deliver for NoDestinations {
    fn deliver<'a>(&'a self, _: &'a Destination, _: String) -> BoxFuture<'a, Result<(), DeliverError>> {
        Box::pin(async { Err(DeliverError::NoSuchDestination) })
    }
}

pub(crate) struct World {
    pub(crate) tables: Tables,
    pub(crate) sockets: Arc<Sockets>,
    functions: Arc<Functions>,
    broadcasts: mpsc::UnboundedReceiver<Vec<Bytes>>,
    _mappings: Mappings,
    _folder: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_rows(&[]).await
    }

    /// `rows` are in the connections table before the application starts, as after a crash.
    pub(crate) async fn with_rows(rows: &[Value]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tables = Tables::open(Options::new(folder.path())).await.unwrap();
        for request in sluicegate_live_metrics::tables() {
            tables.create_if_absent(request).await.unwrap();
        }
        for row in rows {
            client(&tables).put(CONNECTIONS_TABLE, row).await.unwrap();
        }

        let application = application(Duration::ZERO);
        for request in &application.time_to_live {
            call(&tables, "UpdateTimeToLive", request).await;
        }
        let (sender, broadcasts) = mpsc::unbounded_channel();
        let sockets = Arc::new(Sockets { broadcasts: Mutex::new(Some(sender)), ..Sockets::default() });
        let stage = StageId::new(application.name, application.stage);
        let connections = MessageSender::new(Arc::clone(&sockets) as Arc<dyn Connections>, stage);
        let clients = Clients { connections, tables: client(&tables) };
        let functions = application.functions.into_iter().fold(Functions::builder(), |builder, function| {
            let options = FunctionOptions { timeout: function.timeout, concurrency: function.concurrency };
            builder.register(function.name, function.function, clients.clone(), options)
        });
        let functions = Arc::new(functions.build().unwrap());
        let mappings = application.mappings.into_iter().map(|mapping| {
            let settings = MappingSettings {
                batch_size: mapping.batch_size,
                batch_window: mapping.batch_window,
                maximum_retry_attempts: mapping.maximum_retry_attempts,
                bisect_batch_on_function_error: mapping.bisect_batch_on_function_error,
                ..MappingSettings::new(mapping.id, mapping.table, mapping.function, StartingPosition::Latest)
            };
            Mapping::try_from(settings).unwrap()
        });
        let ports = Ports { invoke: Arc::clone(&functions) as Arc<dyn Invoke>, deliver: Arc::new(NoDestinations) };
        let mappings = Mappings::start(mappings.collect(), tables.clone(), ports, RetryPace::default()).await.unwrap();
        Self { tables, sockets, functions, broadcasts, _mappings: mappings, _folder: folder }
    }

    /// Invokes the function behind a route, with an event as the gateway makes it.
    pub(crate) async fn route(&self, route_key: &str, id: ConnectionId, body: Option<&str>) -> Value {
        let routes = application(Duration::ZERO).routes;
        let route = routes.iter().find(|route| route.route_key == route_key).unwrap();
        let event = json!({
            "requestContext": {"routeKey": route_key, "connectionId": id.to_string(), "connectedAt": now_ms(),
                               "identity": {"sourceIp": "198.51.100.7", "userAgent": "ExampleClient/1.0"}},
            "body": body
        });
        let invocation = Invocation { function: route.function.into(), payload: Bytes::from(event.to_string()) };
        serde_json::from_slice(&self.functions.invoke(invocation).await.unwrap()).unwrap()
    }

    /// What a client says and what it is told.
    pub(crate) async fn say(&self, id: ConnectionId, message: &str) -> Vec<Value> {
        let answer = self.route("$default", id, Some(message)).await;
        assert_eq!(answer["statusCode"], 200);
        self.sockets.take_posted(id)
    }

    /// The next broadcast, as parsed messages.
    pub(crate) async fn next_broadcast(&mut self) -> Vec<Value> {
        let messages = self.broadcasts.recv().await.unwrap();
        messages.iter().map(|message| serde_json::from_slice(message).unwrap()).collect()
    }

    pub(crate) async fn call(&self, operation: &'static str, request: Value) -> Value {
        call(&self.tables, operation, &request).await
    }

    pub(crate) fn client(&self) -> TableClient {
        client(&self.tables)
    }

    pub(crate) async fn connection_row(&self, id: &str) -> Option<Value> {
        self.client().get(CONNECTIONS_TABLE, &json!({"connectionId": id})).await.unwrap()
    }
}

async fn call(tables: &Tables, operation: &'static str, request: &Value) -> Value {
    let answer = tables.call(operation, Bytes::from(request.to_string())).await.unwrap();
    serde_json::from_slice(&answer).unwrap()
}

fn client(tables: &Tables) -> TableClient {
    TableClient::new(Arc::new(tables.clone()))
}

pub(crate) fn id(slot: u32) -> ConnectionId {
    ConnectionId::new(1, slot, u64::from(slot) * 7)
}

fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_millis() as u64
}
