//! The gateway as the server sees it: requests in, answers out, and an orderly end.

use crate::account::Account;
use crate::address::{Target, is_execute_api, resolve};
use crate::api::{ApiDefinition, Problems, UsageDefinition};
use crate::authorizer::UsagePlans;
use crate::clock::Clock;
use crate::connect;
use crate::dispatch::Dispatcher;
use crate::domain::Mapped;
use crate::http_connection::{Caller, serve_connection};
use crate::hub::{Hub, HubThreads};
use crate::integration::Integrations;
use crate::log_file::LogFileError;
use crate::management;
use crate::reply;
use crate::stage::{Stage, Stages};
use crate::throttle::{AccountLimits, Throttle};
use crate::traffic::Logs;
use crate::user_agents::UserAgents;
use crate::websocket::handshake;
use bytes::Bytes;
use http::header::HOST;
use http::{Request, StatusCode};
use hyper::body::Body;
use hyper::server::conn::http1;
use hyper_util::rt::TokioTimer;
use sluicegate_endpoint::{Credentials, Response};
use sluicegate_protocol::{AwsService, BoxFuture, CallService, Deliver, DeliverError, Destination, Invoke, StageId};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// WebSocket APIs over a hub. Cloning shares it.
#[derive(Clone)]
pub struct Gateway(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) stages: Stages,
    pub(crate) hub: Hub,
    pub(crate) integrations: Integrations,
    pub(crate) account: Account,
    /// Whose signatures are accepted.
    pub(crate) credentials: Credentials,
    pub(crate) usage_plans: UsagePlans,
    /// Requests between their arrival and the hand-over of their socket.
    pub(crate) handshakes: TaskTracker,
    pub(crate) clock: Clock,
    pub(crate) runtime: Handle,
    pub(crate) user_agents: UserAgents,
    pub(crate) throttle: Throttle,
    logs: Arc<Logs>,
    pub(crate) bytes_in_flight: AtomicUsize,
    /// Milliseconds since the epoch: when the log last said that there is no place left.
    told_full: AtomicU64,
    draining: AtomicBool,
    /// Ends with the last reactor.
    reactors: parking_lot::Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("an API cannot be served:\n{0}")]
    Definition(#[from] Problems),
    #[error("cannot start a reactor thread: {0}")]
    Thread(#[from] io::Error),
    #[error(transparent)]
    LogFile(#[from] LogFileError),
}

/// What a gateway is made of.
pub struct Parts {
    pub apis: Vec<ApiDefinition>,
    pub account: Account,
    /// Who may sign requests. None: a signature must be there, but is not verified.
    pub credentials: Credentials,
    /// API keys and what they may use.
    pub usage: UsageDefinition,
    /// The host that events name, by API id: `{apiId}.execute-api.{region}.amazonaws.com` unless configured otherwise.
    pub domain_name: Box<dyn Fn(&str) -> String + Send + Sync>,
    pub invoke: Arc<dyn Invoke>,
    /// What integrations with AWS services call.
    pub services: Arc<dyn CallService>,
    /// Who takes the events of asynchronous integrations to their functions.
    pub deliver: Arc<dyn Deliver>,
    pub hub: Hub,
    pub threads: HubThreads,
    pub clock: Clock,
    pub options: GatewayOptions,
}

impl Parts {
    /// A gateway of the default account, without credentials, keys or limits of its own, on the system's clock.
    pub fn new(apis: Vec<ApiDefinition>, invoke: Arc<dyn Invoke>, (hub, threads): (Hub, HubThreads)) -> Self {
        let account = Account::default();
        let region = account.region.clone();
        Self {
            apis,
            account,
            credentials: Credentials::default(),
            usage: UsageDefinition::default(),
            domain_name: Box::new(move |api| format!("{api}.execute-api.{region}.amazonaws.com")),
            invoke,
            services: Arc::new(NoServices),
            deliver: Arc::new(NoServices),
            hub,
            threads,
            clock: Clock::System,
            options: GatewayOptions::default(),
        }
    }
}

/// Of a gateway behind which there is no AWS service, nor anything that takes events.
pub struct NoServices;

impl CallService for NoServices {
    fn serves(&self, _: AwsService) -> bool {
        false
    }

    fn call(&self, _: AwsService, _: Request<Bytes>) -> BoxFuture<'_, http::Response<Bytes>> {
        let mut response = http::Response::new(Bytes::from_static(br#"{"message":"no AWS service is served here"}"#));
        *response.status_mut() = StatusCode::NOT_IMPLEMENTED;
        Box::pin(async { response })
    }
}

impl Deliver for NoServices {
    fn deliver<'a>(&'a self, _: &'a Destination, _: String) -> BoxFuture<'a, Result<(), DeliverError>> {
        Box::pin(async { Err(DeliverError::NoSuchDestination) })
    }
}

/// What holds for all APIs of a gateway.
#[derive(Clone, Debug, Default)]
pub struct GatewayOptions {
    /// What all stages together may take. No limit unless given: a server has the room that it has.
    pub account: AccountLimits,
    /// The folder for access logs, which is made when a stage has one. Without it none are written.
    pub access_logs_dir: Option<PathBuf>,
    /// The same for execution logs.
    pub execution_logs_dir: Option<PathBuf>,
}

/// A crowd that is turned away must not fill the log.
const TOLD_FULL_EVERY_MS: u64 = 1_000;

impl Inner {
    /// Says that a client was refused for want of a place, once for all that are within a second.
    pub(crate) fn tell_full(&self, stage: &StageId) {
        let (now, told) = (self.clock.now_ms(), self.told_full.load(Ordering::Relaxed));
        let is_due = now >= told + TOLD_FULL_EVERY_MS;
        if is_due && self.told_full.compare_exchange(told, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            tracing::warn!(%stage, "no place for another connection, and others may be refused: raise max_connections");
        }
    }
}

impl Gateway {
    /// Checks the APIs and starts to serve connections. Call it on the runtime that shall run the integrations.
    pub fn start(parts: Parts) -> Result<Self, StartError> {
        let logs = Arc::new(Logs::new(parts.options.access_logs_dir, parts.options.execution_logs_dir));
        let stages = Stages::new(parts.apis, parts.domain_name, &parts.hub, logs.clone())?;
        let account = parts.account;
        let inner = Arc::new(Inner {
            stages,
            hub: parts.hub,
            integrations: Integrations::new(parts.invoke, parts.services, parts.deliver, account.clone()),
            account,
            credentials: parts.credentials,
            usage_plans: UsagePlans::compile(&parts.usage)?,
            handshakes: TaskTracker::new(),
            clock: parts.clock,
            runtime: Handle::current(),
            user_agents: UserAgents::default(),
            throttle: Throttle::new(parts.options.account),
            logs,
            bytes_in_flight: AtomicUsize::new(0),
            told_full: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            reactors: parking_lot::Mutex::default(),
        });
        *inner.reactors.lock() = Some(parts.threads.start(Arc::new(Dispatcher::new(inner.clone())))?);
        let gateway = Self(inner);
        gateway.warn_of_open_stages(|_| true);
        Ok(gateway)
    }

    /// Serves an API, new or changed. A stage with `autoDeploy` follows at once; others serve the change when their
    /// `deploymentId` is another. Stages that are gone close their connections with 1001.
    ///
    /// # Errors
    /// The definition cannot be served; what was served before goes on.
    pub fn put_api(&self, definition: &ApiDefinition) -> Result<(), StartError> {
        self.0.stages.put(definition)?;
        self.warn_of_open_stages(|stage| *stage.id.api == *definition.api_id);
        Ok(())
    }

    /// Stages that ask for signatures that nobody verifies.
    fn warn_of_open_stages(&self, which: impl Fn(&Stage) -> bool) {
        if self.0.credentials.are_configured() {
            return;
        }
        let stages = self.0.stages.served();
        for stage in stages.iter().filter(|stage| which(stage) && stage.deployment().asks_for_signatures()) {
            tracing::warn!(stage = %stage.id, "no credentials are configured: any signature opens this stage");
        }
    }

    /// Stops serving an API and closes its connections with 1001.
    pub fn remove_api(&self, api: &str) {
        self.0.stages.remove(api);
    }

    /// Whether a request is the gateway's: an upgrade, an address of `@connections`, or the address of a stage.
    pub fn claims<B>(&self, request: &Request<B>) -> bool {
        if handshake::is_upgrade(request.method(), request.version(), request.headers()) {
            return true;
        }
        let path = request.uri().path();
        match self.0.stages.at_domain(host(request), path) {
            Some(Mapped::Nothing) | None => {}
            Some(Mapped::Stage(_) | Mapped::Connection(..) | Mapped::UnknownRoute(_)) => return true,
        }
        match resolve(host(request), path) {
            Some(Target::Connection(..)) => true,
            Some(Target::Stage(address)) => self.0.stages.find(&address).is_some(),
            None => false,
        }
    }

    /// Answers a request that [`claims`](Self::claims) accepted.
    pub async fn respond<B>(&self, request: Request<B>, caller: &Caller) -> Response
    where
        B: Body<Data = Bytes>,
    {
        let inner = &self.0;
        let path = request.uri().path();
        match inner.stages.at_domain(host(&request), path) {
            Some(Mapped::Stage(stage)) => return self.connect(stage, request, caller).await,
            Some(Mapped::Connection(stage, id)) => return management::respond(inner, Some(&stage), &id, request).await,
            Some(Mapped::UnknownRoute(route)) => return reply::no_route(&route, request.method()),
            Some(Mapped::Nothing) => return reply::forbidden(),
            None => {}
        }
        let by_api_host = host(&request).is_some_and(is_execute_api);
        let closed = |stage: &Stage| by_api_host && stage.deployment().execute_api_disabled;
        match resolve(host(&request), path) {
            Some(Target::Connection(address, id)) => {
                let stage = inner.stages.find(&address).filter(|stage| !closed(stage));
                management::respond(inner, stage.as_deref(), &id, request).await
            }
            Some(Target::Stage(address)) => match inner.stages.find(&address).filter(|stage| !closed(stage)) {
                Some(stage) => self.connect(stage, request, caller).await,
                None => reply::forbidden(),
            },
            None => reply::forbidden(),
        }
    }

    /// Serves one connection of a port that leads nowhere but here.
    pub async fn serve(self, connection: (TcpStream, SocketAddr)) {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new());
        let answer = |request, caller: Caller| {
            let gateway = self.clone();
            async move { gateway.respond(request, &caller).await }
        };
        if let Err(error) = serve_connection(&http, connection, std::future::pending(), answer).await {
            tracing::debug!(%error, "an HTTP connection ended early");
        }
    }

    async fn connect<B>(&self, stage: Arc<Stage>, request: Request<B>, caller: &Caller) -> Response {
        if self.0.draining.load(Ordering::Acquire) {
            return connect::unavailable();
        }
        connect::connect(&self.0, stage, request, caller).await
    }

    /// Refuses new connections, closes the open ones with 1001, and returns when every `$disconnect` has run. Bound it
    /// with a timeout: a handler may take its time.
    pub async fn drain(&self) {
        let inner = &self.0;
        inner.draining.store(true, Ordering::Release);
        inner.hub.drain();
        // Whoever is admitted by a `$connect` that is still running gets a proper end too, so the hub outlives them.
        inner.handshakes.close();
        inner.handshakes.wait().await;
        inner.hub.stop();
        let reactors = inner.reactors.lock().take();
        let _ = tokio::task::spawn_blocking(move || reactors.map(JoinHandle::join)).await;
        inner.integrations.tasks.close();
        inner.integrations.tasks.wait().await;
        inner.logs.flush().await;
    }
}

/// Where the client wanted to go: the `Host` header, or the host of an absolute request target.
fn host<B>(request: &Request<B>) -> Option<&str> {
    request.uri().host().or_else(|| request.headers().get(HOST)?.to_str().ok())
}
