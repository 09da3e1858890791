//! Who is on the other end of a connection: what stays the same from `$connect` to `$disconnect`.

use crate::hub::StageIndex;
use crate::websocket::Compression;
use sluicegate_protocol::{ConnectionId, StageId};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};

/// The authorizer's context, flat and stringified, in its own order.
#[derive(Debug, Default)]
pub(crate) struct AuthorizerContext {
    pub(crate) values: Vec<(String, String)>,
    pub(crate) principal_id: String,
    /// Milliseconds the authorizer took.
    pub(crate) integration_latency: u64,
}

impl AuthorizerContext {
    /// The names that [`get`](Self::get) knows.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|(name, _)| name.as_str()).chain(["principalId", "integrationLatency"])
    }

    /// A value by its name, as `$context.authorizer.NAME` sees it.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        match name {
            "principalId" => Some(self.principal_id.clone()),
            "integrationLatency" => Some(self.integration_latency.to_string()),
            name => self.values.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()),
        }
    }
}

/// Fields of `requestContext.identity` beyond address and user agent, such as `apiKey`, in the order of AWS.
#[derive(Debug, Default)]
pub(crate) struct CallerIdentity(pub(crate) Vec<(&'static str, String)>);

#[derive(Debug)]
pub struct Peer {
    pub id: ConnectionId,
    pub stage: Arc<StageId>,
    pub(crate) stage_index: StageIndex,
    pub source_ip: IpAddr,
    pub user_agent: Option<Arc<str>>,
    /// What events call `domainName`.
    pub domain_name: Arc<str>,
    /// Milliseconds since the epoch.
    pub connected_at: u64,
    /// What the authorizer of `$connect` left for all events of this connection.
    pub(crate) authorizer: Option<Arc<AuthorizerContext>>,
    /// The caller's API key or signature, as events show it.
    pub(crate) identity: Option<Arc<CallerIdentity>>,
    /// What was negotiated in the handshake.
    pub(crate) compression: Compression,
    /// Messages handed to an integration and not answered yet.
    in_flight: AtomicU16,
    /// Whether the hub stopped reading because of too many of them.
    paused: AtomicBool,
}

impl Peer {
    pub(crate) fn new(
        id: ConnectionId,
        (stage, stage_index): (Arc<StageId>, StageIndex),
        source_ip: IpAddr,
        user_agent: Option<Arc<str>>,
        domain_name: Arc<str>,
        connected_at: u64,
    ) -> Self {
        let (in_flight, paused) = (AtomicU16::new(0), AtomicBool::new(false));
        Self {
            id,
            stage,
            stage_index,
            source_ip,
            user_agent,
            domain_name,
            connected_at,
            authorizer: None,
            identity: None,
            compression: Compression::None,
            in_flight,
            paused,
        }
    }

    pub(crate) fn begin_message(&self) {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
    }

    /// Ends a message. `true` when the hub waits for this to read on.
    pub(crate) fn end_message(&self) -> bool {
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
        self.paused.swap(false, Ordering::AcqRel)
    }

    /// Whether the hub must stop reading: `limit` messages are under way.
    pub(crate) fn pause_at(&self, limit: u16) -> bool {
        if self.in_flight.load(Ordering::Acquire) < limit {
            return false;
        }
        // A message that ended between the line above and this one saw no pause and will not wake the hub, so look again.
        // A swap, because behind a mere store the second look might still see the first one's number.
        self.paused.swap(true, Ordering::AcqRel);
        self.in_flight.load(Ordering::Acquire) >= limit || !self.paused.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn a_pause_always_ends() {
        // Given a limit of one, so that nobody comes later to make up for a wake-up that was lost.
        let stage = (Arc::new(StageId::new("chat", "prod")), 0);
        let id = ConnectionId::new(0, 0, 0);
        let peer = Arc::new(Peer::new(id, stage, Ipv4Addr::LOCALHOST.into(), None, "localhost".into(), 0));
        let (messages, inbox) = mpsc::channel();
        let (resume, resumed) = mpsc::channel();
        let integration = std::thread::spawn({
            let peer = peer.clone();
            move || {
                for () in inbox {
                    if peer.end_message() {
                        resume.send(()).unwrap();
                    }
                }
            }
        });
        for round in 0..200_000 {
            peer.begin_message();
            messages.send(()).unwrap();
            while peer.pause_at(1) {
                resumed.recv_timeout(Duration::from_secs(10)).unwrap_or_else(|_| panic!("round {round} never resumed"));
            }
        }
        drop(messages);
        integration.join().unwrap();
    }
}
