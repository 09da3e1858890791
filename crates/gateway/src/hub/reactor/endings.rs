//! How connections end: one way out for every cause, and the deadlines that are causes themselves.

use super::Reactor;
use super::reading::Turn;
use crate::hub::connection::{Closing, Connection, Phase};
use crate::hub::{Lifecycle, StageIndex, slots};
use crate::websocket::close_frame;
use bytes::Bytes;
use sluicegate_protocol::CloseReason;
use std::net::Shutdown;

/// An admitted client whose socket has not come by then is given up.
const ATTACH_TIMEOUT_MS: u64 = 30_000;

impl Reactor {
    /// The one way out: reports the connection as gone and says goodbye as far as the cause allows.
    pub(super) fn end(&mut self, place: usize, reason: CloseReason, lifecycle: &impl Lifecycle) {
        let Some(Some(connection)) = self.slab.get_mut(place) else { return };
        let deadline = self.clock.now_ms() + self.options.close_linger_ms;
        let closing = Phase::Closing(Closing { deadline, shut: false });
        let Phase::Open(open) = std::mem::replace(&mut connection.phase, closing) else {
            return self.release(place);
        };
        self.assembling -= open.decoder.held();
        self.leave_stage(open.peer.stage_index, open.member);
        let peer = open.peer;
        if reason == CloseReason::TOO_SLOW {
            self.stages[usize::from(peer.stage_index)].too_slow.increment(1);
        }
        let farewell = may_say_goodbye(&reason).then(|| close_frame(&reason));
        lifecycle.disconnected(peer, reason);
        match farewell {
            Some(frame) => self.say_goodbye(place, frame),
            None => self.release(place),
        }
    }

    pub(super) fn say_goodbye(&mut self, place: usize, frame: Bytes) {
        let Some(Some(connection)) = self.slab.get_mut(place) else { return };
        connection.outbound.push(frame);
        // Without a socket yet, the frame goes out as soon as there is one.
        let Some(socket) = &mut connection.socket else { return };
        match connection.outbound.flush(socket) {
            Ok(true) => self.shut_if_closing(place),
            Ok(false) => {}
            Err(_) => return self.release(place),
        }
        match self.discard(place) {
            Turn::Drained => {}
            Turn::Unfinished => self.unread.push_back(place),
            Turn::Ended(_) => self.release(place),
        }
    }

    /// Tells the client that nothing more comes, and waits for its end: closing at once could destroy what is under way.
    pub(super) fn shut_if_closing(&mut self, place: usize) {
        let Some(Some(Connection { socket: Some(socket), phase: Phase::Closing(closing), .. })) =
            self.slab.get_mut(place)
        else {
            return;
        };
        if !closing.shut {
            closing.shut = true;
            let _ = socket.shutdown(Shutdown::Write);
        }
    }

    pub(super) fn release(&mut self, place: usize) {
        if self.slab[place].take().is_some() {
            self.slots.give_back(slots::slot_of(self.index, place));
        }
    }

    pub(super) fn leave_stage(&mut self, stage: StageIndex, member: u32) {
        let members = &mut self.stages[usize::from(stage)];
        members.places.swap_remove(member as usize);
        members.connections.decrement(1);
        if let Some(moved) = members.places.get(member as usize)
            && let Some(Connection { phase: Phase::Open(open), .. }) = &mut self.slab[*moved as usize]
        {
            open.member = member;
        }
    }

    pub(super) fn close_all(&mut self, reason: CloseReason, lifecycle: &impl Lifecycle) {
        for place in 0..self.slab.len() {
            if self.slab[place].as_ref().is_some_and(|connection| connection.open().is_some()) {
                self.end(place, reason.clone(), lifecycle);
            }
        }
    }

    pub(super) fn check_deadlines(&mut self, now: u64, lifecycle: &impl Lifecycle) {
        for place in 0..self.slab.len() {
            let Some(connection) = &self.slab[place] else { continue };
            let reason = match &connection.phase {
                Phase::Closing(closing) if now >= closing.deadline => CloseReason::LOST,
                Phase::Open(_) if connection.socket.is_none() => {
                    if now < connection.last_active + ATTACH_TIMEOUT_MS {
                        continue;
                    }
                    CloseReason::LOST
                }
                Phase::Open(open)
                    if now >= connection.last_active + self.options.idle_timeout_ms
                        || now >= open.peer.connected_at + self.options.max_age_ms =>
                {
                    CloseReason::GOING_AWAY
                }
                _ => continue,
            };
            self.end(place, reason, lifecycle);
        }
        if self.slab.iter().rev().take_while(|place| place.is_none()).count() > self.slab.len() / 2 {
            // After a peak the memory goes back to the system.
            let used = self.slab.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
            self.slab.truncate(used);
            self.slab.shrink_to_fit();
        }
    }
}

/// A client that is lost cannot be told, and behind a full queue no close frame would fit.
fn may_say_goodbye(reason: &CloseReason) -> bool {
    *reason != CloseReason::LOST && *reason != CloseReason::TOO_SLOW
}
