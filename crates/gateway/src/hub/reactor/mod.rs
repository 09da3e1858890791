//! One epoll instance, one slab of connections. Whoever works the reactor has it alone, so nothing here locks.

mod commands;
mod endings;
mod members;
mod reading;
mod writing;

#[cfg(feature = "hot-paths")]
pub(crate) use writing::in_memory;

use super::connection::Connection;
use super::slots::{self, Slots};
use super::station::{Left, WAKE};
use super::{Command, HubOptions, Inbound, StageIndex};
use crate::clock::Clock;
use crate::peer::Peer;
use crate::websocket::{Deflater, Inflater};
use members::Members;
use mio::{Events, Registry};
use sluicegate_protocol::{CloseReason, ConnectionId};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// Read at once, shared by all connections of the reactor.
const READ_BUFFER_BYTES: usize = 64 * 1024;
/// What messages may take before they are told; what the last read holds, unpacked, comes on top.
const REPORTED_BYTES: usize = 1024 * 1024;
/// Reports there is room for all the time.
const USUAL_REPORTS: usize = 1024;
/// Commands carried out before sockets are looked at again.
const COMMANDS_PER_TURN: usize = 4096;
/// Commands carried out by one who stepped in; the reactor's thread does the rest.
const COMMANDS_OF_A_GUEST: usize = 64;
/// Members of a stage to which one who stepped in broadcasts.
const AUDIENCE_OF_A_GUEST: usize = 16;
/// Deadlines are looked at once per tick, so they are kept to within one.
const TICK: Duration = Duration::from_secs(1);
/// While draining, somebody waits for the last of them.
const DRAIN_TICK: Duration = Duration::from_millis(50);

pub(super) struct Reactor {
    index: usize,
    options: HubOptions,
    clock: Clock,
    /// Milliseconds since the epoch: when it was last taken up.
    now: u64,
    registry: Registry,
    /// What is to be told when nobody works the reactor any more.
    reports: Vec<Report>,
    /// What the messages among them take.
    reported_bytes: usize,
    /// Until the reactor has ended.
    inbox: Option<Receiver<Command>>,
    /// Taken from the inbox, to be carried out in this order.
    commands: VecDeque<Command>,
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

/// What others are to be told.
pub(super) enum Report {
    Message(Arc<Peer>, Inbound),
    Disconnected(Arc<Peer>, CloseReason),
}

/// What comes after a turn.
#[derive(Clone, Copy, Debug)]
pub(super) enum Turn {
    /// The next one, after this time at most.
    Next(Duration),
    Over,
}

impl Reactor {
    pub(super) fn new(
        index: usize,
        options: HubOptions,
        clock: Clock,
        slots: Arc<Slots>,
        registry: Registry,
        inbox: Receiver<Command>,
    ) -> Self {
        Self {
            index,
            options,
            clock,
            now: 0,
            registry,
            reports: Vec::new(),
            reported_bytes: 0,
            inbox: Some(inbox),
            commands: VecDeque::new(),
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
        }
    }

    /// Nothing is carried out from here on: replies to what is in the inbox are dropped with it.
    pub(super) fn finish(&mut self) {
        self.inbox = None;
        self.commands.clear();
    }

    /// A turn of the reactor's own thread, which has told everything before: sockets, commands, deadlines.
    pub(super) fn turn(&mut self, events: &Events, mail: &AtomicBool) -> Turn {
        self.now = self.clock.now_ms();
        self.reported_bytes = 0;
        // Who has waited comes first; what then is too much waits behind them.
        for _ in 0..self.unread.len() {
            let Some(place) = self.unread.pop_front() else { break };
            self.read_on(place);
        }
        for readiness in events {
            if readiness.token() != WAKE {
                self.ready(readiness);
            }
        }
        let more_commands = self.collect(mail, COMMANDS_PER_TURN);
        while let Some(command) = self.commands.pop_front() {
            self.carry_out(command);
        }
        let tick = self.tick();
        if self.now >= self.next_tick {
            self.next_tick = self.now + tick.as_millis() as u64;
            self.check_deadlines(self.now);
        }
        if self.stopping && self.slab.iter().all(Option::is_none) {
            return Turn::Over;
        }
        let busy = !self.unread.is_empty() || more_commands;
        Turn::Next(if busy { Duration::ZERO } else { tick.min(self.clock.longest_sleep()) })
    }

    /// Carries out one command on the thread of its sender. Gives it back where that is too much work, or others wait before it.
    pub(super) fn do_at_once(&mut self, command: Command) -> Option<Command> {
        if !self.commands.is_empty() || !self.is_little(&command) {
            return Some(command);
        }
        if self.inbox.is_some() {
            self.now = self.clock.now_ms();
            self.carry_out(command);
        }
        None
    }

    /// Carries out what has been sent, on the thread of a sender, as far as it is little work.
    pub(super) fn step_in(&mut self, mail: &AtomicBool) -> Left {
        self.now = self.clock.now_ms();
        let more_commands = self.collect(mail, COMMANDS_OF_A_GUEST);
        while let Some(command) = self.commands.pop_front() {
            if !self.is_little(&command) {
                self.commands.push_front(command);
                return Left::Work;
            }
            self.carry_out(command);
        }
        if more_commands { Left::Work } else { self.left() }
    }

    /// Whether there are sockets to be read, which its own thread does not know of yet.
    pub(super) fn left(&self) -> Left {
        if self.unread.is_empty() { Left::Nothing } else { Left::Work }
    }

    pub(super) fn has_reports(&self) -> bool {
        !self.reports.is_empty()
    }

    /// Moves what is to be reported behind what is there already.
    pub(super) fn take_reports(&mut self, into: &mut VecDeque<Report>) {
        into.extend(self.reports.drain(..));
        self.reports.shrink_to(USUAL_REPORTS);
    }

    fn is_little(&self, command: &Command) -> bool {
        match command {
            Command::Broadcast { stage, .. } => {
                self.stages.get(usize::from(*stage)).is_none_or(|members| members.count() <= AUDIENCE_OF_A_GUEST)
            }
            Command::CloseStage(_) | Command::Drain | Command::Stop => false,
            _ => true,
        }
    }

    /// Takes commands from the inbox; `true` when there may be more.
    fn collect(&mut self, mail: &AtomicBool, most: usize) -> bool {
        // First, so that what is sent from here on is mail again.
        mail.swap(false, Ordering::AcqRel);
        let Some(inbox) = &self.inbox else { return false };
        let before = self.commands.len();
        self.commands.extend(inbox.try_iter().take(most));
        let may_be_more = self.commands.len() - before == most;
        if may_be_more {
            mail.store(true, Ordering::Release);
        }
        may_be_more
    }

    /// How often deadlines are looked at.
    fn tick(&self) -> Duration {
        let tick = TICK.min(Duration::from_millis(self.options.idle_timeout_ms / 8)).max(Duration::from_millis(5));
        if self.draining { tick.min(DRAIN_TICK) } else { tick }
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
        if let Some(Some(connection)) = self.slab.get_mut(place) {
            connection.last_active = self.now;
        }
    }
}
