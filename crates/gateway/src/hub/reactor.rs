//! One thread, one epoll instance, one slab of connections. The thread alone touches its sockets, so nothing here locks.

use super::connection::{Closing, Connection, Phase};
use super::outbound::Accepted;
use super::slots::{self, Slots};
use super::{Command, HubOptions, Lifecycle, StageIndex};
use crate::clock::Clock;
use crate::peer::Peer;
use crate::websocket::{Event, Frame, close_frame, pong_frame};
use bytes::Bytes;
use metrics::{Counter, Gauge, counter, gauge};
use mio::event::Event as Readiness;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};
use sluicegate_protocol::{Broadcast, CloseReason, ConnectionDetails, ConnectionId, PostError, StageId};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

const WAKE: Token = Token(usize::MAX);
/// Readiness events taken from the system at a time.
const EVENTS: usize = 1024;
/// Read at once, shared by all connections of the reactor.
const READ_BUFFER_BYTES: usize = 64 * 1024;
/// Read at once from a connection that is closing.
const DISCARD_BYTES: usize = 4096;
/// Reads of one connection before others have their turn.
const READS_PER_TURN: usize = 4;
/// Commands carried out before sockets are looked at again.
const COMMANDS_PER_TURN: usize = 4096;
/// Frames of waiting broadcasts that are written in one call.
const COALESCED_FRAMES: usize = 64;
/// An admitted client whose socket has not come by then is given up.
const ATTACH_TIMEOUT_MS: u64 = 30_000;
/// Deadlines are looked at once per tick, so they are kept to within one.
const TICK: Duration = Duration::from_secs(1);

pub(super) struct Reactor {
    index: usize,
    options: HubOptions,
    clock: Clock,
    poll: Poll,
    inbox: Receiver<Command>,
    slots: Arc<Slots>,
    slab: Vec<Option<Connection>>,
    /// By stage index.
    stages: Vec<Members>,
    /// Places with more to read than one turn allows.
    unread: VecDeque<usize>,
    /// Bytes held for unfinished inbound messages.
    assembling: usize,
    buffer: Box<[u8]>,
    draining: bool,
    stopping: bool,
}

/// The open connections of a stage.
struct Members {
    places: Vec<u32>,
    connections: Gauge,
    received: Counter,
    sent: Counter,
    too_slow: Counter,
}

impl Members {
    fn new(stage: &StageId) -> Self {
        let stage = || [("api", stage.api.to_string()), ("stage", stage.stage.to_string())];
        Self {
            places: Vec::new(),
            connections: gauge!("sluicegate_connections", &stage()),
            received: counter!("sluicegate_messages_received_total", &stage()),
            sent: counter!("sluicegate_messages_sent_total", &stage()),
            too_slow: counter!("sluicegate_slow_connections_closed_total", &stage()),
        }
    }
}

/// What a read came to.
enum Turn {
    /// The socket has no more for now.
    Drained,
    /// There may be more, but others are waiting.
    Unfinished,
    Ended(CloseReason),
}

impl Reactor {
    pub(super) fn new(
        index: usize,
        options: HubOptions,
        clock: Clock,
        inbox: Receiver<Command>,
        slots: Arc<Slots>,
    ) -> io::Result<(Self, Arc<Waker>)> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let reactor = Self {
            index,
            options,
            clock,
            poll,
            inbox,
            slots,
            slab: Vec::new(),
            stages: Vec::new(),
            unread: VecDeque::new(),
            assembling: 0,
            buffer: vec![0; READ_BUFFER_BYTES].into_boxed_slice(),
            draining: false,
            stopping: false,
        };
        Ok((reactor, waker))
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// Serves until it is told to stop and every socket is done.
    pub(super) fn run(mut self, lifecycle: &impl Lifecycle) {
        let mut events = Events::with_capacity(EVENTS);
        let mut commands = VecDeque::new();
        let tick = TICK.min(Duration::from_millis(self.options.idle_timeout_ms / 8)).max(Duration::from_millis(5));
        let mut next_tick = 0;
        loop {
            let busy = !self.unread.is_empty() || !commands.is_empty();
            let sleep = if busy { Duration::ZERO } else { tick.min(self.clock.longest_sleep()) };
            match self.poll.poll(&mut events, Some(sleep)) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!(%error, "the reactor cannot wait for its sockets and ends; its connections are lost");
                    return;
                }
            }
            for readiness in &events {
                if readiness.token() != WAKE {
                    self.ready(readiness, lifecycle);
                }
            }
            for _ in 0..self.unread.len() {
                let Some(place) = self.unread.pop_front() else { break };
                self.read(place, false, lifecycle);
            }
            commands.extend(self.inbox.try_iter().take(COMMANDS_PER_TURN));
            self.carry_out(&mut commands, lifecycle);
            let now = self.clock.now_ms();
            if now >= next_tick {
                next_tick = now + tick.as_millis() as u64;
                self.check_deadlines(now, lifecycle);
            }
            if self.stopping && self.slab.iter().all(Option::is_none) {
                return;
            }
        }
    }

    // ---- sockets

    fn ready(&mut self, readiness: &Readiness, lifecycle: &impl Lifecycle) {
        let Token(place) = readiness.token();
        if readiness.is_writable() {
            self.flush(place, lifecycle);
        }
        if readiness.is_readable() || readiness.is_read_closed() || readiness.is_error() {
            self.read(place, readiness.is_read_closed() || readiness.is_error(), lifecycle);
        }
    }

    /// Reads what a socket has; `to_end` when its end was announced, which a short read must not hide.
    fn read(&mut self, place: usize, to_end: bool, lifecycle: &impl Lifecycle) {
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

    fn read_messages(&mut self, place: usize, to_end: bool, lifecycle: &impl Lifecycle) -> Turn {
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
    fn received(&mut self, place: usize, input: &mut [u8], lifecycle: &impl Lifecycle) -> Option<Turn> {
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
    fn discard(&mut self, place: usize) -> Turn {
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

    fn flush(&mut self, place: usize, lifecycle: &impl Lifecycle) {
        let Some(Some(connection)) = self.slab.get_mut(place) else { return };
        let Some(socket) = &mut connection.socket else { return };
        match connection.outbound.flush(socket) {
            Ok(false) => {}
            Ok(true) => self.shut_if_closing(place),
            Err(_) => self.end(place, CloseReason::LOST, lifecycle),
        }
    }

    fn write(&mut self, place: usize, frames: &[Bytes]) -> io::Result<Accepted> {
        let slices: Vec<_> = frames.iter().map(|frame| IoSlice::new(frame)).collect();
        match self.slab.get_mut(place) {
            Some(Some(connection)) => connection.write(frames, &slices, self.options.outbound_queue_bytes),
            _ => Ok(Accepted::Yes),
        }
    }

    // ---- commands

    fn carry_out(&mut self, commands: &mut VecDeque<Command>, lifecycle: &impl Lifecycle) {
        while let Some(command) = commands.pop_front() {
            match command {
                Command::Stage(stage) => self.stages.push(Members::new(&stage)),
                Command::Open(peer) => self.open(peer, lifecycle),
                Command::Attach(id, socket, early) => self.attach(id, socket, early, lifecycle),
                Command::Abandon(id) => {
                    if let Some(place) = self.find(id) {
                        self.end(place, CloseReason::LOST, lifecycle);
                    }
                }
                Command::Post { stage, connection, frame, reply } => {
                    let _ = reply.send(self.post(stage, connection, &frame, lifecycle));
                }
                Command::Get { stage, connection, reply } => {
                    let _ = reply.send(self.details(stage, connection));
                }
                Command::Delete { stage, connection, reply } => {
                    let place = self.find_in_stage(stage, connection);
                    let _ = reply.send(place.is_some());
                    if let Some(place) = place {
                        self.end(place, CloseReason::DELETED, lifecycle);
                    }
                }
                Command::Broadcast { stage, frames, reply } => {
                    let mut replies = vec![reply];
                    let frames = coalesce(stage, &frames, &mut replies, commands);
                    let result = self.broadcast(stage, &frames, lifecycle);
                    for reply in replies {
                        let _ = reply.send(result);
                    }
                }
                Command::Resume(id) => self.resume(id, lifecycle),
                Command::Drain => {
                    self.draining = true;
                    self.close_all(CloseReason::GOING_AWAY, lifecycle);
                }
                Command::Stop => self.stopping = true,
            }
        }
    }

    fn open(&mut self, peer: Arc<Peer>, lifecycle: &impl Lifecycle) {
        let (place, stage) = (slots::place_of(peer.id.slot()), usize::from(peer.stage_index));
        if self.slab.len() <= place {
            self.slab.resize_with(place + 1, || None);
        }
        let members = &mut self.stages[stage];
        members.places.push(place as u32);
        members.connections.increment(1);
        self.slab[place] = Some(Connection::new(peer, members.places.len() as u32 - 1, self.clock.now_ms()));
        if self.draining {
            self.end(place, CloseReason::GOING_AWAY, lifecycle);
        }
    }

    fn attach(&mut self, id: ConnectionId, socket: std::net::TcpStream, early: Bytes, lifecycle: &impl Lifecycle) {
        let place = slots::place_of(id.slot());
        let Some(Some(connection)) = self.slab.get_mut(place) else { return };
        let mut socket = TcpStream::from_std(socket);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(&mut socket, Token(place), interest) {
            tracing::warn!(%error, connection = %id, "cannot watch a socket; the connection is dropped");
            return self.end(place, CloseReason::LOST, lifecycle);
        }
        connection.socket = Some(socket);
        self.flush(place, lifecycle);
        if !early.is_empty() {
            // Bytes the client sent right behind its handshake.
            if let Some(Turn::Ended(reason)) = self.received(place, &mut early.to_vec(), lifecycle) {
                self.end(place, reason, lifecycle);
            }
        }
        // Whatever came since raises an event, because registering reports the present state.
    }

    fn post(
        &mut self,
        stage: StageIndex,
        id: ConnectionId,
        frame: &Frame,
        lifecycle: &impl Lifecycle,
    ) -> Result<(), PostError> {
        let place = self.find_in_stage(stage, id).ok_or(PostError::Gone)?;
        match self.write(place, std::slice::from_ref(frame.bytes())) {
            Ok(Accepted::Yes) => {
                self.touch(place);
                self.stages[usize::from(stage)].sent.increment(1);
                Ok(())
            }
            Ok(Accepted::QueueFull) => Err(PostError::QueueFull),
            Err(_) => {
                self.end(place, CloseReason::LOST, lifecycle);
                Err(PostError::Gone)
            }
        }
    }

    fn broadcast(&mut self, stage: StageIndex, frames: &[Bytes], lifecycle: &impl Lifecycle) -> Broadcast {
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
        members.sent.increment(result.accepted * frames.len() as u64);
        for (place, reason) in ended {
            result.too_slow += u64::from(reason == CloseReason::TOO_SLOW);
            self.end(place, reason, lifecycle);
        }
        result
    }

    fn details(&self, stage: StageIndex, id: ConnectionId) -> Option<ConnectionDetails> {
        let connection = self.slab.get(self.find_in_stage(stage, id)?)?.as_ref()?;
        let peer = &connection.open()?.peer;
        Some(ConnectionDetails {
            connected_at: peer.connected_at,
            last_active_at: connection.last_active,
            source_ip: peer.source_ip.to_string().into(),
            user_agent: peer.user_agent.clone(),
        })
    }

    fn resume(&mut self, id: ConnectionId, lifecycle: &impl Lifecycle) {
        let Some(place) = self.find(id) else { return };
        if let Some(Some(Connection { phase: Phase::Open(open), .. })) = self.slab.get_mut(place) {
            // One message has ended, but more may be under way than the limit: a single read can bring many.
            open.paused = open.peer.pause_at(self.options.messages_in_flight);
            if open.paused {
                return;
            }
            // Nothing tells how much came meanwhile, or that the end did, so read until the socket has no more.
            self.read(place, true, lifecycle);
        }
    }

    // ---- endings

    /// The one way out: reports the connection as gone and says goodbye as far as the cause allows.
    fn end(&mut self, place: usize, reason: CloseReason, lifecycle: &impl Lifecycle) {
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

    fn say_goodbye(&mut self, place: usize, frame: Bytes) {
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
    fn shut_if_closing(&mut self, place: usize) {
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

    fn release(&mut self, place: usize) {
        if self.slab[place].take().is_some() {
            self.slots.give_back(slots::slot_of(self.index, place));
        }
    }

    fn leave_stage(&mut self, stage: StageIndex, member: u32) {
        let members = &mut self.stages[usize::from(stage)];
        members.places.swap_remove(member as usize);
        members.connections.decrement(1);
        if let Some(moved) = members.places.get(member as usize)
            && let Some(Connection { phase: Phase::Open(open), .. }) = &mut self.slab[*moved as usize]
        {
            open.member = member;
        }
    }

    fn close_all(&mut self, reason: CloseReason, lifecycle: &impl Lifecycle) {
        for place in 0..self.slab.len() {
            if self.slab[place].as_ref().is_some_and(|connection| connection.open().is_some()) {
                self.end(place, reason.clone(), lifecycle);
            }
        }
    }

    fn check_deadlines(&mut self, now: u64, lifecycle: &impl Lifecycle) {
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

    // ---- looking up

    fn find(&self, id: ConnectionId) -> Option<usize> {
        let place = slots::place_of(id.slot());
        let open = self.slab.get(place)?.as_ref()?.open()?;
        (open.peer.id == id).then_some(place)
    }

    fn find_in_stage(&self, stage: StageIndex, id: ConnectionId) -> Option<usize> {
        let place = self.find(id)?;
        let open = self.slab[place].as_ref()?.open()?;
        (open.peer.stage_index == stage).then_some(place)
    }

    /// A socket that has not come yet has nothing to read.
    fn read_socket(&self, place: usize, buffer: &mut [u8]) -> io::Result<usize> {
        match self.slab.get(place) {
            Some(Some(Connection { socket: Some(socket), .. })) => (&*socket).read(buffer),
            _ => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn touch(&mut self, place: usize) {
        let now = self.clock.now_ms();
        if let Some(Some(connection)) = self.slab.get_mut(place) {
            connection.last_active = now;
        }
    }
}

impl Connection {
    /// Until its socket has come, everything is queued.
    fn write(&mut self, frames: &[Bytes], slices: &[IoSlice<'_>], limit: usize) -> io::Result<Accepted> {
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

/// A client that is lost cannot be told, and behind a full queue no close frame would fit.
fn may_say_goodbye(reason: &CloseReason) -> bool {
    *reason != CloseReason::LOST && *reason != CloseReason::TOO_SLOW
}

/// The frames of a broadcast and of those to the same stage that wait directly behind it.
fn coalesce(
    stage: StageIndex,
    frames: &[Frame],
    replies: &mut Vec<tokio::sync::oneshot::Sender<Broadcast>>,
    commands: &mut VecDeque<Command>,
) -> Vec<Bytes> {
    let mut together: Vec<Bytes> = frames.iter().map(|frame| frame.bytes().clone()).collect();
    while together.len() < COALESCED_FRAMES
        && matches!(commands.front(), Some(Command::Broadcast { stage: next, .. }) if *next == stage)
    {
        if let Some(Command::Broadcast { frames, reply, .. }) = commands.pop_front() {
            together.extend(frames.iter().map(|frame| frame.bytes().clone()));
            replies.push(reply);
        }
    }
    together
}
