//! A server's life: started part by part, each on what is there already, and stopped in reverse.

use crate::admin::Admin;
use crate::api_files::{self, FileProblems};
use crate::applications::{self, SetupError};
use crate::apps::Input;
use crate::collector::Collector;
use crate::config::{Config, Pace, Region};
use crate::data_folder::{DataFolder, DataFolderError};
use crate::function_hosts::{self, HostError};
use crate::health::{Life, Phase};
use crate::listener::{BindError, HttpLimits, Listener, Serving};
use crate::open_files::{self, TooFewFiles};
use crate::prometheus;
use crate::public::Public;
use crate::stacks::{self, OutputValue, Stacks};
use crate::usage_plans::{self, UsageFileError};
use serde::Serialize;
use sluicegate_functions::process::Processes;
use sluicegate_functions::{EventPace, LambdaApi, LambdaOptions, RegisterError};
use sluicegate_gateway::api::ApiDefinition;
use sluicegate_gateway::{Account, AccountLimits, Clock, FrameLimits, Gateway, GatewayOptions, Hub, HubOptions, Parts};
use sluicegate_mappings::{Mappings, RetryPace};
use sluicegate_protocol::{CallTable, Connections, Invoke};
use sluicegate_tables::Tables;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{info, warn};

/// The folders of what stages log, in the data folder.
const ACCESS_LOGS: &str = "access-logs";
const EXECUTION_LOGS: &str = "execution-logs";

/// What can be started.
#[derive(Debug)]
pub struct Server;

/// A server at work. Call [`RunningServer::stop`] to end it in order.
pub struct RunningServer {
    listen: SocketAddr,
    admin: SocketAddr,
    apis: Arc<[ApiAddress]>,
    outputs: Vec<OutputValue>,
    input: Option<Input>,
    region: Region,
    drain_timeout: Duration,
    life: Arc<Life>,
    public_port: Serving,
    collector: Option<Collector>,
    mappings: Mappings,
    processes: Option<Processes>,
    gateway: Gateway,
    api_files: Vec<PathBuf>,
    tables: Tables,
    admin_port: Serving,
    upkeep: JoinHandle<()>,
    data: DataFolder,
}

/// A stage and where clients find it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApiAddress {
    pub id: String,
    pub stage: String,
    pub path: String,
    pub url: String,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("an API file cannot be used:\n{0}")]
    ApiFiles(#[from] FileProblems),
    #[error("the template cannot be served: {}", counted(.0))]
    Template(sluicegate_template::Problems),
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    #[error(transparent)]
    OpenFiles(#[from] TooFewFiles),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("cannot record metrics: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    #[error("cannot open the tables: {0}")]
    Tables(#[from] sluicegate_tables::OpenError),
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("a table of the template cannot be had: {0}")]
    StackTables(#[from] stacks::TableError),
    #[error("cannot run a function: {0}")]
    FunctionHosts(#[from] HostError),
    #[error("cannot set up the functions: {0}")]
    Functions(#[from] RegisterError),
    #[error("cannot prepare for connections: {0}")]
    Hub(#[from] std::io::Error),
    #[error(transparent)]
    UsagePlans(#[from] UsageFileError),
    #[error("cannot start the gateway: {0}")]
    Gateway(#[from] sluicegate_gateway::StartError),
    #[error("cannot start the mappings: {0}")]
    Mappings(#[from] sluicegate_mappings::StartError),
}

impl Server {
    /// Starts everything; when it returns, clients are served.
    pub async fn start(mut config: Config) -> Result<RunningServer, StartError> {
        let access_key = function_hosts::issue_access_key(&mut config);
        let files = api_files::read(&config.api.0)?;
        let mut stacks = Stacks::read(&config).map_err(StartError::Template)?;
        let places = open_files::places(&config)?;
        let (max_connections, limits) = (places.websockets, HttpLimits::of(&config, places.http));
        let data = DataFolder::lock(&config.data)?;
        stacks.build(data.path(), config.node_modules.0.as_deref()).await.map_err(StartError::Template)?;
        let life = Arc::new(Life::default());
        let metrics = prometheus::recorder()?;
        let upkeep = tokio::spawn(prometheus::upkeep(metrics.clone()));

        // Operators can ask from here on; clients only when there is something to answer them.
        let opened_tables: Arc<OnceLock<Arc<dyn CallTable>>> = Arc::default();
        let admin = Admin { life: Arc::clone(&life), metrics, tables: Arc::clone(&opened_tables) };
        let admin_listener = Listener::bind("admin", config.admin).await?;
        let admin_addr = admin_listener.address();
        let admin_port = admin_listener.serve(limits, admin);

        let tables = Tables::open(table_options(&config, &data)).await?;
        let call_table: Arc<dyn CallTable> = Arc::new(tables.clone());
        // Nobody else sets it.
        let _ = opened_tables.set(Arc::clone(&call_table));
        let applications = applications::chosen(&config);
        let mut definitions = applications::apis(&applications, &files);
        definitions.extend(stacks.apis());
        if definitions.len() > 1 && !config.domain_name.tells_apis_apart() {
            warn!(
                "domain_name does not tell several APIs apart: handlers that post there reach none; write {{api}} into it"
            );
        }
        applications::create_tables(&applications, &tables).await?;
        stacks.create_tables(&tables).await?;

        let (hub, threads) = Hub::new(hub_options(&config, max_connections), Clock::System)?;
        let connections: Arc<dyn Connections> = Arc::new(hub.clone());
        // Functions are told the address, so it must be known; nobody is answered on it yet.
        let listener = Listener::bind("listen", config.listen).await?;
        let listen = listener.address();
        let addresses = stacks.addresses(listen, &tables);
        let described = api_files::process_functions(&files).chain(stacks.functions(&addresses)).collect();
        let (processes, loaded) =
            function_hosts::load(&config, described, &definitions, data.path(), listen, access_key)?;
        let functions = Arc::new(applications::functions(&applications, &files, loaded, &connections, &call_table)?);
        let lambda = LambdaApi::new(Arc::clone(&functions), lambda_options(&config));
        let invoke: Arc<dyn Invoke> = functions;
        let (region, domain_name) = (config.region.clone(), config.domain_name.clone());
        let gateway = Gateway::start(Parts {
            apis: definitions.clone(),
            account: Account { region: config.region.to_string(), account_id: config.account.to_string() },
            credentials: config.credentials.clone(),
            usage: usage_plans::read(&config.usage_plans)?,
            domain_name: Box::new(move |api| domain_name.of(api, &region)),
            invoke: Arc::clone(&invoke),
            hub,
            threads,
            clock: Clock::System,
            options: GatewayOptions {
                account: AccountLimits::default(),
                access_logs_dir: Some(data.path().join(ACCESS_LOGS)),
                execution_logs_dir: Some(data.path().join(EXECUTION_LOGS)),
            },
        })?;
        let mut mappings = applications::mappings(&applications)?;
        mappings.extend(stacks.mappings());
        let mappings = Mappings::start(mappings, tables.clone(), invoke, RetryPace::default()).await?;

        let apis: Arc<[ApiAddress]> = definitions.iter().flat_map(|api| ApiAddress::of_stages(listen, api)).collect();
        let public = Public {
            gateway: gateway.clone(),
            tables: tables.clone(),
            lambda,
            apis: Arc::clone(&apis),
            request_timeout: config.request_timeout,
        };
        let public_port = listener.serve(limits, public);
        let input = config.app.0.iter().find_map(|app| app.input);
        let collector = collector(&config, input, call_table);

        life.enter(Phase::Serving);
        info!(%listen, admin = %admin_addr, max_connections, data = %data.path().display(), "serving");
        Ok(RunningServer {
            listen,
            admin: admin_addr,
            apis,
            outputs: stacks.outputs(&addresses),
            input,
            region: config.region,
            drain_timeout: config.drain_timeout,
            life,
            public_port,
            collector,
            mappings,
            processes,
            gateway,
            api_files: config.api.0.clone(),
            tables,
            admin_port,
            upkeep,
            data,
        })
    }
}

impl RunningServer {
    /// The public address, with the port that was chosen.
    pub fn listen_addr(&self) -> SocketAddr {
        self.listen
    }

    /// The operators' address, with the port that was chosen.
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin
    }

    pub fn apis(&self) -> &[ApiAddress] {
        &self.apis
    }

    /// Of the template, with addresses that lead here.
    pub fn outputs(&self) -> &[OutputValue] {
        &self.outputs
    }

    /// What to write to see something move.
    pub(crate) fn input(&self) -> Option<Input> {
        self.input
    }

    pub(crate) fn region(&self) -> &Region {
        &self.region
    }

    /// Reads the API files again and serves what has changed in them: at once at stages with `autoDeploy`, at others when their
    /// `deploymentId` is another. A file that cannot be used changes nothing. New functions, and new addresses of
    /// functions, need a restart.
    pub fn reload(&self) {
        let files = match api_files::read(&self.api_files) {
            Ok(files) => files,
            Err(problems) => return warn!("the API files were not reloaded:\n{problems}"),
        };
        for file in &files {
            let api = &file.definition.api_id;
            match self.gateway.put_api(&file.definition) {
                Ok(()) => info!(api, "reloaded"),
                Err(error) => warn!(api, "not reloaded: {error}"),
            }
        }
    }

    /// Drains: accepts nothing more, closes sockets with 1001, runs `$disconnect` for each, flushes. What is not done by
    /// `drain_timeout` is left undone.
    pub async fn stop(self) {
        info!("draining");
        self.life.enter(Phase::Draining);
        let deadline = Deadline(Instant::now() + self.drain_timeout);
        self.public_port.stop_accepting();
        if let Some(collector) = self.collector {
            deadline.bound("the collector", collector.stop()).await;
        }
        deadline.bound("connections and their $disconnect", self.gateway.drain()).await;
        deadline.bound("HTTP requests", self.public_port.drain()).await;
        deadline.bound("mappings", self.mappings.stop()).await;
        if let Some(processes) = self.processes {
            deadline.bound("functions", processes.stop()).await;
        }
        deadline.bound("tables", self.tables.close()).await;
        deadline.bound("the admin port", self.admin_port.drain()).await;
        self.upkeep.abort();
        // Last of all: from here on another server may use the folder.
        drop(self.data);
        info!("stopped");
    }
}

/// When everything must have ended.
struct Deadline(Instant);

impl Deadline {
    async fn bound(&self, what: &str, ending: impl Future<Output = ()>) {
        if tokio::time::timeout_at(self.0, ending).await.is_err() {
            warn!("{what} did not end within drain_timeout; stopping without");
        }
    }
}

impl ApiAddress {
    fn of_stages(listen: SocketAddr, api: &ApiDefinition) -> impl Iterator<Item = Self> {
        api.stages.iter().map(move |stage| Self::new(listen, &api.api_id, &stage.stage_name))
    }

    fn new(listen: SocketAddr, id: &str, stage: &str) -> Self {
        let path = format!("/{id}/{stage}");
        Self { id: id.into(), stage: stage.into(), url: format!("ws://{listen}{path}"), path }
    }
}

fn counted(problems: &sluicegate_template::Problems) -> String {
    match problems.problems.len() + problems.more {
        1 => "it has a problem".to_owned(),
        count => format!("it has {count} problems"),
    }
}

fn table_options(config: &Config, data: &DataFolder) -> sluicegate_tables::Options {
    sluicegate_tables::Options {
        region: config.region.to_string(),
        account: config.account.to_string(),
        credentials: config.credentials.clone(),
        ..sluicegate_tables::Options::new(data.path())
    }
}

fn lambda_options(config: &Config) -> LambdaOptions {
    LambdaOptions {
        region: config.region.to_string(),
        account: config.account.to_string(),
        credentials: config.credentials.clone(),
        event_pace: EventPace::default(),
    }
}

fn hub_options(config: &Config, max_connections: u32) -> HubOptions {
    HubOptions {
        max_connections: max_connections as usize,
        frames: FrameLimits { frame: config.max_frame.0, message: config.max_message.0 },
        outbound_queue_bytes: config.outbound_queue.0,
        idle_timeout_ms: config.idle_timeout.as_millis() as u64,
        max_age_ms: config.max_connection_age.as_millis() as u64,
        ..HubOptions::default()
    }
}

fn collector(config: &Config, input: Option<Input>, tables: Arc<dyn CallTable>) -> Option<Collector> {
    match (config.collector, input) {
        (Pace::Every(pace), Some(input)) => Some(Collector::start(tables, input.table, pace)),
        (Pace::Off, _) | (_, None) => None,
    }
}
