//! How a process of a function is started: which program, where, with what, and under which limits.

use super::code::{Binary, CodeError, LoadedCode, Store, inspect};
use super::description::{DescriptionError, ProcessFunction};
use super::environment::{self, Known};
use super::interception::{Interception, InterceptionError, leave_to_shims};
use super::interpreter::{InterpreterError, Interpreters};
use super::limits::OPEN_FILES;
use super::runtime::{NodeRules, Runtime};
use super::settings::Settings;
use super::shim::{self, ShimError};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, PipeReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use tokio::process::{Child, Command};

/// The programs that run handlers, and their names in the runtime folder.
const BOOTSTRAPS: [(&str, &str); 2] =
    [(NODE, include_str!("../../bootstrap/node.cjs")), (PYTHON, include_str!("../../bootstrap/python.py"))];
const NODE: &str = "bootstrap.cjs";
const PYTHON: &str = "bootstrap.py";
/// Memory that may be written to beyond the ceiling that is watched: what grows faster than it is looked at ends here.
const DATA_HEADROOM_MB: u64 = 1_024;

/// Why a function cannot run as local processes.
#[derive(Debug, thiserror::Error)]
pub enum LoadProblem {
    #[error(transparent)]
    Description(#[from] DescriptionError),
    #[error(transparent)]
    Interpreter(#[from] InterpreterError),
    #[error(transparent)]
    Code(#[from] CodeError),
    #[error("layer {number}: {problem}")]
    Layer { number: usize, problem: CodeError },
    #[error("there is no file of `{handler}` in {}; correct the handler, or the folder it is looked for in", folder.display())]
    NoHandlerFile { handler: String, folder: PathBuf },
    #[error("there is no file `bootstrap` in {} or a layer; custom runtimes begin with it", .0.display())]
    NoBootstrap(PathBuf),
    #[error("{} is not executable; say `chmod +x`", .0.display())]
    NotExecutable(PathBuf),
    #[error(
        "{} is built for {machine}, and this machine is {}; build it for this one",
        path.display(),
        std::env::consts::ARCH
    )]
    WrongMachine { path: PathBuf, machine: String },
    #[error("{} is neither a program of this machine nor a script that begins with `#!`", .0.display())]
    NoProgram(PathBuf),
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error(transparent)]
    Interception(#[from] InterceptionError),
    #[error(transparent)]
    Shim(#[from] ShimError),
}

/// Everything that starting a process takes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Launch {
    program: PathBuf,
    arguments: Vec<OsString>,
    task_root: PathBuf,
    /// Its own and that of layers.
    code: Vec<LoadedCode>,
    environment: BTreeMap<String, OsString>,
    /// What the environment speaks of is there for as long as a process may be started.
    interception: Option<Arc<Interception>>,
    memory_mb: u32,
    /// What INIT_START says.
    pub(crate) runtime_version: String,
}

/// What functions are run with on this machine.
#[derive(Clone, Copy)]
pub(crate) struct Machine<'a> {
    pub(crate) store: &'a Store,
    pub(crate) interpreters: &'a Interpreters,
    pub(crate) runtime_dir: &'a Path,
}

/// Writes the programs that run handlers. A newer server brings newer ones, so they are written at every start.
pub(crate) fn write_bootstraps(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    BOOTSTRAPS.iter().try_for_each(|(name, text)| fs::write(folder.join(name), text))
}

/// Where calls of our own APIs lead, which handlers make as they do on AWS; empty: nowhere.
pub(super) fn server(settings: &Settings) -> &str {
    settings.endpoint.as_deref().and_then(|endpoint| endpoint.strip_prefix("http://")).unwrap_or_default()
}

impl Launch {
    /// Brings the code to disk and checks all that can be checked before a process is started.
    pub(crate) fn prepare(
        function: &ProcessFunction,
        settings: &Settings,
        machine: Machine<'_>,
        interception: Option<Arc<Interception>>,
    ) -> Result<Self, LoadProblem> {
        let Machine { store, interpreters, runtime_dir } = machine;
        function.check()?;
        let interpreter = interpreters.find(function.runtime)?;
        let mut loader = store.loader();
        let own = loader.load(&function.code, function.runtime)?;
        let task_root = own.folder.clone();
        // Later layers lie over earlier ones.
        let layers = function.layers.iter().enumerate().rev().map(|(index, layer)| {
            let loaded = loader.load(layer, function.runtime);
            loaded.map_err(|problem| LoadProblem::Layer { number: index + 1, problem })
        });
        let layers = layers.collect::<Result<Vec<_>, _>>()?;
        let code: Vec<_> = std::iter::once(own).chain(layers).collect();
        let layers: Vec<_> = code[1..].iter().map(|layer| layer.folder.clone()).collect();
        let known = Known { function, settings, task_root: &task_root, layers: &layers, runtime_dir };
        let mut environment = environment::of_function(&known);
        match &interception {
            Some(interception) => interception.announce(&mut environment, function, &task_root),
            None => leave_to_shims(&mut environment, &settings.api_names),
        }
        let (program, runtime_version) = match interpreter {
            Some(found) => {
                let version = format!("{} ({}.{})", function.runtime, found.version.major, found.version.minor);
                (found.path, version)
            }
            None => (bootstrap(&task_root, &layers)?, function.runtime.to_string()),
        };
        let shim = match function.runtime {
            Runtime::Node { .. } => shim::write(runtime_dir, settings)?,
            Runtime::Python { .. } | Runtime::Provided => None,
        };
        let arguments = arguments(function, settings, runtime_dir, shim);
        let memory_mb = function.memory_mb;
        Ok(Self { program, arguments, task_root, code, environment, interception, memory_mb, runtime_version })
    }

    pub(crate) fn task_root(&self) -> &Path {
        &self.task_root
    }

    /// Starts a process in a group of its own; its output comes through the pipe.
    pub(crate) fn start(&self, api: SocketAddr, log_stream: &str) -> io::Result<(Child, PipeReader)> {
        let (read, write) = io::pipe()?;
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.task_root);
        command.env_clear().envs(&self.environment).envs(environment::of_process(api, log_stream));
        command.stdin(Stdio::null()).stdout(write.try_clone()?).stderr(write);
        command.process_group(0).kill_on_drop(true);
        let child = command.spawn()?;
        if let Some(pid) = child.id() {
            self.limit(pid);
        }
        Ok((child, read))
    }

    /// Limits that it and its descendants cannot raise. The program has hardly begun by now.
    fn limit(&self, pid: u32) {
        let Some(process) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
        let data_bytes = (u64::from(self.memory_mb) * 2 + DATA_HEADROOM_MB) * 1024 * 1024;
        for (resource, most) in [(Resource::Nofile, OPEN_FILES), (Resource::Core, 0), (Resource::Data, data_bytes)] {
            let limit = Rlimit { current: Some(most), maximum: Some(most) };
            // A process that has ended already needs none.
            let _ = prlimit(Some(process), resource, limit);
        }
        // When the machine runs out of memory, the kernel shall end functions rather than the server.
        let _ = fs::write(format!("/proc/{pid}/oom_score_adj"), "1000");
    }
}

fn arguments(
    function: &ProcessFunction,
    settings: &Settings,
    runtime_dir: &Path,
    shim: Option<PathBuf>,
) -> Vec<OsString> {
    match function.runtime {
        Runtime::Node { .. } => {
            // As Lambda sets them: a tenth of the memory for young objects, in two halves, the rest for old ones.
            let young = function.memory_mb / 10;
            let rules = match function.runtime.node_rules() {
                NodeRules::Callbacks => "callbacks",
                NodeRules::Promises => "promises",
            };
            let mut arguments = vec![
                format!("--max-semi-space-size={}", young / 2).into(),
                format!("--max-old-space-size={}", function.memory_mb - young).into(),
            ];
            if let Some(shim) = shim {
                arguments.extend(["--require".into(), shim.into()]);
            }
            arguments.extend([runtime_dir.join(NODE).into(), rules.into()]);
            arguments
        }
        Runtime::Python { .. } => {
            vec![runtime_dir.join(PYTHON).into(), server(settings).into(), settings.api_names.join(",").into()]
        }
        Runtime::Provided => Vec::new(),
    }
}

/// The `bootstrap` of a custom runtime, if it can run here.
fn bootstrap(task_root: &Path, layers: &[PathBuf]) -> Result<PathBuf, LoadProblem> {
    let folders = std::iter::once(task_root).chain(layers.iter().map(PathBuf::as_path));
    let path = folders.map(|folder| folder.join("bootstrap")).find(|path| path.is_file());
    let path = path.ok_or_else(|| LoadProblem::NoBootstrap(task_root.to_owned()))?;
    let unreadable = |error| LoadProblem::Unreadable { path: path.clone(), error };
    if fs::metadata(&path).map_err(unreadable)?.permissions().mode() & 0o111 == 0 {
        return Err(LoadProblem::NotExecutable(path));
    }
    match inspect(&path).map_err(unreadable)? {
        Binary::Elf(machine) if cfg!(target_os = "linux") && machine != std::env::consts::ARCH => {
            Err(LoadProblem::WrongMachine { path, machine })
        }
        Binary::Other if cfg!(target_os = "linux") => Err(LoadProblem::NoProgram(path)),
        Binary::Elf(_) | Binary::Script | Binary::Other => Ok(path),
    }
}
