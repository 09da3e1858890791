//! An endpoint elsewhere that serves the usual API.

use super::Caller;
use crate::signing::Key;
use std::net::SocketAddr;
use url::Url;

/// Where it is and who may call `@connections` there.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `ws://host:port/stage`, with whatever stands before the stage.
    pub url: Url,
    /// May do everything; absent: cases that sign are not applicable.
    pub owner: Option<Key>,
}

#[derive(Clone, Debug)]
pub struct Remote {
    endpoint: Endpoint,
}

impl Endpoint {
    /// # Errors
    /// The address is no `ws://` or `http://` address of a stage.
    pub fn new(url: &str, owner: Option<Key>) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
        if !matches!(url.scheme(), "ws" | "http") {
            return Err(format!("{url}: only ws:// is spoken; put a proxy that ends TLS between"));
        }
        if url.path().trim_matches('/').is_empty() {
            return Err(format!("{url}: name the stage, as in ws://localhost:8080/prod"));
        }
        Ok(Self { url, owner })
    }
}

impl Remote {
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint }
    }

    pub(super) async fn address(&self) -> Result<SocketAddr, String> {
        let host = self.endpoint.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = self.endpoint.url.port_or_known_default().unwrap_or(80);
        let mut found = tokio::net::lookup_host((host, port)).await.map_err(|error| format!("{host}: {error}"))?;
        found.next().ok_or_else(|| format!("{host} has no address"))
    }

    pub(super) fn host(&self) -> String {
        let host = self.endpoint.url.host_str().unwrap_or_default();
        match self.endpoint.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// `/prod` is the stage of the endpoint, other stages are its neighbours.
    pub(super) fn path(&self, path: &str) -> String {
        let stage = self.endpoint.url.path().trim_end_matches('/');
        match path.strip_prefix("/prod") {
            Some(rest) if rest.is_empty() || rest.starts_with(['/', '?']) => format!("{stage}{rest}"),
            _ => {
                let parent = stage.rsplit_once('/').map_or("", |(parent, _)| parent);
                format!("{parent}{path}")
            }
        }
    }

    pub(super) fn key(&self, caller: Caller) -> Result<Key, String> {
        match caller {
            Caller::Owner => self.endpoint.owner.clone().ok_or_else(|| "no access key was given".to_owned()),
            Caller::Poster | Caller::Stranger => Err("needs callers with fewer rights".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_endpoint() {
        let remote = Remote::new(Endpoint::new("ws://localhost:8080/chat/dev", None).unwrap());
        for (path, expected) in [
            ("/prod", "/chat/dev"),
            ("/prod/", "/chat/dev/"),
            ("/prod?a=1", "/chat/dev?a=1"),
            ("/prod/@connections/x", "/chat/dev/@connections/x"),
            ("/nope", "/chat/nope"),
        ] {
            assert_eq!(remote.path(path), expected);
        }
        assert!(Endpoint::new("wss://localhost/prod", None).is_err());
        assert!(Endpoint::new("ws://localhost", None).is_err());
    }
}
