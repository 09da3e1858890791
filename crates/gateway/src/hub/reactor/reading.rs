//! From readiness to events: what clients send.

use super::Reactor;
use crate::hub::Lifecycle;
use crate::hub::connection::Phase;
use crate::hub::outbound::Accepted;
use crate::websocket::{Event, pong_frame};
use mio::Token;
use mio::event::Event as Readiness;
use sluicegate_protocol::CloseReason;
use std::io::ErrorKind;

/// Read at once from a connection that is closing.
const DISCARD_BYTES: usize = 4096;
/// Reads of one connection before others have their turn.
const READS_PER_TURN: usize = 4;

/// What a read came to.
pub(super) enum Turn {
    /// The socket has no more for now.
    Drained,
    /// There may be more, but others are waiting.
    Unfinished,
    Ended(CloseReason),
}

impl Reactor {
    pub(super) fn ready(&mut self, readiness: &Readiness, lifecycle: &impl Lifecycle) {
        let Token(place) = readiness.token();
        if readiness.is_writable() {
            self.flush(place, lifecycle);
        }
        if readiness.is_readable() || readiness.is_read_closed() || readiness.is_error() {
            self.read(place, readiness.is_read_closed() || readiness.is_error(), lifecycle);
        }
    }

    /// Reads what a socket has; `to_end` when its end was announced, which a short read must not hide.
    pub(super) fn read(&mut self, place: usize, to_end: bool, lifecycle: &impl Lifecycle) {
        let turn = match self.slab.get(place).and_then(Option::as_ref).map(|connection| &connection.phase) {
            Some(Phase::Open(open)) if open.paused => return,
            Some(Phase::Open(_)) => self.read_messages(place, to_end, lifecycle),
            Some(Phase::Closing(_)) => self.discard(place),
            None => return,
        };
        match turn {
            Turn::Drained => {}
            Turn::Unfinished => self.unread.push_back(place),
            Turn::Ended(reason) => self.end(place, reason, lifecycle),
        }
    }

    pub(super) fn read_messages(&mut self, place: usize, to_end: bool, lifecycle: &impl Lifecycle) -> Turn {
        for _ in 0..READS_PER_TURN {
            let mut buffer = std::mem::take(&mut self.buffer);
            let turn = match self.read_socket(place, &mut buffer) {
                Ok(0) => Some(Turn::Ended(CloseReason::LOST)),
                Ok(length) => {
                    let turn = self.received(place, &mut buffer[..length], lifecycle);
                    turn.or((length < buffer.len() && !to_end).then_some(Turn::Drained))
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => Some(Turn::Drained),
                Err(error) if error.kind() == ErrorKind::Interrupted => None,
                Err(_) => Some(Turn::Ended(CloseReason::LOST)),
            };
            self.buffer = buffer;
            if let Some(turn) = turn {
                return turn;
            }
        }
        Turn::Unfinished
    }

    /// Takes the bytes of one read. `Some` when reading must stop.
    pub(super) fn received(&mut self, place: usize, input: &mut [u8], lifecycle: &impl Lifecycle) -> Option<Turn> {
        let now = self.clock.now_ms();
        let connection = self.slab[place].as_mut()?;
        let Phase::Open(open) = &mut connection.phase else { return None };
        connection.last_active = now;
        let held = open.decoder.held();
        let (mut messages, mut close, mut pongs) = (0, None, Vec::new());
        let decoded = open.decoder.decode(input, self.options.frames, |event| {
            match event {
                Event::Text(text) => {
                    messages += 1;
                    open.peer.begin_message();
                    lifecycle.message(&open.peer, text);
                }
                Event::Ping(payload) => pongs.push(pong_frame(payload)),
                Event::Pong => {}
                Event::Close(reason) => close = Some(reason),
            }
            close.is_none()
        });
        let held_now = open.decoder.held();
        self.assembling = self.assembling + held_now - held;
        let paused = messages > 0 && open.peer.pause_at(self.options.messages_in_flight);
        open.paused = paused;
        let stage = open.peer.stage_index;
        self.stages[usize::from(stage)].received.increment(messages);
        if !pongs.is_empty() {
            // A client that pings without reading its pongs is as slow as any other.
            match self.write(place, &pongs) {
                Ok(Accepted::Yes) => {}
                Ok(Accepted::QueueFull) => return Some(Turn::Ended(CloseReason::TOO_SLOW)),
                Err(_) => return Some(Turn::Ended(CloseReason::LOST)),
            }
        }
        if let Err(reason) = decoded {
            return Some(Turn::Ended(reason));
        }
        if held_now > held && self.assembling > self.options.assembly_bytes {
            return Some(Turn::Ended(CloseReason::OVERLOADED));
        }
        close.map(Turn::Ended).or(paused.then_some(Turn::Drained))
    }

    /// A connection that is closing is read only to see its end.
    pub(super) fn discard(&mut self, place: usize) -> Turn {
        for _ in 0..READS_PER_TURN {
            match self.read_socket(place, &mut [0; DISCARD_BYTES]) {
                Ok(0) => return Turn::Ended(CloseReason::LOST),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Turn::Drained,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Turn::Ended(CloseReason::LOST),
            }
        }
        Turn::Unfinished
    }

    pub(super) fn flush(&mut self, place: usize, lifecycle: &impl Lifecycle) {
        let Some(Some(connection)) = self.slab.get_mut(place) else { return };
        let Some(socket) = &mut connection.socket else { return };
        match connection.outbound.flush(socket) {
            Ok(false) => {}
            Ok(true) => self.shut_if_closing(place),
            Err(_) => self.end(place, CloseReason::LOST, lifecycle),
        }
    }
}
