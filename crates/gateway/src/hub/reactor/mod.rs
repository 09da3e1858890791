//! One thread, one epoll instance, one slab of connections. The thread alone touches its sockets, so nothing here locks.

mod commands;
mod endings;
mod reading;
mod writing;

use super::connection::Connection;
use super::slots::{self, Slots};
use super::{Command, HubOptions, Lifecycle, StageIndex};
use crate::clock::Clock;
use crate::metrics::messages_to_clients;
use metrics::{Counter, Gauge, counter, gauge};
use mio::{Events, Poll, Token, Waker};
use sluicegate_protocol::{ConnectionId, StageId};
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
    /// The same, as API Gateway counts it.
    messages: Counter,
    too_slow: Counter,
}

impl Members {
    fn new(stage: &StageId) -> Self {
        let messages = messages_to_clients(stage);
        let stage = || [("api", stage.api.to_string()), ("stage", stage.stage.to_string())];
        Self {
            places: Vec::new(),
            connections: gauge!("sluicegate_connections", &stage()),
            received: counter!("sluicegate_messages_received_total", &stage()),
            sent: counter!("sluicegate_messages_sent_total", &stage()),
            messages,
            too_slow: counter!("sluicegate_slow_connections_closed_total", &stage()),
        }
    }

    fn count_sent(&self, messages: u64) {
        self.sent.increment(messages);
        self.messages.increment(messages);
    }
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

    pub(super) fn find(&self, id: ConnectionId) -> Option<usize> {
        let place = slots::place_of(id.slot());
        let open = self.slab.get(place)?.as_ref()?.open()?;
        (open.peer.id == id).then_some(place)
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
