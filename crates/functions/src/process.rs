//! Functions that run as local processes, over the Lambda Runtime API.
//!
//! A process works on one event at a time, so concurrency is a number of processes. Each has a Runtime API of its own
//! (`runtime_api`), a group of its own, and an environment in which nothing of the server's is (`environment`). Whatever
//! handlers do (print, fork, exit, answer twice, never answer), it ends with their process, and all of that is bounded by
//! `limits`.

mod code;
mod description;
mod environment;
mod handler_file;
mod instance;
mod interception;
mod interpreter;
mod keeper;
mod launch;
mod limits;
mod log;
mod output;
mod pool;
mod proc;
mod runtime;
mod runtime_api;
mod settings;
mod shim;

pub use code::{is_code, own_paths};
pub use description::{Code, DEFAULT_MEMORY_MB, DescriptionError, LATEST, MAX_MEMORY_MB, ProcessFunction};
pub use interception::{AuthorityError, InterceptionError};
pub use launch::LoadProblem;
pub use limits::{DEFAULT_IDLE_TIMEOUT, DEFAULT_MAX_PROCESSES};
pub use runtime::{Runtime, RuntimeError};
pub use settings::{AccessKey, Settings};
pub use shim::ShimError;

#[cfg(feature = "fuzzing")]
pub use runtime_api::fuzzing;

pub(crate) use pool::Pool;
pub(crate) use runtime_api::Request;

use code::Store;
use interception::{Interception, remove_leftovers};
use interpreter::Interpreters;
use keeper::Keeper;
use launch::{Launch, Machine, write_bootstraps};
use limits::WATCH_INTERVAL;
use log::{FunctionLog, LogThread};
use pool::Plan;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Folders in the data folder.
const RUNTIME_FOLDER: &str = "function-runtime";
const CODE_FOLDER: &str = "function-code";
const LOG_FOLDER: &str = "function-logs";

/// Starts and watches the processes of all functions. One for each server.
#[derive(Debug)]
pub struct Processes {
    settings: Mutex<Settings>,
    store: Store,
    interpreters: Interpreters,
    /// Started for the first function that needs it.
    interception: Mutex<Option<Arc<Interception>>>,
    runtime_dir: PathBuf,
    logs: LogThread,
    /// Of every function that was ever loaded: two writers of one file would rotate it under each other.
    logs_by_function: Mutex<HashMap<Arc<str>, Arc<FunctionLog>>>,
    keeper: Option<Keeper>,
    mark: Arc<str>,
    pools: Arc<Mutex<Vec<Weak<Pool>>>>,
    watch: JoinHandle<()>,
}

/// Local processes cannot be had at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot prepare {} for functions: {error}", path.display())]
pub struct PrepareError {
    path: PathBuf,
    error: io::Error,
}

/// A function cannot run as local processes.
#[derive(Debug, thiserror::Error)]
#[error("function {function}: {problem}")]
pub struct LoadError {
    pub function: String,
    pub problem: Box<LoadProblem>,
}

/// A function that is ready to be registered.
#[derive(Debug)]
pub struct LoadedFunction {
    pub(crate) pool: Arc<Pool>,
    pub(crate) function: ProcessFunction,
    pub(crate) arn: String,
}

impl Processes {
    /// Prepares the folders under the data folder. Within a tokio runtime.
    pub fn new(settings: Settings) -> Result<Self, PrepareError> {
        let failed = |path: &PathBuf| {
            let path = path.clone();
            move |error| PrepareError { path, error }
        };
        let [runtime_dir, code, logs] =
            [RUNTIME_FOLDER, CODE_FOLDER, LOG_FOLDER].map(|folder| settings.data.join(folder));
        write_bootstraps(&runtime_dir).and_then(|()| shim::remove_all(&runtime_dir)).map_err(failed(&runtime_dir))?;
        remove_leftovers(&settings.data).map_err(failed(&settings.data))?;
        std::fs::create_dir_all(&code).map_err(failed(&code))?;
        // Programs are run by their full path, wherever they stand.
        let runtime_dir = runtime_dir.canonicalize().map_err(failed(&runtime_dir))?;
        let code = code.canonicalize().map_err(failed(&code))?;
        let own = own_paths(&settings.data);
        let log_thread = LogThread::start(logs.clone()).map_err(failed(&logs))?;
        let mark: Arc<str> = format!("{:016x}", fastrand::u64(..)).into();
        let keeper = Keeper::start(&mark)
            .map_err(|error| {
                tracing::warn!(
                    "functions would outlive this server if it were killed: /bin/sh cannot be started: {error}"
                );
            })
            .ok();
        let pools = Arc::<Mutex<Vec<Weak<Pool>>>>::default();
        let watch = tokio::spawn(watch(Arc::clone(&pools)));
        Ok(Self {
            settings: Mutex::new(settings),
            store: Store::at(code, own),
            interpreters: Interpreters::default(),
            interception: Mutex::default(),
            runtime_dir,
            logs: log_thread,
            logs_by_function: Mutex::default(),
            keeper,
            mark,
            pools,
            watch,
        })
    }

    /// The names of APIs that are served here from now on; functions that are loaded know them.
    pub fn set_api_names(&self, names: Vec<String>) {
        lock(&self.settings).api_names = names;
    }

    /// Unpacks and checks the code of a function; its first process is started by its first event. Blocks. Within a tokio
    /// runtime.
    pub fn load(&self, function: ProcessFunction) -> Result<LoadedFunction, LoadError> {
        let launch = self.prepare(&function)?;
        let Settings { region, account, max_processes, idle_timeout, .. } = lock(&self.settings).clone();
        let name: Arc<str> = function.name.as_str().into();
        let plan = Plan {
            function: Arc::clone(&name),
            launch,
            timeout: function.timeout,
            memory_mb: function.memory_mb,
            max_processes: function.reserved_concurrency.unwrap_or(max_processes).max(1),
            idle_timeout,
            mark: Arc::clone(&self.mark),
        };
        let log = match lock(&self.logs_by_function).entry(Arc::clone(&name)) {
            Entry::Occupied(known) => Arc::clone(known.get()),
            Entry::Vacant(first) => {
                warn_of_ignored_variables(&function);
                Arc::clone(first.insert(Arc::new(self.logs.function(&name))))
            }
        };
        let pool = Arc::new(Pool::new(plan, log, self.keeper.clone()));
        lock(&self.pools).push(Arc::downgrade(&pool));
        let arn = format!("arn:aws:lambda:{region}:{account}:function:{name}");
        Ok(LoadedFunction { pool, function, arn })
    }

    /// Checks that a function could be loaded, and that the file of its handler is there. What it takes to run it may still
    /// change, but not its code. Blocks. Within a tokio runtime.
    pub fn check(&self, function: &ProcessFunction) -> Result<(), LoadError> {
        let launch = self.prepare(function)?;
        if handler_file::is_there(function, launch.task_root()) {
            return Ok(());
        }
        let (handler, folder) = (function.handler.clone(), launch.task_root().to_owned());
        let problem = Box::new(LoadProblem::NoHandlerFile { handler, folder });
        Err(LoadError { function: function.name.clone(), problem })
    }

    fn prepare(&self, function: &ProcessFunction) -> Result<Launch, LoadError> {
        let settings = lock(&self.settings).clone();
        let prepare = || {
            let interception = match function.runtime {
                Runtime::Provided => self.interception(&settings)?,
                // They have shims.
                Runtime::Node { .. } | Runtime::Python { .. } => None,
            };
            let machine =
                Machine { store: &self.store, interpreters: &self.interpreters, runtime_dir: &self.runtime_dir };
            Launch::prepare(function, &settings, machine, interception)
        };
        prepare().map_err(|problem| LoadError { function: function.name.clone(), problem: problem.into() })
    }

    /// For the names that are served now. Functions that were loaded when there were others keep what they have got.
    fn interception(&self, settings: &Settings) -> Result<Option<Arc<Interception>>, LoadProblem> {
        let mut running = lock(&self.interception);
        if running.as_ref().is_none_or(|running| !running.is_for(settings)) {
            *running = Interception::start(settings, &self.runtime_dir)?.map(Arc::new);
        }
        Ok(running.clone())
    }

    /// Removes unpacked code that no loaded function needs; called when all are loaded.
    pub fn remove_unused_code(&self) {
        if let Err(error) = self.store.remove_unused() {
            tracing::warn!(%error, "code of functions that is not needed any more cannot be removed");
        }
    }

    /// Ends processes that have been without work since long before `now`. Done by itself twice a second.
    pub fn reap_idle(&self, now: Instant) {
        live(&self.pools).iter().for_each(|pool| pool.reap(now));
    }

    /// Ends all processes: SIGTERM, and soon after SIGKILL.
    pub async fn stop(&self) {
        self.watch.abort();
        let stopping: Vec<_> =
            live(&self.pools).into_iter().map(|pool| tokio::spawn(async move { pool.stop().await })).collect();
        for one in stopping {
            let _ = one.await;
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl LoadedFunction {
    pub fn name(&self) -> &str {
        &self.function.name
    }

    pub fn arn(&self) -> &str {
        &self.arn
    }
}

/// Once for each function, however often it is loaded.
fn warn_of_ignored_variables(function: &ProcessFunction) {
    for name in environment::ignored(function) {
        tracing::warn!(
            function = function.name,
            "the environment variable {name} is set by the platform; the function's value is ignored"
        );
    }
}

/// Looks after all processes, for as long as there are any.
async fn watch(pools: Arc<Mutex<Vec<Weak<Pool>>>>) {
    let mut ticks = interval(WATCH_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let pools = live(&pools);
        let groups: Vec<u32> = pools.iter().flat_map(|pool| pool.groups()).collect();
        if groups.is_empty() {
            continue;
        }
        let Ok(usage) = tokio::task::spawn_blocking(move || proc::usage(groups)).await else { continue };
        for pool in pools {
            pool.enforce(&usage);
            pool.reap(Instant::now());
        }
    }
}

fn live(pools: &Mutex<Vec<Weak<Pool>>>) -> Vec<Arc<Pool>> {
    let mut pools = lock(pools);
    pools.retain(|pool| pool.strong_count() > 0);
    pools.iter().filter_map(Weak::upgrade).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
