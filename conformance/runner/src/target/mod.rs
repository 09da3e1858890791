//! What is tested: our own gateway in this process, or an endpoint elsewhere.

mod backend;
mod callers;
mod functions;
mod local;
mod remote;

pub use local::{Local, NotStarted};
pub use remote::{Endpoint, Remote};

use crate::names::Names;
use crate::signing::Key;
use std::net::SocketAddr;

/// Where a case runs.
pub enum Target {
    Local(Box<Local>),
    Remote(Remote),
}

/// Whose keys there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// May do everything.
    Owner,
    /// May post to connections and nothing else.
    Poster,
    /// May do nothing.
    Stranger,
}

impl Caller {
    pub fn parse(name: Option<&str>) -> Result<Self, String> {
        match name {
            None | Some("owner") => Ok(Self::Owner),
            Some("poster") => Ok(Self::Poster),
            Some("stranger") => Ok(Self::Stranger),
            Some(other) => Err(format!("nobody is called {other}: use owner, poster or stranger")),
        }
    }
}

impl Target {
    pub async fn address(&self) -> Result<SocketAddr, String> {
        match self {
            Self::Local(local) => Ok(local.address),
            Self::Remote(remote) => remote.address().await,
        }
    }

    /// The `Host` of a request that names none.
    pub fn host(&self) -> String {
        match self {
            Self::Local(local) => local.domain(),
            Self::Remote(remote) => remote.host(),
        }
    }

    /// A path of the usual API as this target has it.
    pub fn path(&self, path: &str) -> String {
        match self {
            Self::Local(_) => path.to_owned(),
            Self::Remote(remote) => remote.path(path),
        }
    }

    pub fn now_ms(&self) -> u64 {
        match self {
            Self::Local(local) => local.clock.now_ms(),
            Self::Remote(_) => std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |since| since.as_millis() as u64),
        }
    }

    pub fn key(&self, caller: Caller) -> Result<Key, String> {
        match self {
            Self::Local(_) => Ok(callers::key(caller)),
            Self::Remote(remote) => remote.key(caller),
        }
    }

    /// Names that hold for all steps.
    pub fn names(&self) -> Names {
        match self {
            Self::Local(local) => local.names(),
            Self::Remote(_) => Names::default(),
        }
    }

    /// The functions, the backend, the clock: what only our own target lets us see and move.
    pub fn local(&self) -> Result<&Local, String> {
        match self {
            Self::Local(local) => Ok(local),
            Self::Remote(_) => Err("needs a gateway in this process".to_owned()),
        }
    }

    pub fn local_mut(&mut self) -> Result<&mut Local, String> {
        match self {
            Self::Local(local) => Ok(local),
            Self::Remote(_) => Err("needs a gateway in this process".to_owned()),
        }
    }
}
