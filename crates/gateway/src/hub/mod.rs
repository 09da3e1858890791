//! The hub: every connection of this node, and all that leaves through them.
//!
//! Sockets belong to a few reactors, each with a thread, an epoll instance and a slab of connections; no task, timer or buffer
//! belongs to a connection that is idle. Everybody else speaks to a reactor by command, and carries it out in its place while
//! its thread sleeps. A message is framed once; a broadcast is one command per reactor, and the reactor writes it straight to
//! each socket, queueing only for those that would block. What clients send is reported when nobody holds the reactor any more,
//! so short handlers run on its thread; one that turns out to be long is left alone with its thread, and another takes over.

mod connection;
mod outbound;
mod reactor;
mod relief;
mod slots;
mod station;
#[cfg(test)]
mod tests;

#[cfg(feature = "hot-paths")]
pub(crate) use reactor::in_memory;
pub(crate) use station::LEISURE;

use crate::clock::Clock;
use crate::peer::Peer;
use crate::websocket::{Compression, Frame, FrameLimits, Wire};
use bytes::Bytes;
use parking_lot::RwLock;
use reactor::Reactor;
use slots::Slots;
use sluicegate_protocol::{
    BoxFuture, Broadcast, CloseReason, ConnectionDetails, ConnectionId, Connections, PostError, StageId, limits,
};
use station::Station;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// A stage's place in the hub's tables.
pub(crate) type StageIndex = u16;

#[derive(Clone, Debug)]
pub struct HubOptions {
    /// Threads that own sockets.
    pub reactors: usize,
    pub max_connections: usize,
    pub frames: FrameLimits,
    /// Bytes that may wait for one client that reads slowly.
    pub outbound_queue_bytes: usize,
    /// Bytes of unfinished inbound messages, over all connections of a reactor.
    pub assembly_bytes: usize,
    /// Messages of one connection that may be with their integrations; then its socket is not read.
    pub messages_in_flight: u16,
    pub idle_timeout_ms: u64,
    pub max_age_ms: u64,
    /// How long a closing connection may take to send its last bytes and its own close frame; less while draining.
    pub close_linger_ms: u64,
}

impl Default for HubOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            reactors: (cores / 2).clamp(1, 16),
            max_connections: 100_000,
            frames: FrameLimits::default(),
            outbound_queue_bytes: 1024 * 1024,
            assembly_bytes: 256 * 1024 * 1024,
            messages_in_flight: 32,
            idle_timeout_ms: limits::IDLE_TIMEOUT_MS,
            max_age_ms: limits::MAX_CONNECTION_AGE_MS,
            close_linger_ms: 5_000,
        }
    }
}

/// What a reactor's own thread reports. Nobody holds the reactor meanwhile. A panic costs the connection it was about, no other.
pub(crate) trait Lifecycle: Send + Sync + 'static {
    /// A message, to be answered by [`Hub::message_done`].
    fn message(&self, peer: Arc<Peer>, message: Inbound, time: Time);
    /// The connection is gone, for whatever reason. Called exactly once for every peer that was opened.
    fn disconnected(&self, peer: Arc<Peer>, reason: CloseReason);
    /// A message has kept a reactor's thread so long that another took over.
    fn held_up(&self);
}

/// What a client sent.
#[derive(Clone, Debug)]
pub(crate) enum Inbound {
    Text(String),
    /// Only on stages that take binary frames.
    Binary(Vec<u8>),
}

impl Inbound {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

/// What the thread that reports a message has time for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Time {
    /// There is nothing else to do than to read the next messages: what is short may run here.
    ForShort,
    /// Others wait for it.
    ForNothing,
}

/// The handle that everybody shares.
#[derive(Clone)]
pub struct Hub(Arc<Shared>);

struct Shared {
    reactors: Vec<Arc<Station>>,
    slots: Arc<Slots>,
    stages: RwLock<Vec<Registered>>,
}

struct Registered {
    id: Arc<StageId>,
    wire: Wire,
}

/// The reactors before they run: they wait to be told whom to report to.
pub struct HubThreads(Vec<Arc<Station>>);

enum Command {
    /// The next stage by index.
    Stage(Arc<StageId>, Wire),
    ChangeStage(StageIndex, Wire),
    CloseStage(StageIndex),
    /// The client was admitted at this time: it can be posted to; its socket follows.
    Open(Arc<Peer>, u64),
    Attach(ConnectionId, TcpStream, Bytes),
    /// Ends a connection, in whatever state it is.
    End(ConnectionId, CloseReason),
    Post {
        stage: StageIndex,
        connection: ConnectionId,
        frame: Frame,
        /// `None`: nobody waits.
        reply: Option<oneshot::Sender<Result<(), PostError>>>,
    },
    Get {
        stage: StageIndex,
        connection: ConnectionId,
        reply: oneshot::Sender<Option<ConnectionDetails>>,
    },
    Delete {
        stage: StageIndex,
        connection: ConnectionId,
        reply: oneshot::Sender<bool>,
    },
    Broadcast {
        stage: StageIndex,
        frames: Arc<[Frame]>,
        reply: oneshot::Sender<Broadcast>,
    },
    Resume(ConnectionId),
    Drain,
    Stop,
}

impl Hub {
    /// Prepares the reactors.
    ///
    /// # Errors
    /// The system refused an epoll instance or a wake-up descriptor.
    pub fn new(options: HubOptions, clock: Clock) -> io::Result<(Self, HubThreads)> {
        let slots = Arc::new(Slots::new(options.reactors, options.max_connections));
        let station = |index| {
            let reactor =
                |registry, inbox| Reactor::new(index, options.clone(), clock.clone(), slots.clone(), registry, inbox);
            Station::new(reactor).map(Arc::new)
        };
        let reactors: Vec<_> = (0..options.reactors).map(station).collect::<io::Result<_>>()?;
        let threads = HubThreads(reactors.clone());
        Ok((Self(Arc::new(Shared { reactors, slots, stages: RwLock::new(Vec::new()) })), threads))
    }

    /// Makes a stage known. Its connections are told apart from those of every other.
    pub(crate) fn register_stage(&self, stage: StageId, wire: Wire) -> (Arc<StageId>, StageIndex) {
        let mut stages = self.0.stages.write();
        let id = Arc::new(stage);
        stages.push(Registered { id: id.clone(), wire });
        self.0.reactors.iter().for_each(|reactor| reactor.send(Command::Stage(id.clone(), wire)));
        (id, (stages.len() - 1) as StageIndex)
    }

    /// Changes what a stage takes from its clients; what they have negotiated stays.
    pub(crate) fn change_stage(&self, stage: StageIndex, wire: Wire) {
        let mut stages = self.0.stages.write();
        if let Some(known) = stages.get_mut(usize::from(stage)) {
            known.wire = wire;
            self.0.reactors.iter().for_each(|reactor| reactor.send(Command::ChangeStage(stage, wire)));
        }
    }

    /// Closes every connection of a stage with 1001.
    pub(crate) fn close_stage(&self, stage: StageIndex) {
        self.0.reactors.iter().for_each(|reactor| reactor.send(Command::CloseStage(stage)));
    }

    /// Sets a place aside and names it; `None` when the node is full.
    pub(crate) fn reserve(&self) -> Option<Reservation> {
        let slot = self.0.slots.take()?;
        Some(Reservation { hub: self.clone(), id: ConnectionId::new(NODE, slot, fastrand::u64(..)) })
    }

    /// Says that a message's integration has answered.
    pub(crate) fn message_done(&self, peer: &Peer) {
        if peer.end_message() {
            self.send(peer.id, Command::Resume(peer.id));
        }
    }

    /// Sends to a connection without waiting whether it is still there.
    pub(crate) fn post_and_forget(&self, peer: &Peer, frame: Frame) {
        self.send(peer.id, Command::Post { stage: peer.stage_index, connection: peer.id, frame, reply: None });
    }

    /// Closes every connection with 1001, also those that are still to come.
    pub(crate) fn drain(&self) {
        self.0.reactors.iter().for_each(|reactor| reactor.send(Command::Drain));
    }

    /// Ends the reactor threads as soon as their sockets are done.
    pub(crate) fn stop(&self) {
        self.0.reactors.iter().for_each(|reactor| reactor.send(Command::Stop));
    }

    /// A stage's place, and what its connections may have negotiated.
    fn stage(&self, stage: &StageId) -> Option<(StageIndex, Compression)> {
        let stages = self.0.stages.read();
        let index = stages.iter().position(|known| *known.id == *stage)?;
        Some((index as StageIndex, stages[index].wire.compression))
    }

    fn send(&self, connection: ConnectionId, command: Command) {
        let reactor = self.0.reactors.get(slots::reactor_of(connection.slot()));
        if let (NODE, Some(reactor)) = (connection.node(), reactor) {
            reactor.send(command);
        }
    }

    /// Sends a command that carries `reply`; no answer, for instance because the id names no reactor, is `gone`.
    async fn ask<T>(
        &self,
        connection: ConnectionId,
        gone: T,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> T {
        let (reply, answer) = oneshot::channel();
        self.send(connection, command(reply));
        answer.await.unwrap_or(gone)
    }
}

/// One node: clusters will number theirs.
const NODE: u16 = 0;

impl HubThreads {
    /// Starts the reactor threads, which report to `lifecycle` until the hub is stopped. The thread that is returned ends with
    /// the last of them.
    pub(crate) fn start(self, lifecycle: Arc<dyn Lifecycle>) -> io::Result<JoinHandle<()>> {
        relief::start(self.0, lifecycle)
    }
}

/// A place in the hub for a client that is not admitted yet. Dropping it gives the place back.
pub(crate) struct Reservation {
    hub: Hub,
    id: ConnectionId,
}

impl Reservation {
    pub(crate) fn id(&self) -> ConnectionId {
        self.id
    }

    /// Admits the client: from here on it can be posted to, is idle if it says nothing, and its `$disconnect` will come.
    pub(crate) fn open(self, peer: Arc<Peer>, now: u64) -> Opening {
        let (hub, id) = (self.hub.clone(), self.id);
        std::mem::forget(self);
        if let Some(reactor) = hub.0.reactors.get(slots::reactor_of(id.slot())) {
            reactor.send_with_the_next(Command::Open(peer, now));
        }
        Opening { hub, id, attached: false }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.hub.0.slots.give_back(self.id.slot());
    }
}

/// An admitted client whose socket is still with the HTTP server. Dropping it ends the connection with 1006.
pub(crate) struct Opening {
    hub: Hub,
    id: ConnectionId,
    attached: bool,
}

impl Opening {
    /// Hands over the socket, and what was read from it beyond the handshake.
    pub(crate) fn attach(mut self, socket: TcpStream, early: Bytes) {
        self.attached = true;
        self.hub.send(self.id, Command::Attach(self.id, socket, early));
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if !self.attached {
            self.hub.send(self.id, Command::End(self.id, CloseReason::LOST));
        }
    }
}

impl Connections for Hub {
    fn post<'a>(
        &'a self,
        stage: &'a StageId,
        connection: ConnectionId,
        message: Bytes,
    ) -> BoxFuture<'a, Result<(), PostError>> {
        Box::pin(async move {
            if message.len() > limits::MESSAGE_BYTES {
                return Err(PostError::TooLarge);
            }
            let (stage, compression) = self.stage(stage).ok_or(PostError::Gone)?;
            let frame = Frame::message(&message, compression);
            let post = |reply| Command::Post { stage, connection, frame, reply: Some(reply) };
            self.ask(connection, Err(PostError::Gone), post).await
        })
    }

    fn get<'a>(&'a self, stage: &'a StageId, connection: ConnectionId) -> BoxFuture<'a, Option<ConnectionDetails>> {
        Box::pin(async move {
            let (stage, _) = self.stage(stage)?;
            self.ask(connection, None, |reply| Command::Get { stage, connection, reply }).await
        })
    }

    fn delete<'a>(&'a self, stage: &'a StageId, connection: ConnectionId) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let Some((stage, _)) = self.stage(stage) else { return false };
            self.ask(connection, false, |reply| Command::Delete { stage, connection, reply }).await
        })
    }

    fn broadcast<'a>(
        &'a self,
        stage: &'a StageId,
        messages: Vec<Bytes>,
    ) -> BoxFuture<'a, Result<Broadcast, PostError>> {
        Box::pin(async move {
            if messages.iter().any(|message| message.len() > limits::MESSAGE_BYTES) {
                return Err(PostError::TooLarge);
            }
            let Some((stage, compression)) = self.stage(stage) else { return Ok(Broadcast::default()) };
            if messages.is_empty() {
                return Ok(Broadcast::default());
            }
            let frames: Arc<[Frame]> = messages.iter().map(|message| Frame::message(message, compression)).collect();
            let answers: Vec<_> = self
                .0
                .reactors
                .iter()
                .map(|reactor| {
                    let (reply, answer) = oneshot::channel();
                    reactor.send(Command::Broadcast { stage, frames: frames.clone(), reply });
                    answer
                })
                .collect();
            let mut total = Broadcast::default();
            for answer in answers {
                let part = answer.await.unwrap_or_default();
                total.accepted += part.accepted;
                total.too_slow += part.too_slow;
            }
            Ok(total)
        })
    }
}
