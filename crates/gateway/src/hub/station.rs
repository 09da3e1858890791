//! The way to a reactor, and who works it.
//!
//! A reactor is worked by one thread at a time, usually its own, which sleeps until a socket is ready. Who sends a command
//! while it sleeps steps in and carries the command out at once: that is a lock nobody else wants, where waking the reactor's
//! thread and waiting for it would be two switches of threads. Who sends while somebody works leaves the command to that one,
//! because everybody looks for mail again after leaving.
//!
//! What a reactor has to report is told by its own thread, in order, when the reactor is free again. That may keep the thread a
//! while: meanwhile others send, and whoever relieves the thread reads on.

use super::reactor::{Reactor, Report, Turn};
use super::relief::{Attendance, Relief};
use super::{Command, Lifecycle, Time};
use mio::{Events, Poll, Token};
use parking_lot::{Mutex, MutexGuard};
use sluicegate_protocol::CloseReason;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

pub(super) const WAKE: Token = Token(usize::MAX);
/// Readiness events taken from the system at a time.
const EVENTS: usize = 1024;
/// How long messages may keep the reactor's thread before it reads again; the rest is worked on elsewhere.
pub(crate) const LEISURE: Duration = Duration::from_millis(5);

pub(super) struct Station {
    commands: mpsc::Sender<Command>,
    /// A command was sent and nobody has looked since.
    mail: AtomicBool,
    waker: mio::Waker,
    /// There is work for the reactor's own thread.
    called: AtomicBool,
    reactor: Mutex<Reactor>,
    /// Where its own thread sleeps.
    seat: Mutex<Seat>,
    /// What its own thread has still to tell.
    tray: Mutex<VecDeque<Report>>,
    /// Whether its own thread is held up.
    pub(super) attendance: Attendance,
    over: AtomicBool,
}

struct Seat {
    poll: Poll,
    events: Events,
    sleep: Duration,
}

/// Whom a reactor's own thread tells, and who watches it.
#[derive(Clone)]
pub(super) struct Told {
    pub(super) lifecycle: Arc<dyn Lifecycle>,
    pub(super) relief: Arc<Relief>,
}

/// What is left when somebody who stepped in leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    /// Work that is too much for anybody but the reactor's own thread.
    Work,
}

/// The life of a reactor's thread; the reactor ends with it, also by a panic, unless another thread has taken over.
struct Life<'a> {
    station: &'a Station,
    relief: Arc<Relief>,
    is_relieved: bool,
}

impl Drop for Life<'_> {
    fn drop(&mut self) {
        if !self.is_relieved {
            self.station.reactor.lock().finish();
            self.station.over.store(true, Ordering::Release);
            self.relief.look();
        }
    }
}

/// A thread came back too late: another has its place.
struct Relieved;

impl Station {
    pub(super) fn new(make: impl FnOnce(mio::Registry, mpsc::Receiver<Command>) -> Reactor) -> io::Result<Self> {
        let poll = Poll::new()?;
        let (commands, inbox) = mpsc::channel();
        let waker = mio::Waker::new(poll.registry(), WAKE)?;
        let reactor = Mutex::new(make(poll.registry().try_clone()?, inbox));
        let seat = Seat { poll, events: Events::with_capacity(EVENTS), sleep: Duration::ZERO };
        Ok(Self {
            commands,
            mail: AtomicBool::new(false),
            waker,
            called: AtomicBool::new(false),
            reactor,
            seat: Mutex::new(seat),
            tray: Mutex::default(),
            attendance: Attendance::default(),
            over: AtomicBool::new(false),
        })
    }

    /// Sends a command, and carries it out if nobody else is working.
    pub(super) fn send(&self, command: Command) {
        let is_done = match self.reactor.try_lock() {
            Some(mut reactor) if !self.mail.load(Ordering::Relaxed) => {
                let refused = reactor.do_at_once(command);
                let left = reactor.left();
                self.leave(reactor, left);
                match refused {
                    Some(command) => !self.put(command),
                    None => !self.mail.load(Ordering::Relaxed),
                }
            }
            _ => !self.put(command),
        };
        if !is_done {
            self.step_in();
        }
    }

    /// Carries out what is in the inbox, unless somebody is there who will.
    fn step_in(&self) {
        loop {
            // With the fence of those who leave: either we find the reactor free, or whoever has it finds the mail.
            fence(Ordering::SeqCst);
            let Some(mut reactor) = self.reactor.try_lock() else { return };
            let left = reactor.step_in(&self.mail);
            self.leave(reactor, left);
            if left == Left::Work || !self.mail.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    /// Lets go of the reactor. What it has to report its own thread tells, in order: reports of a guest who told them himself
    /// would overtake those in the tray, and lead to the next ones without end.
    fn leave(&self, mut reactor: MutexGuard<'_, Reactor>, left: Left) {
        let has_reports = reactor.has_reports();
        if has_reports {
            reactor.take_reports(&mut self.tray.lock());
        }
        drop(reactor);
        match left {
            Left::Work => self.call(),
            Left::Nothing if has_reports => self.wake(),
            Left::Nothing => {}
        }
        // Somebody may have found the reactor taken meanwhile, so who leaves looks for mail.
        fence(Ordering::SeqCst);
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

    /// Wakes the reactor's own thread, which leaves the messages it is at to others.
    pub(super) fn call(&self) {
        self.called.store(true, Ordering::Release);
        self.wake();
    }

    fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            // It looks by itself at its next tick.
            tracing::warn!(%error, "a reactor cannot be woken");
        }
    }

    /// Whether the reactor has ended.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// The life of the reactor's own thread: until it is told to stop and every socket is done, or another has taken over.
    pub(super) fn run(&self, told: Told) {
        // Whatever ends it, nobody must wait for it in vain.
        let mut life = Life { station: self, relief: told.relief.clone(), is_relieved: false };
        loop {
            // First, what the one before has left.
            if let Err(Relieved) = self.empty_tray(&told) {
                life.is_relieved = true;
                return;
            }
            if let Turn::Over = self.turn() {
                break;
            }
        }
        self.reactor.lock().finish();
        life.is_relieved = self.empty_tray(&told).is_err();
        // Whoever waits for the end may count on it that nothing is held any more.
        drop(told);
    }

    /// Waits for sockets and mail, and does what there is to do; reports are in the tray then.
    fn turn(&self) -> Turn {
        let mut seat = self.seat.lock();
        let Seat { poll, events, sleep } = &mut *seat;
        if self.mail.load(Ordering::Relaxed) {
            *sleep = Duration::ZERO;
        }
        self.called.store(false, Ordering::Relaxed);
        match poll.poll(events, Some(*sleep)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => return Turn::Next(*sleep),
            Err(error) => {
                tracing::error!(%error, "the reactor cannot wait for its sockets and ends; its connections are lost");
                return Turn::Over;
            }
        }
        let mut reactor = self.reactor.lock();
        let turn = reactor.turn(events, &self.mail);
        reactor.take_reports(&mut self.tray.lock());
        drop(reactor);
        if let Turn::Next(next) = turn {
            *sleep = next;
        }
        drop(seat);
        fence(Ordering::SeqCst);
        if self.mail.load(Ordering::Relaxed) {
            // What was sent meanwhile must not wait for the messages that are told next.
            self.step_in();
        }
        turn
    }

    /// Tells what is in the tray, which may keep the thread as long as nothing else waits for it.
    fn empty_tray(&self, told: &Told) -> Result<(), Relieved> {
        let (mut time, mut began) = (Time::ForShort, None);
        loop {
            let Some(report) = self.tray.lock().pop_front() else { return Ok(()) };
            if self.called.load(Ordering::Relaxed) {
                time = Time::ForNothing;
            }
            if let Report::Disconnected(..) = report {
                self.tell(&*told.lifecycle, report, Time::ForNothing);
                continue;
            }
            let visit = self.attendance.leave();
            told.relief.watch();
            let began = *began.get_or_insert_with(Instant::now);
            self.tell(&*told.lifecycle, report, time);
            if !self.attendance.come_back(visit) {
                return Err(Relieved);
            }
            if began.elapsed() > LEISURE {
                time = Time::ForNothing;
            }
        }
    }

    /// Contains panics: they have been logged, and the connection ends as it would have, or with 1011.
    fn tell(&self, lifecycle: &dyn Lifecycle, report: Report, time: Time) {
        let (id, is_message) = match &report {
            Report::Message(peer, _) => (peer.id, true),
            Report::Disconnected(peer, _) => (peer.id, false),
        };
        let told = catch_unwind(AssertUnwindSafe(|| match report {
            Report::Message(peer, message) => lifecycle.message(peer, message, time),
            Report::Disconnected(peer, reason) => lifecycle.disconnected(peer, reason),
        }));
        if told.is_err() {
            tracing::error!(connection = %id, "a panic in the gateway: the connection is closed");
            if is_message {
                self.send(Command::End(id, CloseReason::INTERNAL));
            }
        }
    }

    /// Keeps everybody from the reactor until it is dropped. What was sent meanwhile waits for a [`call`](Self::call).
    #[cfg(test)]
    pub(super) fn hold(&self) -> MutexGuard<'_, Reactor> {
        self.reactor.lock()
    }
}
