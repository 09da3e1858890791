//! Many clients in one thread, over one readiness poller.
//!
//! Each client has a place, which it keeps when it connects again. Nothing here waits for a single client: a call of
//! [`Crowd::turn`] handles what has come for anybody, and returns after the time it was given at the latest.

use crate::client::{Client, Ending, Progress};
use crate::frame::Kind;
use crate::stream::Reading;
use crate::target::{MAX_PER_SOURCE, Target};
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Nothing but other threads' reports.
const WAKER: Token = Token(usize::MAX);
const EVENTS_AT_ONCE: usize = 1024;
const READ_BUFFER_BYTES: usize = 64 * 1024;

/// What hears of everything that happens to the clients.
pub trait Listen {
    /// A client's handshake is done.
    fn opened(&mut self, place: usize, took: Duration) {
        let _ = (place, took);
    }

    /// A whole message came.
    fn message(&mut self, place: usize, payload: &[u8], at: Instant);

    /// The connection is no more, or could not be opened. Its place is empty.
    fn ended(&mut self, place: usize, ending: Ending);
}

pub struct Crowd {
    poll: Poll,
    events: Events,
    waker: Arc<Waker>,
    target: Target,
    per_source: usize,
    handshake_timeout: Duration,
    clients: Vec<Option<Client>>,
    open: usize,
    /// Handshakes under way, oldest first. Some of them have ended.
    dialing: VecDeque<(Instant, usize)>,
    under_way: usize,
    /// Clients with more to read than one turn allows.
    unfinished: Vec<usize>,
    buffer: Box<[u8]>,
}

impl Crowd {
    /// Nobody yet.
    pub fn new(target: Target, handshake_timeout: Duration) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS_AT_ONCE),
            waker,
            target,
            per_source: MAX_PER_SOURCE,
            handshake_timeout,
            clients: Vec::new(),
            open: 0,
            dialing: VecDeque::new(),
            under_way: 0,
            unfinished: Vec::new(),
            buffer: vec![0; READ_BUFFER_BYTES].into_boxed_slice(),
        })
    }

    /// Ends a [`Self::turn`] from another thread.
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// From how many connections on the next source address is used; see [`MAX_PER_SOURCE`].
    pub fn set_connections_per_source(&mut self, connections: usize) {
        self.per_source = connections.max(1);
    }

    /// All places, empty ones included.
    pub fn places(&self) -> usize {
        self.clients.len()
    }

    pub fn open(&self) -> usize {
        self.open
    }

    /// Handshakes under way.
    pub fn dialing(&self) -> usize {
        self.under_way
    }

    pub fn is_open(&self, place: usize) -> bool {
        self.clients.get(place).and_then(Option::as_ref).is_some_and(Client::is_open)
    }

    /// Makes room for `count` more clients; the places are empty.
    pub fn add_places(&mut self, count: usize) -> Range<usize> {
        let first = self.clients.len();
        self.clients.resize_with(first + count, || None);
        first..self.clients.len()
    }

    /// Begins a connection in an empty place.
    pub fn dial(&mut self, place: usize, reading: Reading, listener: &mut impl Listen) {
        let route = self.target.route(place, self.per_source);
        let dialed = Client::dial(&self.target, route, reading).and_then(|mut client| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(client.stream.socket(), Token(place), interest)?;
            Ok(client)
        });
        match dialed {
            Ok(client) => {
                self.dialing.extend(client.dialing_since().map(|since| (since, place)));
                self.under_way += 1;
                self.clients[place] = Some(client);
            }
            Err(ending) => listener.ended(place, ending),
        }
    }

    /// Ends a connection as a client that loses its network does, or with a close frame if one is given.
    pub fn leave(&mut self, place: usize, farewell: Option<u16>) {
        if let Some(client) = self.clients[place].as_mut().filter(|client| client.is_open())
            && let Some(code) = farewell
        {
            // Without linger the frame would be thrown away with the socket.
            let _ = socket2::SockRef::from(&*client.stream.socket()).set_linger(None);
            let _ = client.send(Kind::Close, &code.to_be_bytes());
        }
        self.remove(place);
    }

    /// Sends a message. `false`: nobody is there, or the server has not read what was sent before.
    pub fn send(&mut self, place: usize, kind: Kind, payload: &[u8], listener: &mut impl Listen) -> bool {
        let Some(client) = self.clients[place].as_mut().filter(|client| client.is_open()) else { return false };
        match client.send(kind, payload) {
            Ok(sent) => sent,
            Err(ending) => {
                self.remove(place);
                listener.ended(place, ending);
                false
            }
        }
    }

    /// From now on this client reads nothing, or reads again.
    pub fn set_reading(&mut self, place: usize, reads: bool) {
        if let Some(client) = &mut self.clients[place] {
            client.reads = reads;
            self.unfinished.push(place);
        }
    }

    /// Handles what has come, after waiting for it as long as `patience` says.
    pub fn turn(&mut self, patience: Duration, listener: &mut impl Listen) -> io::Result<()> {
        let patience = if self.unfinished.is_empty() { patience } else { Duration::ZERO };
        match self.poll.poll(&mut self.events, Some(patience)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        // Taken out so that clients can be removed while they are looked at.
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let unfinished = std::mem::take(&mut self.unfinished);
        for event in events.iter().filter(|event| event.token() != WAKER) {
            self.look(event.token().0, event.is_writable(), listener);
        }
        self.events = events;
        for place in unfinished {
            self.look(place, false, listener);
        }
        self.end_overdue(listener);
        Ok(())
    }

    fn look(&mut self, place: usize, writable: bool, listener: &mut impl Listen) {
        let Some(client) = self.clients.get_mut(place).and_then(Option::as_mut) else { return };
        let outcome = if client.is_open() {
            (if writable { client.write() } else { Ok(()) }).map(|()| true)
        } else {
            client.shake_hands(&mut self.buffer).map(|begun| {
                if let Some(begun) = begun {
                    self.under_way -= 1;
                    self.open += 1;
                    listener.opened(place, begun.elapsed());
                }
                begun.is_some()
            })
        };
        let now = Instant::now();
        let outcome = outcome.and_then(|open| match open {
            true => client.read(&mut self.buffer, |payload| listener.message(place, payload, now)),
            false => Ok(Progress::Idle),
        });
        match outcome {
            Ok(Progress::Idle) => {}
            Ok(Progress::Unfinished) => self.unfinished.push(place),
            Err(ending) => {
                self.remove(place);
                listener.ended(place, ending);
            }
        }
    }

    fn end_overdue(&mut self, listener: &mut impl Listen) {
        while let Some(&(since, place)) = self.dialing.front() {
            let waits = self.clients[place].as_ref().and_then(Client::dialing_since) == Some(since);
            if waits && since.elapsed() < self.handshake_timeout {
                return;
            }
            self.dialing.pop_front();
            if waits {
                self.remove(place);
                listener.ended(place, Ending::TimedOut(self.handshake_timeout));
            }
        }
    }

    fn remove(&mut self, place: usize) {
        let Some(mut client) = self.clients[place].take() else { return };
        match client.is_open() {
            true => self.open -= 1,
            false => self.under_way -= 1,
        }
        deregister(self.poll.registry(), &mut client);
    }
}

/// A socket that is dropped leaves the poller by itself; this only makes it sooner.
fn deregister(registry: &Registry, client: &mut Client) {
    let _ = registry.deregister(client.stream.socket());
}
