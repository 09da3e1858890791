//! From frames to sockets: one place, or every member of a stage.

#[cfg(feature = "hot-paths")]
pub(crate) mod in_memory;

use super::Reactor;
use crate::hub::StageIndex;
use crate::hub::connection::Connection;
use crate::hub::outbound::Accepted;
use crate::websocket::Frame;
use bytes::Bytes;
use sluicegate_protocol::{Broadcast, CloseReason};
use std::io::{self, ErrorKind, IoSlice};

impl Reactor {
    pub(super) fn broadcast(&mut self, stage: StageIndex, frames: &[Frame]) -> Broadcast {
        let Some(members) = self.stages.get(usize::from(stage)) else { return Broadcast::default() };
        let (now, limit) = (self.now, self.options.outbound_queue_bytes);
        let mut delivery = Delivery { now, limit, accepted: 0, ended: Vec::new() };
        let plain: Vec<_> = frames.iter().map(|frame| frame.plain().clone()).collect();
        delivery.write(&mut self.slab, &members.plain, &plain);
        if !members.deflated.is_empty() {
            let deflated: Vec<_> = frames.iter().map(|frame| frame.deflated(&mut self.deflater).clone()).collect();
            delivery.write(&mut self.slab, &members.deflated, &deflated);
        }
        members.count_sent(delivery.accepted * frames.len() as u64);
        let mut result = Broadcast { accepted: delivery.accepted, ..Broadcast::default() };
        for (place, reason) in delivery.ended {
            result.too_slow += u64::from(reason == CloseReason::TOO_SLOW);
            self.end(place, reason);
        }
        result
    }

    pub(super) fn write(&mut self, place: usize, frame: &Bytes) -> io::Result<Accepted> {
        let (frames, slices) = (std::slice::from_ref(frame), [IoSlice::new(frame)]);
        match self.slab.get_mut(place) {
            Some(Some(connection)) => connection.write(frames, &slices, self.options.outbound_queue_bytes),
            _ => Ok(Accepted::Yes),
        }
    }
}

/// What became of a broadcast.
struct Delivery {
    now: u64,
    /// Bytes that may be queued for one connection.
    limit: usize,
    accepted: u64,
    /// Ending a connection changes the list that is walked, so it waits.
    ended: Vec<(usize, CloseReason)>,
}

impl Delivery {
    fn write<S: io::Write>(&mut self, slab: &mut [Option<Connection<S>>], places: &[u32], frames: &[Bytes]) {
        let slices: Vec<_> = frames.iter().map(|frame| IoSlice::new(frame)).collect();
        for place in places {
            let Some(connection) = &mut slab[*place as usize] else { continue };
            match connection.write(frames, &slices, self.limit) {
                Ok(Accepted::Yes) => {
                    connection.last_active = self.now;
                    self.accepted += 1;
                }
                Ok(Accepted::QueueFull) => self.ended.push((*place as usize, CloseReason::TOO_SLOW)),
                Err(_) => self.ended.push((*place as usize, CloseReason::LOST)),
            }
        }
    }
}

impl<S: io::Write> Connection<S> {
    /// Until its socket has come, everything is queued.
    pub(super) fn write(&mut self, frames: &[Bytes], slices: &[IoSlice<'_>], limit: usize) -> io::Result<Accepted> {
        match &mut self.socket {
            Some(socket) => self.outbound.write(socket, frames, slices, limit),
            None => self.outbound.write(&mut NotYet, frames, slices, limit),
        }
    }
}

/// The socket of a client whose upgrade is still being answered.
struct NotYet;

impl io::Write for NotYet {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
