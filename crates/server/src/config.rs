//! The configuration: one list of settings, from which come the typed [`Config`], the flags, the variables, the keys of
//! `sluicegate.toml`, `--help` and the reference page.
//!
//! A setting `idle_timeout` is the flag `--idle-timeout`, the variable `SLUICEGATE_IDLE_TIMEOUT` and the key
//! `idle_timeout`; what is given nearer to the command counts: flag, then variable, then file, then default. Every value
//! passes through [`Value::parse`], wherever it came from, so a mistake reads the same everywhere.

mod checks;
mod command;
mod credentials;
mod domain_name;
mod file;
mod problem;
mod reference;
mod sources;
mod value;

pub use command::{command, flags};
pub use domain_name::DomainName;
pub use problem::{Problem, Problems};
pub use reference::reference_page;
pub use sources::Sources;
pub use value::{
    AccountId, AppList, ByteSize, FileList, LogFormat, Maximum, OptionalFile, Pace, ParameterList, Region, StackName,
    Switch, Value,
};

use sluicegate_endpoint::Credentials;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// One line of the list: all that help and reference need to know of a setting.
#[derive(Debug)]
pub struct Setting {
    /// The key in `sluicegate.toml`; flag and variable follow from it.
    pub key: &'static str,
    pub group: Group,
    pub placeholder: &'static str,
    pub default: &'static str,
    /// The documentation, line by line; the first line stands alone.
    pub help: &'static [&'static str],
}

/// The headings of help and reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Addresses,
    Data,
    Applications,
    Functions,
    Logs,
    WebSockets,
    Http,
    Process,
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $group:ident $name:ident: $type:ty = $default:literal as $placeholder:literal;)*) => {
        /// Everything that can be set, parsed and checked.
        #[derive(Clone, Debug)]
        pub struct Config {
            $($(#[doc = $doc])+ pub $name: $type,)*
            /// Whose signatures are accepted; from the file only.
            pub credentials: Credentials,
        }

        /// The list of settings, in the order of the reference page.
        pub const SETTINGS: &[Setting] = &[$(Setting {
            key: stringify!($name),
            group: Group::$group,
            placeholder: $placeholder,
            default: $default,
            help: &[$($doc),+],
        }),*];

        impl Config {
            /// Reads every setting, and reports every problem rather than the first.
            fn parse(sources: &Sources) -> Result<Self, Problems> {
                let mut problems = Vec::new();
                $(let $name = sources.value::<$type>(stringify!($name), $default, &mut problems);)*
                if !problems.is_empty() {
                    return Err(Problems(problems));
                }
                let mut config = Self {
                    credentials: Credentials::default(),
                    $($name: $name.expect("without a problem every value was read"),)*
                };
                let known = sources.credentials.iter().map(|one| one.in_account(&config.account));
                config.credentials = Credentials::new(known);
                Ok(config)
            }
        }
    };
}

settings! {
    /// Where clients connect: WebSockets, `@connections`, tables, queues, topics, `Invoke` and the live pages share this address.
    /// Port 0 takes a free port and prints it.
    Addresses listen: SocketAddr = "127.0.0.1:8080" as "HOST:PORT";
    /// Where operators look: `/health`, `/ready` and `/metrics`.
    Addresses admin: SocketAddr = "127.0.0.1:8081" as "HOST:PORT";
    /// Allows `admin`, and without `[[credentials]]` also `listen`, on addresses that other machines can reach.
    /// Without `[[credentials]]` signatures are not verified: whoever reaches `listen` can read and write every table and
    /// queue, and invoke every function.
    Addresses allow_insecure_remote: Switch = "false" as "BOOL";
    /// What events call `domainName`, from which handlers make the address they post to: `aws` is
    /// `{apiId}.execute-api.{region}.amazonaws.com`, which functions that run here reach as it is. A host that leads here over
    /// HTTPS, such as `ws.example.org/{api}`, serves handlers elsewhere as well; `{api}` stands for the API's id.
    Addresses domain_name: DomainName = "aws" as "HOST|aws";

    /// The folder that holds tables, streams, queues, checkpoints and logs. One server at a time may use it.
    Data data: PathBuf = "data" as "DIR";
    /// The region in ARNs and stream records.
    Data region: Region = "us-east-1" as "NAME";
    /// The account id in ARNs.
    Data account: AccountId = "000000000000" as "DIGITS";

    /// The bundled applications to run: their tables, functions, API and mappings. Repeat it, separate with commas, or
    /// say `none`. With a `template` none runs unless it is named here.
    Applications app: AppList = "live-metrics" as "NAME";
    /// Files that each describe a WebSocket API: routes, integrations, authorizers, stages and its functions.
    /// Repeat it, separate with commas, or say `none`.
    Applications api: FileList = "none" as "FILE";
    /// A deployment template to serve: CloudFormation or SAM, a Terraform plan, or a folder such as `cdk.out` or `.serverless`;
    /// `none` for none.
    Applications template: OptionalFile = "none" as "FILE";
    /// A value for a parameter of the template. Repeat it for more; as a variable, one on each line.
    Applications parameter: ParameterList = "none" as "KEY=VALUE";
    /// A JSON file with values for parameters, as `aws cloudformation` takes them, or `{"Key": "Value"}`; `none` for none.
    /// `parameter` counts before it.
    Applications parameters: OptionalFile = "none" as "FILE";
    /// The stack's name, from which names of tables and functions are made that the template leaves open; `auto` is the name
    /// of the template, or of its folder.
    Applications stack_name: StackName = "auto" as "NAME|auto";
    /// Serves template, API files and the code of their functions anew whenever one of their files changes. What has not changed
    /// goes on undisturbed. SIGHUP does the same once.
    Applications watch: Switch = "false" as "BOOL";
    /// A JSON file with API keys and the usage plans they belong to: `apiKeys` (`id`, `value`, `enabled`) and `usagePlans`
    /// (`id`, `apiStages`, `keys`, `throttle`, `quota`); `none` for none.
    Applications usage_plans: OptionalFile = "none" as "FILE";
    /// How long the mappings of bundled applications gather changes before they call their function.
    /// 0 calls it at once.
    Applications batch_window: Duration = "5s" as "DURATION";
    /// How often this machine's own metrics are written into the metrics table of live-metrics; `off` writes none.
    Applications collector: Pace = "1s" as "DURATION|off";

    /// How many local processes of one function may run at once, unless it reserves less; more invocations wait for one.
    Functions max_processes: u32 = "32" as "NUMBER";
    /// Ends a function's process after this long without work.
    Functions process_idle_timeout: Duration = "10m" as "DURATION";
    /// A `node_modules` folder with packages that Node functions need not bring along, such as `@aws-sdk`; `none` for none.
    Functions node_modules: OptionalFile = "none" as "DIR";

    /// What start-up output and logs look like: `text` for people, `json` for one object per line.
    Logs log_format: LogFormat = "text" as "text|json";
    /// Which log lines are written to standard error: a level, or directives such as `info,sluicegate_gateway=debug`.
    Logs log: String = "info" as "FILTER";

    /// Closes a WebSocket after this long without a message in either direction, or a ping.
    WebSockets idle_timeout: Duration = "10m" as "DURATION";
    /// Closes a WebSocket this long after it was opened, whatever it does.
    WebSockets max_connection_age: Duration = "2h" as "DURATION";
    /// The largest WebSocket frame a client may send.
    WebSockets max_frame: ByteSize = "32KB" as "SIZE";
    /// The largest WebSocket message a client may send. What it is sent is limited to 128 KB, as on AWS.
    WebSockets max_message: ByteSize = "128KB" as "SIZE";
    /// What may wait for one client that reads slowly. When it is full a post gets 429 and a broadcast disconnects.
    WebSockets outbound_queue: ByteSize = "1MB" as "SIZE";
    /// How many WebSockets may be open at once; `auto` is what the limit on open files leaves room for.
    WebSockets max_connections: Maximum = "auto" as "NUMBER|auto";

    /// How long a client may take to send the head of a request, counted from the connection or the last response.
    Http header_timeout: Duration = "30s" as "DURATION";
    /// How long a request may take, from its head to its response.
    Http request_timeout: Duration = "60s" as "DURATION";
    /// How long a peer may leave our bytes unacknowledged, or take none of them, before its connection counts as dead.
    Http dead_peer_timeout: Duration = "2m" as "DURATION";
    /// The largest request head: request line and headers. The parser reads ahead, so a head of up to twice this size may
    /// still pass.
    Http max_head: ByteSize = "16KB" as "SIZE";
    /// How many headers a request may have.
    Http max_headers: u32 = "100" as "NUMBER";
    /// How many connections may speak HTTP at once (a WebSocket counts until its handshake is done). More wait to be
    /// accepted. `auto` is one for every 32 files that the process may open, 4096 at most.
    Http max_http_connections: Maximum = "auto" as "NUMBER|auto";

    /// How long a stopping server may take to close connections, run `$disconnect` and flush.
    Process drain_timeout: Duration = "10s" as "DURATION";
}

impl Config {
    /// Reads and checks the configuration. Beside it come warnings about things that are odd but harmless.
    pub fn load(sources: &Sources) -> Result<Self, Problems> {
        let mut config = Self::parse(sources)?;
        if config.template.0.is_some() && !sources.gives("app") {
            config.app.0.clear();
        }
        let problems = checks::problems(&config);
        if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::load(&Sources::default()).expect("a test reads every default")
    }
}

impl Setting {
    pub fn flag(&self) -> String {
        self.key.replace('_', "-")
    }

    pub fn variable(&self) -> String {
        variable(self.key)
    }
}

/// What stands between the values of a list. Values of parameters may be lists with commas themselves.
fn list_separator(key: &str) -> &'static str {
    if key == "parameter" { "\n" } else { "," }
}

/// The variable of a key: `idle_timeout` is `SLUICEGATE_IDLE_TIMEOUT`.
fn variable(key: &str) -> String {
    format!("SLUICEGATE_{}", key.to_uppercase())
}

impl Group {
    pub fn title(self) -> &'static str {
        match self {
            Self::Addresses => "Addresses",
            Self::Data => "Data",
            Self::Applications => "Applications",
            Self::Functions => "Functions",
            Self::Logs => "Logs",
            Self::WebSockets => "WebSocket limits",
            Self::Http => "HTTP limits",
            Self::Process => "Process",
        }
    }
}
