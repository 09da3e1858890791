//! One place of a reactor's slab: a client from its admission to the last byte of its close.

use super::outbound::Outbound;
use crate::peer::Peer;
use crate::websocket::Decoder;
use mio::net::TcpStream;
use std::sync::Arc;

pub(super) struct Connection {
    pub(super) socket: Option<TcpStream>,
    pub(super) outbound: Outbound,
    pub(super) phase: Phase,
    /// Milliseconds since the epoch: the last message or ping from the client, or message to it.
    pub(super) last_active: u64,
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
    /// Milliseconds since the epoch: then the socket is dropped, whatever is left.
    pub(super) deadline: u64,
    /// The write side was shut: only the client's end is awaited.
    pub(super) shut: bool,
}

impl Connection {
    pub(super) fn new(peer: Arc<Peer>, member: u32) -> Self {
        // Not the present: a client that was told it is connected may have waited for this thread.
        let last_active = peer.connected_at;
        let open = Open { peer, decoder: Decoder::default(), member, paused: false };
        Self { socket: None, outbound: Outbound::default(), phase: Phase::Open(open), last_active }
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
        assert!(size_of::<Option<Connection>>() <= 72, "{}", size_of::<Option<Connection>>());
        assert!(size_of::<Peer>() <= 128, "{}", size_of::<Peer>());
    }
}
