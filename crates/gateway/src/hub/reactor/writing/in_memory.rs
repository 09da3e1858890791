//! A broadcast without a kernel: the reactor's own connections and its own delivery, over writers that only count.

use super::Delivery;
use crate::hub::connection::Connection;
use crate::peer::Peer;
use crate::websocket::{Compression, Frame};
use sluicegate_protocol::{ConnectionId, StageId};
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Open connections of one stage whose clients take everything at once.
pub(crate) struct Audience {
    slab: Vec<Option<Connection<Sink>>>,
    places: Vec<u32>,
}

impl Audience {
    pub(crate) fn new(connections: u32) -> Self {
        let stage = Arc::new(StageId::new("chat", "prod"));
        let connection = |place| {
            let id = ConnectionId::new(0, place, 1);
            let peer = Peer::new(id, (stage.clone(), 0), Ipv4Addr::LOCALHOST.into(), None, "localhost".into(), 0);
            Some(Connection { socket: Some(Sink::default()), ..Connection::new(Arc::new(peer), place, 0) })
        };
        Self { slab: (0..connections).map(connection).collect(), places: (0..connections).collect() }
    }

    /// Frames a message and writes it to everybody. Returns how many took it.
    pub(crate) fn broadcast(&mut self, message: &[u8], limit: usize) -> u64 {
        let frame = Frame::message(message, Compression::None);
        let mut delivery = Delivery { now: 1, limit, accepted: 0, ended: Vec::new() };
        delivery.write(&mut self.slab, &self.places, &[frame.plain().clone()]);
        delivery.accepted
    }
}

/// Takes every byte. Never inlined, as a call into the system is not.
#[derive(Default)]
struct Sink {
    bytes: u64,
}

impl io::Write for Sink {
    #[inline(never)]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
