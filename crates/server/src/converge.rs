//! What is served, and how it becomes what is wanted. A start is the first such change, from nothing.
//!
//! ```text
//! Wanted ─→ checked: APIs, tables, queues, code ─→ tables, queues ─→ functions ─→ APIs ─→ mappings ─→ what is not wanted any more goes
//! ```
//!
//! Everything that can be refused is refused before anything is changed. What stays the same is left alone: its connections,
//! processes and invocations notice nothing.

use crate::api_files::{self, ApiFile, FileProblems, FunctionKind};
use crate::applications::{self, SetupError};
use crate::changes::{Changes, Reloaded};
use crate::config::Config;
use crate::directory::{Directory, Published};
use crate::function_hosts::{self, HostError};
use crate::wanted::Wanted;
use sluicegate_functions::process::{AccessKey, LoadError, ProcessFunction, Processes};
use sluicegate_functions::{Functions, FunctionsBuilder, RegisterError};
use sluicegate_gateway::Gateway;
use sluicegate_gateway::api::{self, ApiDefinition};
use sluicegate_handler::{Application, Function};
use sluicegate_mappings::Mappings;
use sluicegate_mappings::queue::{self, QueueMappings};
use sluicegate_protocol::{CallTable, Connections};
use sluicegate_queues::{QueueChange, Queues};
use sluicegate_tables::{TableChange, Tables};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::warn;

/// How long a function that is not wanted any more still answers: connections that end with it get their `$disconnect`.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Why what is wanted cannot be served; then what was served before still is.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("an API file cannot be used:\n{0}")]
    ApiFiles(#[from] FileProblems),
    #[error("the template cannot be served: {}", counted(.0))]
    Template(sluicegate_template::Problems),
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("cannot run a function: {0}")]
    FunctionHosts(#[from] HostError),
    #[error("cannot set up the functions: {0}")]
    Functions(#[from] RegisterError),
    #[error("cannot serve an API: {0}")]
    Api(#[from] sluicegate_gateway::StartError),
    #[error("two APIs have the id {0}; give one of them another")]
    DuplicateApi(String),
    #[error("cannot start the mappings: {0}")]
    Mappings(#[from] sluicegate_mappings::StartError),
    #[error("cannot start the mappings: {0}")]
    QueueMappings(#[from] queue::StartError),
}

/// The parts of a server that stay, whatever they serve.
pub(crate) struct Fixed {
    pub(crate) config: Arc<Config>,
    pub(crate) applications: Vec<Application>,
    pub(crate) data: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) access_key: AccessKey,
    pub(crate) tables: Tables,
    pub(crate) queues: Queues,
    pub(crate) call_table: Arc<dyn CallTable>,
    pub(crate) connections: Arc<dyn Connections>,
    pub(crate) functions: Arc<Functions>,
    pub(crate) gateway: Gateway,
}

/// What is served at this moment.
pub(crate) struct Served {
    fixed: Fixed,
    /// None until a function needs them.
    processes: Option<Arc<Processes>>,
    mappings: Mappings,
    queue_mappings: QueueMappings,
    apis: Vec<ApiDefinition>,
    /// By address: a function that stays where it is stays the same.
    endpoints: HashMap<String, Function>,
    directory: Directory,
    letting_go: Option<JoinHandle<()>>,
}

impl Served {
    /// Nothing yet.
    pub(crate) fn nothing(
        fixed: Fixed,
        mappings: Mappings,
        queue_mappings: QueueMappings,
        directory: Directory,
    ) -> Self {
        Self {
            fixed,
            processes: None,
            mappings,
            queue_mappings,
            apis: Vec::new(),
            endpoints: HashMap::new(),
            directory,
            letting_go: None,
        }
    }

    /// Serves what is wanted instead of what is served.
    pub(crate) async fn become_like(&mut self, wanted: &Wanted) -> Result<Reloaded, Refusal> {
        let started = Instant::now();
        let apis = self.check(wanted).await?;
        let mut changes = Changes::default();
        self.converge_tables(wanted, &mut changes).await?;
        self.converge_queues(wanted, &mut changes).await?;
        self.update_functions(wanted, &apis, &mut changes).await?;
        self.update_apis(apis, &mut changes)?;
        let mut mappings = applications::mappings(&self.fixed.applications)?;
        mappings.extend_from_slice(wanted.stacks.mappings());
        changes.mappings(self.mappings.update(mappings).await?);
        changes.mappings(self.queue_mappings.update(wanted.stacks.queue_mappings().to_vec()).await?);
        self.let_go_soon();
        let published = self.published(wanted);
        let is_announced_anew = self.directory.publish(published);
        Ok(Reloaded { changes: changes.into_vec(), is_announced_anew, took: started.elapsed() })
    }

    /// Refuses what cannot be, before anything is changed. Returns the APIs.
    async fn check(&mut self, wanted: &Wanted) -> Result<Vec<ApiDefinition>, Refusal> {
        let apis = applications::apis(&self.fixed.applications, &wanted.files, wanted.stacks.apis());
        for (number, definition) in apis.iter().enumerate() {
            api::check(definition).map_err(sluicegate_gateway::StartError::from)?;
            if find(&apis[..number], &definition.api_id).is_some() {
                return Err(Refusal::DuplicateApi(definition.api_id.clone()));
            }
        }
        wanted.stacks.check_tables(&self.fixed.tables).await.map_err(Refusal::Template)?;
        wanted.stacks.check_queues(&self.fixed.queues).await.map_err(Refusal::Template)?;
        let described = wanted.process_functions();
        if described.is_empty() && self.processes.is_none() {
            return Ok(apis);
        }
        let Fixed { config, data, listen, access_key, .. } = &self.fixed;
        let processes = match &self.processes {
            Some(processes) => processes,
            None => {
                let started = function_hosts::start(config, data, *listen, access_key.clone());
                let started = self.processes.insert(started.map_err(HostError::from)?.into());
                // No function runs yet that knows others.
                started.set_api_names(function_hosts::names(config, &apis));
                started
            }
        };
        let check = |processes: &Processes, function| processes.check(&function);
        let mut failed = each(processes, described, check).await.err().unwrap_or_default();
        failed.retain(|error| !wanted.stacks.is_forgiven(error));
        if failed.is_empty() { Ok(apis) } else { Err(not_loaded(wanted, failed)) }
    }

    async fn converge_tables(&self, wanted: &Wanted, changes: &mut Changes) -> Result<(), Refusal> {
        let Fixed { applications, tables, .. } = &self.fixed;
        applications::create_tables(applications, tables).await?;
        let converged = wanted.stacks.converge_tables(tables).await.map_err(Refusal::Template)?;
        for (name, change) in converged {
            match change {
                TableChange::Created => changes.add("table", name, "created"),
                TableChange::Changed(done) if done.is_empty() => {}
                TableChange::Changed(done) => changes.add("table", name, format!("changed ({})", done.join("; "))),
            }
        }
        Ok(())
    }

    async fn converge_queues(&self, wanted: &Wanted, changes: &mut Changes) -> Result<(), Refusal> {
        for (name, change) in wanted.stacks.converge_queues(&self.fixed.queues).await.map_err(Refusal::Template)? {
            match change {
                QueueChange::Created => changes.add("queue", name, "created"),
                QueueChange::Changed => changes.add("queue", name, "changed"),
                QueueChange::None => {}
            }
        }
        Ok(())
    }

    async fn update_functions(
        &mut self,
        wanted: &Wanted,
        apis: &[ApiDefinition],
        changes: &mut Changes,
    ) -> Result<(), Refusal> {
        let Fixed { config, applications, listen, tables, call_table, connections, functions, .. } = &self.fixed;
        // Only now: streams have got their names.
        let addresses = wanted.stacks.addresses(*listen, tables);
        let described =
            api_files::process_functions(&wanted.files).chain(wanted.stacks.functions(&addresses)).collect();
        let loaded = match &self.processes {
            Some(processes) => {
                processes.set_api_names(function_hosts::names(config, apis));
                let loaded = each(processes, described, Processes::load).await;
                loaded.map_err(|failed| not_loaded(wanted, failed))?
            }
            None => Vec::new(),
        };
        let endpoints = endpoints(&wanted.files, &self.endpoints);
        let builder = loaded.into_iter().fold(Functions::builder(), FunctionsBuilder::register_loaded);
        let builder = applications::register(builder, applications, &wanted.files, &endpoints, connections, call_table);
        changes.functions(functions.update(builder)?);
        self.endpoints = endpoints;
        if let Some(processes) = &self.processes {
            processes.remove_unused_code();
        }
        Ok(())
    }

    fn update_apis(&mut self, wanted: Vec<ApiDefinition>, changes: &mut Changes) -> Result<(), Refusal> {
        if wanted.len() > 1 && !self.fixed.config.domain_name.tells_apis_apart() {
            warn!(
                "domain_name does not tell several APIs apart: handlers that post there reach none; write {{api}} into it"
            );
        }
        for definition in &wanted {
            let id = &definition.api_id;
            let before = find(&self.apis, id);
            if before == Some(definition) {
                continue;
            }
            self.fixed.gateway.put_api(definition)?;
            changes.add("API", id, if before.is_some() { "changed" } else { "added" });
        }
        for id in self.apis.iter().map(|api| &api.api_id).filter(|id| find(&wanted, id).is_none()) {
            self.fixed.gateway.remove_api(id);
            changes.add("API", id, "removed");
        }
        self.apis = wanted;
        Ok(())
    }

    fn let_go_soon(&mut self) {
        let functions = Arc::clone(&self.fixed.functions);
        let later = tokio::spawn(async move {
            tokio::time::sleep(LAST_WORDS).await;
            functions.let_go();
        });
        if let Some(earlier) = self.letting_go.replace(later) {
            earlier.abort();
        }
    }

    fn published(&self, wanted: &Wanted) -> Published {
        let Fixed { listen, tables, .. } = &self.fixed;
        let outputs = wanted.stacks.outputs(&wanted.stacks.addresses(*listen, tables));
        Published::new(*listen, &self.apis, outputs)
    }

    /// What has to be ended, one after the other.
    pub(crate) fn into_parts(self) -> (Mappings, QueueMappings, Option<Arc<Processes>>) {
        if let Some(letting_go) = self.letting_go {
            letting_go.abort();
        }
        (self.mappings, self.queue_mappings, self.processes)
    }
}

fn find<'a>(apis: &'a [ApiDefinition], id: &str) -> Option<&'a ApiDefinition> {
    apis.iter().find(|api| api.api_id == id)
}

/// Does something for each function, away from the threads that serve: it may unpack code.
async fn each<T: Send + 'static>(
    processes: &Arc<Processes>,
    functions: Vec<ProcessFunction>,
    load: impl Fn(&Processes, ProcessFunction) -> Result<T, LoadError> + Send + 'static,
) -> Result<Vec<T>, Vec<LoadError>> {
    let processes = Arc::clone(processes);
    let work = move || {
        let (mut loaded, mut failed) = (Vec::new(), Vec::new());
        for function in functions {
            match load(&processes, function) {
                Ok(one) => loaded.push(one),
                Err(error) => failed.push(error),
            }
        }
        if failed.is_empty() { Ok(loaded) } else { Err(failed) }
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(loaded) => loaded,
        Err(ended) => std::panic::resume_unwind(ended.into_panic()),
    }
}

/// Problems of the template where functions are its own.
fn not_loaded(wanted: &Wanted, failed: Vec<LoadError>) -> Refusal {
    let problems: Vec<_> = failed.iter().filter_map(|error| wanted.stacks.place_load_error(error)).collect();
    if problems.is_empty() {
        return Refusal::FunctionHosts(HostError::Load(failed));
    }
    Refusal::Template(sluicegate_template::Problems { problems, more: 0 })
}

/// The endpoints that API files name; the same ones as before where they are the same.
fn endpoints(files: &[ApiFile], before: &HashMap<String, Function>) -> HashMap<String, Function> {
    let named = files.iter().flat_map(|file| &file.functions).filter_map(|function| match &function.kind {
        FunctionKind::Http { url, function, .. } => {
            Some((url.clone(), Arc::clone(before.get(url).unwrap_or(function))))
        }
        FunctionKind::Process(_) => None,
    });
    named.collect()
}

fn counted(problems: &sluicegate_template::Problems) -> String {
    match problems.problems.len() + problems.more {
        1 => "it has a problem".to_owned(),
        count => format!("it has {count} problems"),
    }
}
