//! The gateway as the server sees it: requests in, answers out, and an orderly end.

use crate::account::Account;
use crate::address::{Target, resolve};
use crate::api::{ApiDefinition, Problems, UsageDefinition};
use crate::authorizer::UsagePlans;
use crate::clock::Clock;
use crate::connect;
use crate::dispatch::Dispatcher;
use crate::event::Arrival;
use crate::head::Head;
use crate::hub::{Hub, HubThreads};
use crate::integration::Integrations;
use crate::management;
use crate::reply;
use crate::stage::Stages;
use crate::user_agents::UserAgents;
use crate::websocket::handshake;
use bytes::Bytes;
use http::Request;
use http::header::HOST;
use hyper::body::Body;
use sluicegate_endpoint::{Credentials, Response};
use sluicegate_protocol::Invoke;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// WebSocket APIs over a hub. Cloning shares it.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

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
    pub(crate) bytes_in_flight: AtomicUsize,
    draining: AtomicBool,
    reactors: parking_lot::Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("an API cannot be served:\n{0}")]
    Definition(#[from] Problems),
    #[error("cannot start a reactor thread: {0}")]
    Thread(#[from] io::Error),
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
    pub hub: Hub,
    pub threads: HubThreads,
    pub clock: Clock,
}

/// A request as it arrived.
pub struct Arrived<'a> {
    pub remote: SocketAddr,
    pub local: SocketAddr,
    pub head: &'a Head,
}

impl Gateway {
    /// Checks the APIs and starts to serve connections. Call it on the runtime that shall run the integrations.
    pub fn start(parts: Parts) -> Result<Self, StartError> {
        let stages = Stages::new(parts.apis, parts.domain_name, &parts.hub)?;
        if !parts.credentials.are_configured() {
            for stage in stages.iter().filter(|stage| stage.deployment().asks_for_signatures()) {
                tracing::warn!(stage = %stage.id, "no credentials are configured: any signature opens this stage");
            }
        }
        let inner = Arc::new(Inner {
            stages,
            hub: parts.hub,
            account: parts.account,
            credentials: parts.credentials,
            usage_plans: UsagePlans::compile(&parts.usage)?,
            integrations: Integrations { invoke: parts.invoke, tasks: TaskTracker::new() },
            handshakes: TaskTracker::new(),
            clock: parts.clock,
            runtime: Handle::current(),
            user_agents: UserAgents::default(),
            bytes_in_flight: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
            reactors: parking_lot::Mutex::default(),
        });
        *inner.reactors.lock() = parts.threads.start(Arc::new(Dispatcher(inner.clone())))?;
        Ok(Self(inner))
    }

    /// Whether a request is the gateway's: an upgrade, an address of `@connections`, or the address of a stage.
    pub fn claims<B>(&self, request: &Request<B>) -> bool {
        if handshake::is_upgrade(request.method(), request.version(), request.headers()) {
            return true;
        }
        match resolve(host(request), request.uri().path()) {
            Some(Target::Connection(..)) => true,
            Some(Target::Stage(address)) => self.0.stages.find(&address).is_some(),
            None => false,
        }
    }

    /// Answers a request that [`claims`](Self::claims) accepted.
    pub async fn respond<B>(&self, request: Request<B>, arrived: Arrived<'_>) -> Response
    where
        B: Body<Data = Bytes>,
    {
        let inner = &self.0;
        match resolve(host(&request), request.uri().path()) {
            Some(Target::Connection(address, id)) => {
                let stage = inner.stages.find(&address).cloned();
                management::respond(inner, stage.as_deref(), &id, request).await
            }
            Some(Target::Stage(address)) => match inner.stages.find(&address) {
                Some(_) if inner.draining.load(Ordering::Acquire) => connect::unavailable(),
                Some(stage) => {
                    let arrival = Arrival { remote: arrived.remote, local_port: arrived.local.port() };
                    connect::connect(inner, stage.clone(), request, arrived.head, arrival).await
                }
                None => reply::forbidden(),
            },
            None => reply::forbidden(),
        }
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
        let reactors = std::mem::take(&mut *inner.reactors.lock());
        let ended = tokio::task::spawn_blocking(move || reactors.into_iter().for_each(|thread| drop(thread.join())));
        let _ = ended.await;
        inner.integrations.tasks.close();
        inner.integrations.tasks.wait().await;
    }
}

/// Where the client wanted to go: the `Host` header, or the host of an absolute request target.
fn host<B>(request: &Request<B>) -> Option<&str> {
    request.uri().host().or_else(|| request.headers().get(HOST)?.to_str().ok())
}
