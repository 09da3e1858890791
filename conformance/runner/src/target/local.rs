//! Our gateway in this process, on a port and with a clock of its own, for one case.

use super::backend::{Arrived as BackendRequest, Backend};
use super::callers::{self, ACCOUNT, REGION};
use super::functions::{Functions, Recorded};
use crate::case::{ApiChange, Domain, Given};
use crate::names::Names;
use crate::usual_api::ApiDraft;
use crate::wire::patiently;
use serde_json::Value;
use sluicegate_gateway::api::{ApiDefinition, DomainNameDefinition};
use sluicegate_gateway::{Clock, Gateway, GatewayOptions, Hub, HubOptions, NoServices, Parts};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// 4 March 2026, 10:20:30.117 UTC: when every case starts.
const START_MS: u64 = 1_772_619_630_117;

pub struct Local {
    pub address: SocketAddr,
    pub clock: Clock,
    api: String,
    draft: ApiDraft,
    domains: Vec<DomainNameDefinition>,
    gateway: Gateway,
    functions: Arc<Functions>,
    backend: Backend,
    logs: TempDir,
    accepting: AbortHandle,
}

/// Why a case has no gateway to run on.
#[derive(Debug)]
pub enum NotStarted {
    /// The definition was refused, which a case may want.
    Refused(String),
    Broken(String),
}

impl Local {
    /// Serves the usual API, changed as the case wants it, under an id of the case's own.
    pub async fn start(api: &str, given: &Given, names: Names) -> Result<Self, NotStarted> {
        let broken = |error: &dyn std::fmt::Display| NotStarted::Broken(error.to_string());
        let backend = Backend::start(given.backend.clone()).await.map_err(|error| broken(&error))?;
        let logs = tempfile::tempdir().map_err(|error| broken(&error))?;
        let mut all_names = names;
        for (name, value) in own_names(api, backend.address) {
            all_names.set(name, value);
        }
        let functions = Arc::new(Functions::new(given.functions.clone(), all_names.clone()));
        let mut draft = ApiDraft::usual(api);
        draft.change(&given.api);
        let domains: Vec<_> = given.domains.iter().map(domain_name).collect();
        let definition = definition(&draft, &domains, &all_names).map_err(NotStarted::Refused)?;
        let clock = Clock::manual(START_MS);
        let (hub, threads) = Hub::new(hub_options(given), clock.clone()).map_err(|error| broken(&error))?;
        let gateway = Gateway::start(Parts {
            apis: vec![definition],
            account: callers::account(),
            credentials: callers::credentials().map_err(NotStarted::Broken)?,
            usage: callers::usage(api, &given.api_keys),
            domain_name: Box::new(domain_of),
            invoke: functions.clone(),
            services: Arc::new(NoServices),
            deliver: functions.clone(),
            hub,
            threads,
            clock: clock.clone(),
            options: GatewayOptions { access_logs_dir: Some(logs.path().to_owned()), ..GatewayOptions::default() },
        })
        .map_err(|error| NotStarted::Refused(error.to_string()))?;
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| broken(&error))?;
        let address = listener.local_addr().map_err(|error| broken(&error))?;
        let accepting = tokio::spawn(accept(listener, gateway.clone())).abort_handle();
        Ok(Self { address, clock, api: api.to_owned(), draft, domains, gateway, functions, backend, logs, accepting })
    }

    pub fn domain(&self) -> String {
        domain_of(&self.api)
    }

    pub fn names(&self) -> Names {
        let mut names = Names::default();
        for (name, value) in own_names(&self.api, self.backend.address) {
            names.set(name, value);
        }
        names
    }

    pub async fn called(&self, function: &str, times: usize) -> Result<Vec<Recorded>, String> {
        self.functions.called(function, times).await
    }

    /// The event of the last client that connected.
    pub fn last_connect(&self) -> Option<Value> {
        self.functions.last_connect()
    }

    pub fn release(&self, function: &str) {
        self.functions.release(function);
    }

    pub fn backend_requests(&self) -> Vec<BackendRequest> {
        self.backend.requests()
    }

    pub async fn backend_request(&self, nth: usize) -> Result<BackendRequest, String> {
        self.backend.request(nth).await
    }

    /// Changes the API while it is served.
    pub fn change(&mut self, change: &ApiChange) -> Result<(), String> {
        self.draft.change(change);
        let definition = definition(&self.draft, &self.domains, &self.names())?;
        self.gateway.put_api(&definition).map_err(|error| error.to_string())
    }

    /// Ends the gateway in order and returns the lines of its access logs.
    pub async fn access_log(&self) -> Result<Vec<String>, String> {
        patiently("the gateway's end", self.gateway.drain()).await?;
        let mut lines = Vec::new();
        for entry in std::fs::read_dir(self.logs.path()).map_err(|error| error.to_string())? {
            let path = entry.map_err(|error| error.to_string())?.path();
            lines.extend(read(&path)?.lines().map(str::to_owned));
        }
        Ok(lines)
    }

    /// The API's id, which is a label of its metrics.
    pub fn api(&self) -> &str {
        &self.api
    }

    /// Ends everything.
    pub async fn stop(self) -> Result<(), String> {
        // Functions that nobody released would keep the gateway from ending.
        self.functions.release_all();
        patiently("the gateway's end", self.gateway.drain()).await?;
        self.accepting.abort();
        Ok(())
    }
}

fn own_names(api: &str, backend: SocketAddr) -> [(&'static str, String); 5] {
    [
        ("api", api.to_owned()),
        ("domain", domain_of(api)),
        ("backend", format!("http://{backend}")),
        ("region", REGION.to_owned()),
        ("account", ACCOUNT.to_owned()),
    ]
}

fn domain_of(api: &str) -> String {
    format!("{api}.execute-api.{REGION}.amazonaws.com")
}

fn definition(draft: &ApiDraft, domains: &[DomainNameDefinition], names: &Names) -> Result<ApiDefinition, String> {
    let filled = names.fill_json(&draft.definition())?;
    let definition: ApiDefinition = serde_json::from_value(filled).map_err(|error| error.to_string())?;
    Ok(ApiDefinition { domain_names: domains.to_vec(), ..definition })
}

fn domain_name(domain: &Domain) -> DomainNameDefinition {
    let Domain { name, key, stage } = domain.clone();
    DomainNameDefinition { domain_name: name, api_mapping_key: key, stage }
}

fn hub_options(given: &Given) -> HubOptions {
    let usual = HubOptions::default();
    HubOptions {
        reactors: 1,
        max_connections: 64,
        messages_in_flight: given.server.messages_in_flight.unwrap_or(1),
        outbound_queue_bytes: given.server.outbound_queue_bytes.unwrap_or(usual.outbound_queue_bytes),
        ..usual
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

async fn accept(listener: TcpListener, gateway: Gateway) {
    while let Ok(connection) = listener.accept().await {
        tokio::spawn(gateway.clone().serve(connection));
    }
}
