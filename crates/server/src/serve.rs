//! A server's life: started part by part, each on what is there already, and stopped in reverse.

use crate::admin::Admin;
use crate::applications;
use crate::apps::Input;
use crate::changes::Reloaded;
use crate::collector::Collector;
use crate::config::{Config, Pace, Region};
use crate::converge::{Fixed, Refusal, Served};
use crate::data_folder::{DataFolder, DataFolderError};
use crate::directory::{Directory, Published};
use crate::function_hosts;
use crate::health::{Life, Phase};
use crate::listener::{BindError, HttpLimits, Listener, Serving};
use crate::local_services::{FunctionDestinations, LocalServices};
use crate::open_files::{self, TooFewFiles};
use crate::origins::Seen;
use crate::prometheus;
use crate::public::Public;
use crate::usage_plans::{self, UsageFileError};
use crate::wanted::Wanted;
use arc_swap::ArcSwap;
use sluicegate_functions::{EventPace, Functions, LambdaApi, LambdaOptions};
use sluicegate_gateway::{Account, AccountLimits, Clock, FrameLimits, Gateway, GatewayOptions, Hub, HubOptions, Parts};
use sluicegate_mappings::queue::QueueMappings;
use sluicegate_mappings::{Mappings, Ports, RetryPace};
use sluicegate_protocol::{CallTable, Connections, Deliver, Invoke};
use sluicegate_queues::Queues;
use sluicegate_tables::Tables;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use tokio::sync::Mutex;
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
    directory: Directory,
    input: Option<Input>,
    config: Arc<Config>,
    life: Arc<Life>,
    public_port: Serving,
    collector: Option<Collector>,
    served: Mutex<Served>,
    /// Where it was read from.
    seen: ArcSwap<Seen>,
    gateway: Gateway,
    tables: Tables,
    queues: Queues,
    admin_port: Serving,
    upkeep: JoinHandle<()>,
    data: DataFolder,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Refused(#[from] Refusal),
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
    Queues(#[from] sluicegate_queues::OpenError),
    #[error("cannot prepare for connections: {0}")]
    Hub(#[from] std::io::Error),
    #[error(transparent)]
    UsagePlans(#[from] UsageFileError),
    #[error("cannot start the gateway: {0}")]
    Gateway(#[from] sluicegate_gateway::StartError),
}

impl Server {
    /// Starts everything; when it returns, clients are served.
    pub async fn start(mut config: Config) -> Result<RunningServer, StartError> {
        let access_key = function_hosts::issue_access_key(&mut config);
        let (wanted, seen) = Wanted::read(&config);
        let wanted = wanted?;
        wanted.stacks.tell_notes();
        let places = open_files::places(&config)?;
        let (max_connections, limits) = (places.websockets, HttpLimits::of(&config, places.http));
        let data = DataFolder::lock(&config.data)?;
        let wanted = wanted.build(&config, data.path()).await?;
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
        let (hub, threads) = Hub::new(hub_options(&config, max_connections), Clock::System)?;
        let connections: Arc<dyn Connections> = Arc::new(hub.clone());
        // Functions are told the address, so it must be known; nobody is answered on it yet.
        let listener = Listener::bind("listen", config.listen).await?;
        let listen = listener.address();
        let functions = Arc::new(Functions::default());
        let lambda = LambdaApi::new(Arc::clone(&functions), lambda_options(&config));
        let invoke: Arc<dyn Invoke> = Arc::clone(&functions) as Arc<dyn Invoke>;
        let queues = Queues::open(queue_options(&config, &data, listen, &lambda)).await?;
        let services = Arc::new(LocalServices::new(tables.clone(), queues.clone(), lambda.clone()));
        let deliver: Arc<dyn Deliver> = Arc::clone(&services) as Arc<dyn Deliver>;
        lambda.deliver_through(Arc::downgrade(&deliver));
        let (region, domain_name) = (config.region.clone(), config.domain_name.clone());
        let gateway = Gateway::start(Parts {
            apis: Vec::new(),
            account: Account { region: config.region.to_string(), account_id: config.account.to_string() },
            credentials: config.credentials.clone(),
            usage: usage_plans::read(&config.usage_plans, &wanted.stacks, data.path())?,
            domain_name: Box::new(move |api| domain_name.of(api, &region)),
            invoke: Arc::clone(&invoke),
            services,
            deliver: Arc::clone(&deliver),
            hub,
            threads,
            clock: Clock::System,
            options: GatewayOptions {
                account: AccountLimits::default(),
                access_logs_dir: Some(data.path().join(ACCESS_LOGS)),
                execution_logs_dir: Some(data.path().join(EXECUTION_LOGS)),
            },
        })?;
        let ports = Ports { invoke: Arc::clone(&invoke), deliver };
        let mappings = Mappings::start(Vec::new(), tables.clone(), ports, RetryPace::default());
        let mappings = mappings.await.map_err(Refusal::from)?;
        let queue_mappings = QueueMappings::start(Vec::new(), queues.clone(), invoke, RetryPace::default());
        let queue_mappings = queue_mappings.await.map_err(Refusal::from)?;
        let config = Arc::new(config);
        let fixed = Fixed {
            config: Arc::clone(&config),
            applications: applications::chosen(&config),
            data: data.path().to_owned(),
            listen,
            access_key,
            tables: tables.clone(),
            queues: queues.clone(),
            call_table: Arc::clone(&call_table),
            connections,
            functions,
            gateway: gateway.clone(),
        };
        let directory = Directory::default();
        let mut served = Served::nothing(fixed, mappings, queue_mappings, directory.clone());
        served.become_like(&wanted).await?;

        let public = Public {
            gateway: gateway.clone(),
            tables: tables.clone(),
            queues: queues.clone(),
            lambda,
            directory: directory.clone(),
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
            directory,
            input,
            config,
            life,
            public_port,
            collector,
            served: Mutex::new(served),
            seen: ArcSwap::from_pointee(seen),
            gateway,
            tables,
            queues,
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

    /// Where clients find what is served, and the template's outputs.
    pub fn published(&self) -> Arc<Published> {
        self.directory.published()
    }

    /// What to write to see something move.
    pub(crate) fn input(&self) -> Option<Input> {
        self.input
    }

    pub(crate) fn region(&self) -> &Region {
        &self.config.region
    }

    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// Where what is served was read from.
    pub(crate) fn seen(&self) -> Arc<Seen> {
        self.seen.load_full()
    }

    /// Reads API files, template and code again, and serves what they say now. What has not changed goes on undisturbed. What
    /// cannot be served changes nothing. Stages without `autoDeploy` of an API file follow when their `deploymentId` is another.
    pub async fn reload(&self) -> Result<Reloaded, Refusal> {
        let mut served = self.served.lock().await;
        let started = Instant::now();
        let config = Arc::clone(&self.config);
        let (wanted, mut seen) = match tokio::task::spawn_blocking(move || Wanted::read(&config)).await {
            Ok(read) => read,
            Err(ended) => std::panic::resume_unwind(ended.into_panic()),
        };
        let reloaded = async { served.become_like(&wanted?.build(&self.config, self.data.path()).await?).await }.await;
        if reloaded.is_err() {
            // What is still served comes from where it came from.
            seen.add(&self.seen());
        }
        self.seen.store(Arc::new(seen));
        Ok(Reloaded { took: started.elapsed(), ..reloaded? })
    }

    /// Drains: accepts nothing more, closes sockets with 1001, runs `$disconnect` for each, flushes. What is not done by
    /// `drain_timeout` is left undone.
    pub async fn stop(self) {
        info!("draining");
        self.life.enter(Phase::Draining);
        let deadline = Deadline(Instant::now() + self.config.drain_timeout);
        self.public_port.stop_accepting();
        if let Some(collector) = self.collector {
            deadline.bound("the collector", collector.stop()).await;
        }
        deadline.bound("connections and their $disconnect", self.gateway.drain()).await;
        self.queues.stop_waiting();
        deadline.bound("HTTP requests", self.public_port.drain()).await;
        let (mappings, queue_mappings, processes) = self.served.into_inner().into_parts();
        deadline.bound("mappings", async { tokio::join!(mappings.stop(), queue_mappings.stop()) }).await;
        if let Some(processes) = processes {
            deadline.bound("functions", processes.stop()).await;
        }
        deadline.bound("tables", self.tables.close()).await;
        deadline.bound("queues", self.queues.close()).await;
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
    async fn bound(&self, what: &str, ending: impl Future) {
        if tokio::time::timeout_at(self.0, ending).await.is_err() {
            warn!("{what} did not end within drain_timeout; stopping without");
        }
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

fn queue_options(
    config: &Config,
    data: &DataFolder,
    listen: SocketAddr,
    functions: &LambdaApi,
) -> sluicegate_queues::Options {
    sluicegate_queues::Options {
        data_dir: data.path().to_owned(),
        region: config.region.to_string(),
        account: config.account.to_string(),
        base_url: format!("http://{}", function_hosts::reachable(listen)),
        credentials: config.credentials.clone(),
        functions: Arc::new(FunctionDestinations::new(functions.clone())),
        clock: sluicegate_queues::Clock::system(),
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
