//! From frames to sockets: one place, or every member of a stage.

use super::Reactor;
use crate::hub::connection::Connection;
use crate::hub::outbound::Accepted;
use crate::hub::{Lifecycle, StageIndex};
use bytes::Bytes;
use sluicegate_protocol::{Broadcast, CloseReason};
use std::io::{self, ErrorKind, IoSlice};

impl Reactor {
    pub(super) fn broadcast(&mut self, stage: StageIndex, frames: &[Bytes], lifecycle: &impl Lifecycle) -> Broadcast {
        let Some(members) = self.stages.get(usize::from(stage)) else { return Broadcast::default() };
        let slices: Vec<_> = frames.iter().map(|frame| IoSlice::new(frame)).collect();
        let (now, limit) = (self.clock.now_ms(), self.options.outbound_queue_bytes);
        let mut result = Broadcast::default();
        // Ending a connection changes the list that is walked, so it waits.
        let mut ended = Vec::new();
        for place in &members.places {
            let Some(connection) = &mut self.slab[*place as usize] else { continue };
            match connection.write(frames, &slices, limit) {
                Ok(Accepted::Yes) => {
                    connection.last_active = now;
                    result.accepted += 1;
                }
                Ok(Accepted::QueueFull) => ended.push((*place as usize, CloseReason::TOO_SLOW)),
                Err(_) => ended.push((*place as usize, CloseReason::LOST)),
            }
        }
        members.count_sent(result.accepted * frames.len() as u64);
        for (place, reason) in ended {
            result.too_slow += u64::from(reason == CloseReason::TOO_SLOW);
            self.end(place, reason, lifecycle);
        }
        result
    }

    pub(super) fn write(&mut self, place: usize, frames: &[Bytes]) -> io::Result<Accepted> {
        let slices: Vec<_> = frames.iter().map(|frame| IoSlice::new(frame)).collect();
        match self.slab.get_mut(place) {
            Some(Some(connection)) => connection.write(frames, &slices, self.options.outbound_queue_bytes),
            _ => Ok(Accepted::Yes),
        }
    }
}

impl Connection {
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
