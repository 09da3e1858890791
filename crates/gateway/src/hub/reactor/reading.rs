//! From readiness to events: what clients send.

use super::{REPORTED_BYTES, Reactor, Report};
use crate::hub::Inbound;
use crate::hub::connection::Phase;
use crate::hub::outbound::Accepted;
use crate::websocket::{Event, put_pong};
use bytes::BytesMut;
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
    pub(super) fn ready(&mut self, readiness: &Readiness) {
        let Token(place) = readiness.token();
        if readiness.is_writable() {
            self.flush(place);
        }
        let waits = self.slab.get(place).and_then(Option::as_ref).is_some_and(|connection| connection.unread);
        if !waits && (readiness.is_readable() || readiness.is_read_closed() || readiness.is_error()) {
            self.read(place, readiness.is_read_closed() || readiness.is_error());
        }
    }

    /// Reads what a socket has; `to_end` when its end was announced, which a short read must not hide.
    pub(super) fn read(&mut self, place: usize, to_end: bool) {
        let turn = match self.slab.get(place).and_then(Option::as_ref).map(|connection| &connection.phase) {
            Some(Phase::Open(open)) if open.paused => return,
            Some(Phase::Open(_)) if self.reported_bytes > REPORTED_BYTES => Turn::Unfinished,
            Some(Phase::Open(_)) => self.read_messages(place, to_end),
            Some(Phase::Closing(_)) => self.discard(place),
            None => return,
        };
        match turn {
            Turn::Drained => {}
            Turn::Unfinished => self.read_later(place),
            Turn::Ended(reason) => self.end(place, reason),
        }
    }

    /// Puts a connection behind all that wait already, once: more readiness does not give it more turns.
    pub(super) fn read_later(&mut self, place: usize) {
        if let Some(Some(connection)) = self.slab.get_mut(place)
            && !std::mem::replace(&mut connection.unread, true)
        {
            self.unread.push_back(place);
        }
    }

    /// The next turn of a connection that was read later.
    pub(super) fn read_on(&mut self, place: usize) {
        if let Some(Some(connection)) = self.slab.get_mut(place) {
            connection.unread = false;
        }
        // Its end may have been announced before, and is not announced twice, so read until the socket has no more.
        self.read(place, true);
    }

    pub(super) fn read_messages(&mut self, place: usize, to_end: bool) -> Turn {
        for _ in 0..READS_PER_TURN {
            let mut buffer = std::mem::take(&mut self.buffer);
            let turn = match self.read_socket(place, &mut buffer) {
                Ok(0) => Some(Turn::Ended(CloseReason::LOST)),
                Ok(length) => {
                    let turn = self.received(place, &mut buffer[..length]);
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
    pub(super) fn received(&mut self, place: usize, input: &mut [u8]) -> Option<Turn> {
        let now = self.now;
        let connection = self.slab[place].as_mut()?;
        let Phase::Open(open) = &mut connection.phase else { return None };
        connection.last_active = now;
        let held = open.decoder.held();
        let stage = usize::from(open.peer.stage_index);
        let rules = self.stages[stage].wire.rules(self.options.frames, open.peer.compression);
        // One piece for the answers to all pings of a read: many small ones would cost more than their bytes.
        let (mut messages, mut close, mut pongs) = (0, None, BytesMut::new());
        let mut report = |message: Inbound| {
            messages += 1;
            open.peer.begin_message();
            self.reported_bytes += size_of::<Report>() + message.len();
            self.reports.push(Report::Message(open.peer.clone(), message));
        };
        let decoded = open.decoder.decode(input, rules, &mut self.inflater, |event| {
            match event {
                Event::Text(text) => report(Inbound::Text(text.to_owned())),
                Event::Binary(bytes) => report(Inbound::Binary(bytes.to_vec())),
                Event::Ping(payload) => put_pong(&mut pongs, payload),
                Event::Pong => {}
                Event::Close(reason) => close = Some(reason),
            }
            close.is_none()
        });
        let held_now = open.decoder.held();
        self.assembling = self.assembling + held_now - held;
        let paused = messages > 0 && open.peer.pause_at(self.options.messages_in_flight);
        open.paused = paused;
        self.stages[stage].received.increment(messages);
        if !pongs.is_empty() {
            // A client that pings without reading its pongs is as slow as any other.
            match self.write(place, &pongs.freeze()) {
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

    pub(super) fn flush(&mut self, place: usize) {
        let Some(Some(connection)) = self.slab.get_mut(place) else { return };
        let Some(socket) = &mut connection.socket else { return };
        match connection.outbound.flush(socket) {
            Ok(false) => {}
            Ok(true) => self.shut_if_closing(place),
            Err(_) => self.end(place, CloseReason::LOST),
        }
    }
}
