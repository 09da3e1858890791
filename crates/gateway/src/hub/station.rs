//! The way to a reactor, and who works it.
//!
//! A reactor is worked by one thread at a time, usually its own, which sleeps until a socket is ready. Who sends a command
//! while it sleeps steps in and carries the command out at once: that is a lock nobody else wants, where waking the reactor's
//! thread and waiting for it would be two switches of threads. Who sends while somebody works leaves the command to that one,
//! because everybody looks for mail again after leaving.

use super::reactor::{Reactor, Turn};
use super::{Command, Lifecycle};
use mio::{Events, Poll, Token};
use parking_lot::Mutex;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::mpsc;
use std::time::Duration;

pub(super) const WAKE: Token = Token(usize::MAX);
/// Readiness events taken from the system at a time.
const EVENTS: usize = 1024;

pub(super) struct Station {
    commands: mpsc::Sender<Command>,
    /// A command was sent and nobody has looked since.
    mail: AtomicBool,
    waker: mio::Waker,
    reactor: Mutex<Reactor>,
}

/// What is left when somebody who stepped in leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    /// Work that is too much for anybody but the reactor's own thread.
    Work,
}

impl Station {
    pub(super) fn new(
        poll: &Poll,
        make: impl FnOnce(mio::Registry, mpsc::Receiver<Command>) -> Reactor,
    ) -> io::Result<Self> {
        let (commands, inbox) = mpsc::channel();
        let waker = mio::Waker::new(poll.registry(), WAKE)?;
        let reactor = Mutex::new(make(poll.registry().try_clone()?, inbox));
        Ok(Self { commands, mail: AtomicBool::new(false), waker, reactor })
    }

    /// Sends a command, and carries it out if nobody else is working.
    pub(super) fn send(&self, command: Command) {
        if !self.put(command) {
            return;
        }
        loop {
            // With the fence below and the one of the reactor's thread: either we find the reactor free, or whoever has it
            // finds the mail after leaving.
            fence(Ordering::SeqCst);
            let Some(mut reactor) = self.reactor.try_lock() else { return };
            let left = reactor.step_in(&self.mail);
            drop(reactor);
            if left == Left::Work {
                return self.wake();
            }
            fence(Ordering::SeqCst);
            if !self.mail.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    /// Sends a command that has an effect only together with later ones, so nobody does anything for it.
    pub(super) fn send_with_the_next(&self, command: Command) {
        let _ = self.put(command);
    }

    /// A reactor that has ended drops the command, and with it the reply: the caller sees a connection that is gone.
    fn put(&self, command: Command) -> bool {
        let sent = self.commands.send(command).is_ok();
        self.mail.store(true, Ordering::Release);
        sent
    }

    fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            // It looks by itself at its next tick.
            tracing::warn!(%error, "a reactor cannot be woken");
        }
    }

    /// The life of the reactor's own thread: until it is told to stop and every socket is done.
    pub(super) fn run(&self, mut poll: Poll, lifecycle: Arc<dyn Lifecycle>) {
        let mut events = Events::with_capacity(EVENTS);
        self.reactor.lock().begin(lifecycle);
        let mut sleep = Duration::ZERO;
        loop {
            match poll.poll(&mut events, Some(sleep)) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!(%error, "the reactor cannot wait for its sockets and ends; its connections are lost");
                    return self.reactor.lock().finish();
                }
            }
            let mut reactor = self.reactor.lock();
            sleep = match reactor.turn(&events, &self.mail) {
                Turn::Over => return reactor.finish(),
                Turn::Next(sleep) => sleep,
            };
            drop(reactor);
            fence(Ordering::SeqCst);
            if self.mail.load(Ordering::Relaxed) {
                sleep = Duration::ZERO;
            }
        }
    }
}
