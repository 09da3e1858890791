//! The clients: many WebSockets in one thread, each of which knows exactly what it must receive next.

mod client;

use crate::Failure;
use client::{Client, Received};
use mio::{Events, Interest, Poll, Token};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Handshakes under way at a time; well below the backlog of a listening socket.
const HANDSHAKES_AT_ONCE: usize = 64;
/// Nothing here takes that long; what does has failed.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long silence is listened to before it counts as silence.
const SILENCE: Duration = Duration::from_millis(50);
const READ_BUFFER_BYTES: usize = 64 * 1024;

/// Reads the number of a message; `None` for one that is not as it was sent.
pub type Check = fn(&[u8]) -> Option<u64>;

/// What the clients' thread does while nothing comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Sleeps, and leaves its core to the server.
    Asleep,
    /// Looks again at once. On loopback the one who writes pays for waking the one who reads, about as much as for the write
    /// itself; real clients sleep on other machines. So a server's own cost shows only if nobody needs to be woken.
    Awake,
}

pub struct Crowd {
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    buffer: Box<[u8]>,
    server: SocketAddr,
    path: String,
    check: Check,
    patience: Patience,
    /// The number of the next message of everybody.
    next: u64,
}

impl Crowd {
    /// Nobody yet. Messages are numbered from `first`.
    pub fn new(server: SocketAddr, path: &str, check: Check, first: u64) -> Result<Self, Failure> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            clients: Vec::new(),
            buffer: vec![0; READ_BUFFER_BYTES].into_boxed_slice(),
            server,
            path: path.to_owned(),
            check,
            patience: Patience::Asleep,
            next: first,
        })
    }

    /// How [`Self::receive`] waits from now on.
    pub fn wait_by(&mut self, patience: Patience) {
        self.patience = patience;
    }

    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Connects until there are `count` clients.
    pub fn grow_to(&mut self, count: usize) -> Result<(), Failure> {
        let deadline = Instant::now() + DEADLINE;
        let mut open = self.clients.len();
        while open < count {
            while self.clients.len() < count && self.clients.len() - open < HANDSHAKES_AT_ONCE {
                self.dial()?;
            }
            self.wait(Patience::Asleep, deadline, || format!("only {open} of {count} clients could connect"))?;
            for event in &self.events {
                let Token(place) = event.token();
                let client = &mut self.clients[place];
                let opened = client.progress(&self.path, &mut self.buffer);
                open += usize::from(opened.map_err(|problem| format!("client {place} cannot connect: {problem}"))?);
            }
        }
        Ok(())
    }

    /// Waits until everybody has the next `messages` messages; calls `on_last` as each client gets its last one.
    pub fn receive(&mut self, messages: u64, mut on_last: impl FnMut()) -> Result<(), Failure> {
        let (deadline, until) = (Instant::now() + DEADLINE, self.next + messages);
        self.next = until;
        let mut waiting = self.clients.len();
        while waiting > 0 {
            self.wait(self.patience, deadline, || {
                format!("{waiting} clients lack messages up to number {}", until - 1)
            })?;
            waiting -= self.read_ready(until, &mut on_last)?;
        }
        Ok(())
    }

    /// Makes sure that nobody gets anything more.
    pub fn expect_silence(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + SILENCE;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            self.poll.poll(&mut self.events, Some(left))?;
            self.read_ready(self.next, &mut || ())?;
        }
        Ok(())
    }

    /// Reads what has come; how many clients now have everything before `until`.
    fn read_ready(&mut self, until: u64, on_last: &mut impl FnMut()) -> Result<usize, Failure> {
        let mut done = 0;
        for event in &self.events {
            let Token(place) = event.token();
            let received = self.clients[place].receive(until, self.check, &mut self.buffer);
            match received.map_err(|problem| format!("client {place}: {problem}"))? {
                Received::Last => {
                    on_last();
                    done += 1;
                }
                Received::Nothing | Received::Some => {}
            }
        }
        Ok(done)
    }

    fn dial(&mut self) -> Result<(), Failure> {
        let mut client = Client::dial(self.server, self.next)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(client.socket(), Token(self.clients.len()), interest)?;
        self.clients.push(client);
        Ok(())
    }

    /// Waits for the next events; fails with `lacking` once the deadline has passed.
    fn wait(&mut self, by: Patience, deadline: Instant, lacking: impl Fn() -> String) -> Result<(), Failure> {
        loop {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return Err(format!("after {} s {}", DEADLINE.as_secs(), lacking()).into());
            };
            let sleep = if by == Patience::Awake { Duration::ZERO } else { left };
            match self.poll.poll(&mut self.events, Some(sleep)) {
                Ok(()) if self.events.is_empty() => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                outcome => return Ok(outcome?),
            }
        }
    }
}
