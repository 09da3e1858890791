//! How programs without a shim of ours reach our APIs by the names that AWS would serve them under.
//!
//! A handler calls `https://{api}.execute-api.{region}.amazonaws.com/{stage}`. Node and Python get there through what our
//! bootstraps change in them. Any other program is told of a proxy (`proxy`), and of certificates to trust (`bundle`), in
//! the variables that HTTP clients read. The proxy answers for our names only, with certificates of an authority that
//! lives in the data folder (`authority`); to every other host it opens a tunnel, through the operator's own proxy where
//! there is one (`upstream`).
//!
//! Whatever the operator or the function has set stays in force: bundles are added to, and a proxy of the function's own is
//! left alone.

mod authority;
mod bundle;
mod proxy;
mod upstream;
mod variables;

pub use authority::AuthorityError;
pub(crate) use variables::leave_to_shims;

use super::description::ProcessFunction;
use super::launch;
use super::settings::Settings;
use super::shim::{self, ShimError};
use authority::Authority;
use bundle::Bundles;
use proxy::{Destinations, Proxy};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use upstream::Upstream;

/// Its folder in the data folder.
const FOLDER: &str = "authority";

/// The proxy at work, and what its users must know. Ends with all its tunnels when it is dropped.
#[derive(Debug)]
pub(crate) struct Interception {
    names: Arc<[String]>,
    bundles: Bundles,
    proxy: Proxy,
    /// What a Node program loads before anything else.
    shim: Option<PathBuf>,
}

/// Why our names cannot be answered for.
#[derive(Debug, thiserror::Error)]
pub enum InterceptionError {
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error("the bundles of certificates for functions cannot be written: {0}")]
    Bundles(io::Error),
    #[error("the proxy for functions cannot be started: {0}")]
    Proxy(io::Error),
    #[error(transparent)]
    Shim(#[from] ShimError),
}

impl Interception {
    /// Starts the proxy. `None`: nothing is served that could be called. Within a tokio runtime.
    pub(crate) fn start(settings: &Settings, runtime_dir: &Path) -> Result<Option<Self>, InterceptionError> {
        let Some(server) = server(settings) else { return Ok(None) };
        let names = names(settings);
        let authority = Authority::open(&settings.data.join(FOLDER), &names)?;
        let roots = bundle::system_roots();
        let upstream = Upstream::of_environment(&roots);
        let bundles = Bundles::create(&settings.data.join(FOLDER), &roots, authority.certificate())
            .map_err(InterceptionError::Bundles)?;
        let destinations = Destinations { names: Arc::clone(&names), server, upstream };
        let proxy = Proxy::start(destinations, authority).map_err(InterceptionError::Proxy)?;
        Ok(Some(Self { names, bundles, proxy, shim: shim::write(runtime_dir, settings)? }))
    }

    /// Whether it answers for what is served according to these settings.
    pub(crate) fn is_for(&self, settings: &Settings) -> bool {
        *self.names == *names(settings)
    }

    /// Completes the environment of a function: what is there already was set by the operator or the function.
    pub(crate) fn announce(
        &self,
        variables: &mut BTreeMap<String, OsString>,
        function: &ProcessFunction,
        task_root: &Path,
    ) {
        variables::announce(self, variables, function, task_root);
    }
}

/// Each has a secret of its own.
impl PartialEq for Interception {
    fn eq(&self, other: &Self) -> bool {
        self.proxy.url() == other.proxy.url()
    }
}

fn names(settings: &Settings) -> Arc<[String]> {
    settings.api_names.iter().map(|name| name.to_ascii_lowercase()).collect()
}

/// Removes what earlier runs of the server have left for their functions.
pub(crate) fn remove_leftovers(data: &Path) -> io::Result<()> {
    bundle::remove_all(&data.join(FOLDER))
}

/// Where our APIs are served; names without that lead nowhere.
fn server(settings: &Settings) -> Option<SocketAddr> {
    let address = launch::server(settings).parse().ok()?;
    (!settings.api_names.is_empty()).then_some(address)
}
