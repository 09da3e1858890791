//! One place of a reactor's slab: a client from its admission to the last byte of its close.

use super::outbound::Outbound;
use crate::peer::Peer;
use crate::websocket::Decoder;
use mio::net::TcpStream;
use sluicegate_protocol::ConnectionId;
use std::sync::Arc;

pub(super) struct Connection<S = TcpStream> {
    pub(super) socket: Option<S>,
    pub(super) outbound: Outbound,
    pub(super) phase: Phase,
    /// Milliseconds since the epoch: the last message or ping from the client, or message to it; then the begin of its close.
    pub(super) last_active: u64,
    /// Whether it waits for its next turn to be read.
    pub(super) unread: bool,
}

pub(super) enum Phase {
    /// Known to `@connections` and counted as a member of its stage. Without a socket it is waiting for its upgrade.
    Open(Open),
    /// Already reported as disconnected; only bytes are left.
    Closing(Closing),
}

pub(super) struct Open {
    pub(super) peer: Arc<Peer>,
    pub(super) decoder: Decoder,
    /// Its place in the stage's list of members.
    pub(super) member: u32,
    /// Not read until integrations have answered.
    pub(super) paused: bool,
}

pub(super) struct Closing {
    /// Its socket may still be on its way, and must not be taken for another's.
    pub(super) id: ConnectionId,
    /// Milliseconds after the begin of the close: then the socket is dropped, whatever is left.
    pub(super) linger_ms: u32,
    /// The write side was shut: only the client's end is awaited.
    pub(super) shut: bool,
}

impl<S> Connection<S> {
    pub(super) fn new(peer: Arc<Peer>, member: u32, now: u64) -> Self {
        let open = Open { peer, decoder: Decoder::default(), member, paused: false };
        Self { socket: None, outbound: Outbound::default(), phase: Phase::Open(open), last_active: now, unread: false }
    }

    pub(super) fn id(&self) -> ConnectionId {
        match &self.phase {
            Phase::Open(open) => open.peer.id,
            Phase::Closing(closing) => closing.id,
        }
    }

    pub(super) fn open(&self) -> Option<&Open> {
        match &self.phase {
            Phase::Open(open) => Some(open),
            Phase::Closing(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_is_small() {
        // The slab holds one of these for every client; nothing else is allocated for an idle one but its `Peer`.
        // In debug builds mio's socket alone has 12 bytes more.
        assert!(size_of::<Phase>() <= 24, "{}", size_of::<Phase>());
        assert!(size_of::<Option<Connection>>() <= 72, "{}", size_of::<Option<Connection>>());
        assert!(size_of::<Peer>() <= 144, "{}", size_of::<Peer>());
    }
}
