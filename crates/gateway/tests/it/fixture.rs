//! A gateway on a port of its own, functions given as closures, and clients that speak plainly.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sluicegate_endpoint::Credentials;
use sluicegate_gateway::api::{ApiDefinition, UsageDefinition};
use sluicegate_gateway::{Account, Clock, Gateway, GatewayOptions, Hub, HubOptions, NoServices, Parts};
use sluicegate_protocol::{
    BoxFuture, CallService, Connections, Deliver, DeliverError, Destination, FunctionError, Invocation, Invoke,
    InvokeError, StageId,
};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, ClientRequestBuilder, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Nothing here takes that long; a test that does has failed.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub const CONNECT: &str = "connect";
pub const DISCONNECT: &str = "disconnect";
pub const DEFAULT: &str = "default";
pub const ECHO: &str = "echo";

/// What a function does with an event.
type Behaviour = Box<dyn Fn(&Value) -> Reply + Send + Sync>;

pub enum Reply {
    Json(Value),
    Throws,
    /// Fails with this message.
    Fails(&'static str),
    Missing,
    Throttled,
    /// Waits until the test says so, then answers.
    After(Arc<Notify>, Value),
}

pub fn ok() -> Reply {
    Reply::Json(json!({"statusCode": 200}))
}

/// Functions by name; all events are kept.
#[derive(Default)]
pub struct Functions {
    behaviours: Vec<(&'static str, Behaviour)>,
    events: Mutex<Vec<(String, Value)>>,
    count: watch::Sender<usize>,
}

impl Functions {
    pub fn on(mut self, name: &'static str, behaviour: impl Fn(&Value) -> Reply + Send + Sync + 'static) -> Self {
        self.behaviours.push((name, Box::new(behaviour)));
        self
    }
}

impl Invoke for Functions {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
        let event: Value = serde_json::from_slice(&invocation.payload).unwrap();
        let reply = match self.behaviours.iter().rev().find(|(name, _)| *name == &*invocation.function) {
            Some((_, behaviour)) => behaviour(&event),
            None => ok(),
        };
        self.events.lock().unwrap().push((invocation.function.to_string(), event));
        self.count.send_modify(|count| *count += 1);
        Box::pin(async move {
            match reply {
                Reply::Json(value) => Ok(value.to_string().into()),
                Reply::Throws => Err(failure("boom")),
                Reply::Fails(message) => Err(failure(message)),
                Reply::Missing => Err(InvokeError::NotFound),
                Reply::Throttled => Err(InvokeError::Throttled),
                Reply::After(signal, value) => {
                    signal.notified().await;
                    Ok(value.to_string().into())
                }
            }
        })
    }
}

/// Events are run at once.
impl Deliver for Functions {
    fn deliver<'a>(&'a self, destination: &'a Destination, text: String) -> BoxFuture<'a, Result<(), DeliverError>> {
        let invocation = Invocation { function: destination.name().into(), payload: text.into() };
        Box::pin(async move {
            let _ = self.invoke(invocation).await;
            Ok(())
        })
    }
}

fn failure(message: &str) -> InvokeError {
    InvokeError::Function(FunctionError { error_type: "Error".to_owned(), message: message.to_owned() })
}

/// Who may do what beyond what the APIs themselves say.
#[derive(Default)]
pub struct Access {
    pub credentials: Credentials,
    pub usage: UsageDefinition,
    pub services: Option<Arc<dyn CallService>>,
}

pub struct Server {
    pub address: SocketAddr,
    pub gateway: Gateway,
    pub hub: Hub,
    pub clock: Clock,
    pub stage: StageId,
    functions: Arc<Functions>,
}

/// `echo` answers with its body, the lifecycle routes and `$default` have a function each.
pub fn api() -> ApiDefinition {
    let integration = |function: &str| json!({"integrationType": "AWS_PROXY", "integrationUri": function});
    let route = |key: &str, function: &str| json!({"routeKey": key, "target": format!("integrations/{function}")});
    let mut echo = route("echo", ECHO);
    echo["routeResponseSelectionExpression"] = json!("$default");
    echo["routeResponses"] = json!([{"routeResponseKey": "$default"}]);
    let definition = json!({
        "apiId": "chat",
        "routeSelectionExpression": "$request.body.action",
        "integrations": {
            CONNECT: integration(CONNECT), DISCONNECT: integration(DISCONNECT),
            DEFAULT: integration(DEFAULT), ECHO: integration(ECHO),
        },
        "routes": [route("$connect", CONNECT), route("$disconnect", DISCONNECT), route("$default", DEFAULT), echo],
        "stages": [{"stageName": "prod"}],
    });
    serde_json::from_value(definition).unwrap()
}

/// [`api`] with another stage.
pub fn api_with_stage(stage: Value) -> ApiDefinition {
    let mut api = api();
    api.stages.push(serde_json::from_value(stage).unwrap());
    api
}

impl Server {
    pub async fn start(functions: Functions) -> Self {
        Self::with(functions, vec![api()], HubOptions::default(), Clock::System).await
    }

    pub async fn with(functions: Functions, apis: Vec<ApiDefinition>, options: HubOptions, clock: Clock) -> Self {
        Self::with_all(functions, apis, Access::default(), options, clock, GatewayOptions::default()).await
    }

    pub async fn with_options(
        functions: Functions,
        apis: Vec<ApiDefinition>,
        hub: HubOptions,
        clock: Clock,
        options: GatewayOptions,
    ) -> Self {
        Self::with_all(functions, apis, Access::default(), hub, clock, options).await
    }

    pub async fn with_access(
        functions: Functions,
        apis: Vec<ApiDefinition>,
        access: Access,
        hub: HubOptions,
        clock: Clock,
    ) -> Self {
        Self::with_all(functions, apis, access, hub, clock, GatewayOptions::default()).await
    }

    pub async fn with_all(
        functions: Functions,
        apis: Vec<ApiDefinition>,
        access: Access,
        hub: HubOptions,
        clock: Clock,
        options: GatewayOptions,
    ) -> Self {
        let functions = Arc::new(functions);
        let (hub, threads) = Hub::new(hub, clock.clone()).unwrap();
        let gateway = Gateway::start(Parts {
            apis,
            account: Account { region: "eu-west-1".into(), account_id: "111122223333".into() },
            credentials: access.credentials,
            usage: access.usage,
            domain_name: Box::new(|api| format!("{api}.execute-api.us-east-1.amazonaws.com")),
            invoke: functions.clone(),
            services: access.services.unwrap_or_else(|| Arc::new(NoServices)),
            deliver: functions.clone(),
            hub: hub.clone(),
            threads,
            clock: clock.clone(),
            options,
        })
        .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(accept(listener, gateway.clone()));
        Self { address, gateway, hub, clock, stage: StageId::new("chat", "prod"), functions }
    }

    pub fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    pub async fn connect(&self) -> Client {
        self.connect_to(ClientRequestBuilder::new(self.url("/prod").parse().unwrap())).await.unwrap()
    }

    pub async fn connect_to(&self, request: ClientRequestBuilder) -> Result<Client, tungstenite::Error> {
        let socket = TcpStream::connect(self.address).await.unwrap();
        let config = WebSocketConfig::default().max_frame_size(None).max_message_size(None);
        let (socket, response) =
            tokio_tungstenite::client_async_with_config(request, MaybeTlsStream::Plain(socket), Some(config)).await?;
        Ok(Client { socket, headers: response.headers().clone() })
    }

    /// The status and body of a refused handshake.
    pub async fn refusal(&self, path: &str) -> (u16, http::HeaderMap, String) {
        match self.connect_to(ClientRequestBuilder::new(self.url(path).parse().unwrap())).await {
            Err(tungstenite::Error::Http(response)) => {
                let body = String::from_utf8(response.body().clone().unwrap_or_default()).unwrap();
                (response.status().as_u16(), response.headers().clone(), body)
            }
            Err(other) => panic!("no HTTP answer: {other}"),
            Ok(_) => panic!("connected"),
        }
    }

    /// Waits until a function was called `count` times and returns its events.
    pub async fn events(&self, function: &str, count: usize) -> Vec<Value> {
        let mut changes = self.functions.count.subscribe();
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                let events = self.seen(function);
                if events.len() >= count {
                    return events;
                }
                changes.changed().await.unwrap();
            }
        });
        waited.await.unwrap_or_else(|_| panic!("{function} was called {} of {count} times", self.seen(function).len()))
    }

    /// The events a function was sent so far.
    pub fn seen(&self, function: &str) -> Vec<Value> {
        let events = self.functions.events.lock().unwrap();
        events.iter().filter(|(name, _)| name == function).map(|(_, event)| event.clone()).collect()
    }

    /// A signed-looking HTTP request; status, headers and body of the answer.
    pub async fn http(&self, method: &str, path: &str, body: impl Into<Bytes>) -> (u16, http::HeaderMap, String) {
        let signature = "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c";
        let request = http::Request::builder().method(method).uri(path).header("authorization", signature);
        self.raw_http(request.header("host", "localhost").body(Full::new(body.into())).unwrap()).await
    }

    pub async fn raw_http(&self, request: http::Request<Full<Bytes>>) -> (u16, http::HeaderMap, String) {
        let socket = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.unwrap();
        tokio::spawn(connection);
        let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status.as_u16(), parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    /// Broadcasts to the stage.
    pub async fn broadcast(&self, messages: &[&str]) -> sluicegate_protocol::Broadcast {
        let messages = messages.iter().map(|message| Bytes::copy_from_slice(message.as_bytes())).collect();
        self.hub.broadcast(&self.stage, messages).await.unwrap()
    }
}

async fn accept(listener: TcpListener, gateway: Gateway) {
    loop {
        tokio::spawn(gateway.clone().serve(listener.accept().await.unwrap()));
    }
}

pub struct Client {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub headers: http::HeaderMap,
}

impl Client {
    pub async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// The next message of any kind but control frames, as text.
    pub async fn receive(&mut self) -> String {
        loop {
            match self.next().await {
                Some(Message::Text(text)) => return text.to_string(),
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("no text but {other:?}"),
            }
        }
    }

    pub async fn next(&mut self) -> Option<Message> {
        tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("a message in time")?.ok()
    }

    /// Reads until the close frame: its code and reason. `None` if the socket ended without one.
    pub async fn closed(&mut self) -> Option<(u16, String)> {
        loop {
            match self.next().await {
                Some(Message::Close(Some(frame))) => return Some((frame.code.into(), frame.reason.to_string())),
                Some(Message::Close(None)) => return Some((1005, String::new())),
                Some(_) => {}
                None => return None,
            }
        }
    }

    /// Writes bytes past the client's own protocol.
    pub async fn send_raw(&mut self, bytes: &[u8]) {
        use tokio::io::AsyncWriteExt;
        let MaybeTlsStream::Plain(socket) = self.socket.get_mut() else { unreachable!("tests speak plain TCP") };
        socket.write_all(bytes).await.unwrap();
    }
}
