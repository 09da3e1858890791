//! How connections end: one way out for every cause, and the deadlines that are causes themselves.

use super::reading::Turn;
use super::{Reactor, Report};
use crate::hub::connection::{Closing, Connection, Phase};
use crate::hub::{StageIndex, slots};
use crate::peer::Peer;
use crate::websocket::close_frame;
use bytes::Bytes;
use sluicegate_protocol::CloseReason;
use std::net::Shutdown;

/// An admitted client whose socket has not come by then is given up.
const ATTACH_TIMEOUT_MS: u64 = 30_000;
/// How long a drain waits for clients that do not answer their close frame: a stop should not take longer than a breath.
const DRAIN_LINGER_MS: u32 = 1_000;

impl Reactor {
    /// The one way out: reports the connection as gone and says goodbye as far as the cause allows.
    pub(super) fn end(&mut self, place: usize, reason: CloseReason) {
        let Some(Some(connection)) = self.slab.get_mut(place) else { return };
        let linger_ms = u32::try_from(self.options.close_linger_ms).unwrap_or(u32::MAX);
        let linger_ms = if self.draining { linger_ms.min(DRAIN_LINGER_MS) } else { linger_ms };
        let closing = Phase::Closing(Closing { id: connection.id(), linger_ms, shut: false });
        let Phase::Open(open) = std::mem::replace(&mut connection.phase, closing) else {
            return self.release(place);
        };
        connection.last_active = self.now;
        self.assembling -= open.decoder.held();
        self.leave_stage(&open.peer, open.member);
        let peer = open.peer;
        if reason == CloseReason::TOO_SLOW {
            self.stages[usize::from(peer.stage_index)].too_slow.increment(1);
        }
        let farewell = may_say_goodbye(&reason).then(|| close_frame(&reason));
        self.reports.push(Report::Disconnected(peer, reason));
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
            Turn::Unfinished => self.read_later(place),
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

    fn leave_stage(&mut self, peer: &Peer, member: u32) {
        let members = &mut self.stages[usize::from(peer.stage_index)];
        members.connections.decrement(1);
        let places = members.places(peer.compression);
        places.swap_remove(member as usize);
        if let Some(moved) = places.get(member as usize)
            && let Some(Connection { phase: Phase::Open(open), .. }) = &mut self.slab[*moved as usize]
        {
            open.member = member;
        }
    }

    /// Closes everything. Who is closing already gets no more time than the others.
    pub(super) fn begin_draining(&mut self) {
        self.draining = true;
        self.next_tick = 0;
        let now = self.now;
        for connection in self.slab.iter_mut().flatten() {
            if let Phase::Closing(closing) = &mut connection.phase {
                let spent_ms = u32::try_from(now.saturating_sub(connection.last_active)).unwrap_or(u32::MAX);
                closing.linger_ms = closing.linger_ms.min(spent_ms.saturating_add(DRAIN_LINGER_MS));
            }
        }
        self.close_all(CloseReason::GOING_AWAY);
    }

    pub(super) fn close_stage(&mut self, stage: StageIndex) {
        for place in 0..self.slab.len() {
            let open = self.slab[place].as_ref().and_then(Connection::open);
            if open.is_some_and(|open| open.peer.stage_index == stage) {
                self.end(place, CloseReason::GOING_AWAY);
            }
        }
    }

    fn close_all(&mut self, reason: CloseReason) {
        for place in 0..self.slab.len() {
            if self.slab[place].as_ref().is_some_and(|connection| connection.open().is_some()) {
                self.end(place, reason.clone());
            }
        }
    }

    pub(super) fn check_deadlines(&mut self, now: u64) {
        for place in 0..self.slab.len() {
            let Some(connection) = &self.slab[place] else { continue };
            let reason = match &connection.phase {
                Phase::Closing(closing) if now >= connection.last_active + u64::from(closing.linger_ms) => {
                    CloseReason::LOST
                }
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
            self.end(place, reason);
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
