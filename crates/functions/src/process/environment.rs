//! The environment of a process: what Lambda sets, and nothing of the server's own.
//!
//! What counts, from the least: defaults, the function's variables, and what it cannot change. The server's variables may
//! hold secrets, so only a few that concern the machine are passed on.

use super::description::{LATEST, ProcessFunction};
use super::runtime::Runtime;
use super::settings::Settings;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Variables of the server that its functions get: where programs are, and how the machine reaches the network.
const PASSED_ON: &[&str] = &[
    "PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "AWS_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Variables that Lambda sets and a function cannot.
const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
];

/// Variables of the description that are not passed on.
pub(crate) fn ignored(function: &ProcessFunction) -> impl Iterator<Item = &str> {
    function.environment.keys().map(String::as_str).filter(|name| RESERVED.contains(name))
}

/// What is known of a function before any of its processes is started.
pub(crate) struct Known<'a> {
    pub(crate) function: &'a ProcessFunction,
    pub(crate) settings: &'a Settings,
    pub(crate) task_root: &'a Path,
    /// As they are searched: the last of the description first.
    pub(crate) layers: &'a [PathBuf],
    pub(crate) runtime_dir: &'a Path,
}

/// The environment of all processes of a function.
pub(crate) fn of_function(known: &Known<'_>) -> BTreeMap<String, OsString> {
    let mut variables: BTreeMap<String, OsString> = BTreeMap::new();
    for name in PASSED_ON {
        variables.extend(std::env::var_os(name).map(|value| ((*name).to_owned(), value)));
    }
    variables.extend(defaults(known));
    let own = known.function.environment.iter().filter(|(name, _)| !RESERVED.contains(&name.as_str()));
    variables.extend(own.map(|(name, value)| (name.clone(), located(known, value))));
    variables.extend(fixed(known));
    variables
}

/// Where Lambda has the function's code, and where it has its layers, one over the other.
const TASK_ROOT: &str = "/var/task";
const LAYERS_ROOT: &str = "/opt";

/// A value with its paths as they are here: `/opt/fonts` is that folder of whichever layer has one.
fn located(known: &Known<'_>, value: &str) -> OsString {
    if !value.contains(TASK_ROOT) && !value.contains(LAYERS_ROOT) {
        return value.into();
    }
    let parts = value.split(':').map(|part| {
        let within = |root: &str| part.strip_prefix(root).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let found = match (within(TASK_ROOT), within(LAYERS_ROOT)) {
            (Some(rest), _) => Some(known.task_root.join(rest.trim_start_matches('/'))),
            (None, Some(rest)) => {
                let each = known.layers.iter().map(|layer| layer.join(rest.trim_start_matches('/')));
                each.into_iter().find(|path| path.exists())
            }
            (None, None) => None,
        };
        found.map_or_else(|| part.to_owned(), |path| path.display().to_string().trim_end_matches('/').to_owned())
    });
    parts.collect::<Vec<_>>().join(":").into()
}

fn defaults(known: &Known<'_>) -> Vec<(String, OsString)> {
    let layers = |inside: &[&str]| {
        let each = known.layers.iter().flat_map(|layer| inside.iter().map(|place| layer.join(place)));
        each.filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    let text = |name: &str, value: &str| (name.to_owned(), OsString::from(value));
    let root = known.task_root;
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    let mut variables = vec![
        text("LANG", "en_US.UTF-8"),
        text("TZ", ":UTC"),
        text("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
        text("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000"),
        text("_AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1"),
        text("_AWS_XRAY_DAEMON_PORT", "2000"),
        // SDKs would look for credentials there, and wait.
        text("AWS_EC2_METADATA_DISABLED", "true"),
        ("PATH".to_owned(), joined(std::env::split_paths(&path).chain(layers(&["bin"])))),
        ("LD_LIBRARY_PATH".to_owned(), joined([root.to_owned(), root.join("lib")].into_iter().chain(layers(&["lib"])))),
    ];
    match known.function.runtime {
        Runtime::Node { major } => {
            let versioned = format!("nodejs/node{major}/node_modules");
            let supplied = known.settings.node_modules.iter().cloned();
            let places = layers(&["nodejs/node_modules", &versioned]).into_iter().chain(supplied);
            variables.push(("NODE_PATH".to_owned(), joined(places)));
        }
        Runtime::Python { minor } => {
            let versioned = format!("python/lib/python3.{minor}/site-packages");
            let places = layers(&["python", &versioned]);
            variables.push(("PYTHONPATH".to_owned(), joined(places)));
            variables.push(text("LC_CTYPE", "C.UTF-8"));
            // Code in a folder of the user's is not to be littered.
            variables.push(text("PYTHONDONTWRITEBYTECODE", "1"));
        }
        Runtime::Provided => {}
    }
    if let Some(endpoint) = &known.settings.endpoint {
        for service in ["DYNAMODB", "DYNAMODB_STREAMS", "LAMBDA", "SQS", "SNS", "APIGATEWAYMANAGEMENTAPI"] {
            variables.push(text(&format!("AWS_ENDPOINT_URL_{service}"), endpoint));
        }
    }
    variables
}

fn fixed(known: &Known<'_>) -> Vec<(String, OsString)> {
    let Known { function, settings, .. } = known;
    let text = |name: &str, value: &str| (name.to_owned(), OsString::from(value));
    let mut variables = vec![
        text("AWS_REGION", &settings.region),
        text("AWS_DEFAULT_REGION", &settings.region),
        text("AWS_ACCESS_KEY_ID", &settings.access_key.id),
        text("AWS_SECRET_ACCESS_KEY", settings.access_key.secret()),
        text("AWS_SESSION_TOKEN", "local"),
        text("AWS_LAMBDA_FUNCTION_NAME", &function.name),
        text("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &function.memory_mb.to_string()),
        text("AWS_LAMBDA_FUNCTION_VERSION", LATEST),
        text("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        text("AWS_LAMBDA_LOG_GROUP_NAME", &format!("/aws/lambda/{}", function.name)),
        text("_HANDLER", &function.handler),
        ("LAMBDA_TASK_ROOT".to_owned(), known.task_root.into()),
        ("LAMBDA_RUNTIME_DIR".to_owned(), known.runtime_dir.into()),
    ];
    if function.runtime != Runtime::Provided {
        variables.push(text("AWS_EXECUTION_ENV", &format!("AWS_Lambda_{}", function.runtime)));
        variables.push(("PWD".to_owned(), known.task_root.into()));
        variables.push(text("SHLVL", "0"));
    }
    variables
}

/// What differs from process to process.
pub(crate) fn of_process(api: SocketAddr, log_stream: &str) -> [(&'static str, String); 2] {
    [("AWS_LAMBDA_RUNTIME_API", api.to_string()), ("AWS_LAMBDA_LOG_STREAM_NAME", log_stream.to_owned())]
}

/// Paths with a colon in them cannot stand in such a list and are left out.
fn joined(paths: impl IntoIterator<Item = PathBuf>) -> OsString {
    let paths = paths.into_iter().filter(|path| !path.as_os_str().as_encoded_bytes().contains(&b':'));
    std::env::join_paths(paths).unwrap_or_default()
}
