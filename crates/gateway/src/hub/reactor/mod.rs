//! One thread, one epoll instance, one slab of connections. The thread alone touches its sockets, so nothing here locks.

mod commands;
mod containment;
mod endings;
mod members;
mod reading;
mod writing;

#[cfg(feature = "hot-paths")]
pub(crate) use writing::in_memory;

use super::connection::Connection;
use super::slots::{self, Slots};
use super::waker::Waker;
use super::{Command, HubOptions, Lifecycle, StageIndex};
use crate::clock::Clock;
use crate::websocket::{Deflater, Inflater};
use members::Members;
use mio::{Events, Poll, Token};
use sluicegate_protocol::ConnectionId;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

const WAKE: Token = Token(usize::MAX);
/// Readiness events taken from the system at a time.
const EVENTS: usize = 1024;
/// Read at once, shared by all connections of the reactor.
const READ_BUFFER_BYTES: usize = 64 * 1024;
/// Commands carried out before sockets are looked at again.
const COMMANDS_PER_TURN: usize = 4096;
/// Deadlines are looked at once per tick, so they are kept to within one.
const TICK: Duration = Duration::from_secs(1);
/// While draining, somebody waits for the last of them.
const DRAIN_TICK: Duration = Duration::from_millis(50);

pub(super) struct Reactor {
    index: usize,
    options: HubOptions,
    clock: Clock,
    poll: Poll,
    inbox: Receiver<Command>,
    waker: Arc<Waker>,
    slots: Arc<Slots>,
    slab: Vec<Option<Connection>>,
    /// By stage index.
    stages: Vec<Members>,
    /// Places with more to read than one turn allows.
    unread: VecDeque<usize>,
    /// Bytes held for unfinished inbound messages.
    assembling: usize,
    buffer: Box<[u8]>,
    /// Compression keeps nothing between messages, so all connections share one of each.
    inflater: Inflater,
    deflater: Deflater,
    /// Milliseconds since the epoch: when deadlines are looked at next.
    next_tick: u64,
    draining: bool,
    stopping: bool,
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
            waker: waker.clone(),
            slots,
            slab: Vec::new(),
            stages: Vec::new(),
            unread: VecDeque::new(),
            assembling: 0,
            buffer: vec![0; READ_BUFFER_BYTES].into_boxed_slice(),
            inflater: Inflater::default(),
            deflater: Deflater::default(),
            next_tick: 0,
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
        let usual_tick =
            TICK.min(Duration::from_millis(self.options.idle_timeout_ms / 8)).max(Duration::from_millis(5));
        let mut more_commands = false;
        loop {
            let tick = if self.draining { usual_tick.min(DRAIN_TICK) } else { usual_tick };
            let busy = !self.unread.is_empty() || more_commands;
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
                self.read_on(place, lifecycle);
            }
            self.waker.woken();
            commands.extend(self.inbox.try_iter().take(COMMANDS_PER_TURN));
            // The wake-up for what is left has been used up.
            more_commands = commands.len() == COMMANDS_PER_TURN;
            self.carry_out(&mut commands, lifecycle);
            let now = self.clock.now_ms();
            if now >= self.next_tick {
                self.next_tick = now + tick.as_millis() as u64;
                self.check_deadlines(now, lifecycle);
            }
            if self.stopping && self.slab.iter().all(Option::is_none) {
                return;
            }
        }
    }

    /// Where a connection is, be it only for its last bytes.
    pub(super) fn place_of(&self, id: ConnectionId) -> Option<usize> {
        let place = slots::place_of(id.slot());
        // The slot may have gone to another since.
        (self.slab.get(place)?.as_ref()?.id() == id).then_some(place)
    }

    pub(super) fn find(&self, id: ConnectionId) -> Option<usize> {
        let place = self.place_of(id)?;
        self.slab[place].as_ref()?.open().map(|_| place)
    }

    pub(super) fn find_in_stage(&self, stage: StageIndex, id: ConnectionId) -> Option<usize> {
        let place = self.find(id)?;
        let open = self.slab[place].as_ref()?.open()?;
        (open.peer.stage_index == stage).then_some(place)
    }

    /// A socket that has not come yet has nothing to read.
    pub(super) fn read_socket(&self, place: usize, buffer: &mut [u8]) -> io::Result<usize> {
        match self.slab.get(place) {
            Some(Some(Connection { socket: Some(socket), .. })) => (&*socket).read(buffer),
            _ => Err(ErrorKind::WouldBlock.into()),
        }
    }

    pub(super) fn touch(&mut self, place: usize) {
        let now = self.clock.now_ms();
        if let Some(Some(connection)) = self.slab.get_mut(place) {
            connection.last_active = now;
        }
    }
}
