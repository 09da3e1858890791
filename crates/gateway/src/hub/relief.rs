//! Threads that are held up, and who takes their place.
//!
//! A reactor's thread works on messages itself where that is known to be short. Should it turn out to be long after all, the
//! sockets must not wait: a thread that watches all reactors finds the one that has been with the same message for a whole
//! [`PATIENCE`], and starts another in its place. The one that was held up finishes its message and leaves. Nothing is
//! watched, and nothing woken, while nobody sends messages.

use super::Lifecycle;
use super::station::{Station, Told};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

/// A message may keep its reactor's thread this long, and at most twice as long.
const PATIENCE: Duration = Duration::from_millis(20);

/// Where a reactor's thread is: with the sockets when even, with a message when odd. Whoever makes it even again has the place.
#[derive(Debug, Default)]
pub(super) struct Attendance(AtomicU64);

/// One stay of the reactor's thread with a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit(u64);

impl Attendance {
    /// Called by the thread that has the place, so nobody else changes it.
    pub(super) fn leave(&self) -> Visit {
        let visit = self.0.load(Ordering::Relaxed) + 1;
        self.0.store(visit, Ordering::Release);
        Visit(visit)
    }

    /// Takes the place again, or that of a thread which is still away: `false` when somebody else was first.
    pub(super) fn come_back(&self, Visit(visit): Visit) -> bool {
        self.0.compare_exchange(visit, visit + 1, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// What the thread that watches is told.
#[derive(Default)]
pub(super) struct Relief {
    asleep: AtomicBool,
    watching: OnceLock<Thread>,
}

impl Relief {
    /// A reactor's thread is with a message. After [`Attendance::leave`]: either this sees the watch asleep, or the watch sees
    /// the thread away before it falls asleep.
    pub(super) fn watch(&self) {
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) {
            self.look();
        }
    }

    /// Wakes the watch, which will see what was done before.
    pub(super) fn look(&self) {
        fence(Ordering::SeqCst);
        self.asleep.store(false, Ordering::Release);
        if let Some(watching) = self.watching.get() {
            watching.unpark();
        }
    }

    /// Until somebody calls, unless there is something to watch: `news` is asked after everybody can see that the watch sleeps.
    fn sleep(&self, news: impl FnOnce() -> bool) {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if news() {
            self.asleep.store(false, Ordering::Relaxed);
        }
        while self.asleep.load(Ordering::Acquire) {
            thread::park();
        }
    }
}

/// Starts the reactors' threads, and the one that watches them, which ends with the last of them.
pub(super) fn start(stations: Vec<Arc<Station>>, lifecycle: Arc<dyn Lifecycle>) -> io::Result<JoinHandle<()>> {
    let relief = Arc::new(Relief::default());
    let told = Told { lifecycle, relief };
    for (index, station) in stations.iter().enumerate() {
        let (station, told) = (station.clone(), told.clone());
        named(index).spawn(move || station.run(told))?;
    }
    thread::Builder::new().name("reactor-relief".to_owned()).spawn(move || watch(&stations, &told))
}

fn named(index: usize) -> thread::Builder {
    thread::Builder::new().name(format!("reactor-{index}"))
}

fn watch(stations: &[Arc<Station>], told: &Told) {
    let _ = told.relief.watching.set(thread::current());
    let is_over = || stations.iter().all(|station| station.is_over());
    let mut seen = vec![0; stations.len()];
    while !is_over() {
        let mut is_quiet = true;
        for ((index, station), seen) in stations.iter().enumerate().zip(&mut seen) {
            let now = station.attendance.now();
            let stands = std::mem::replace(seen, now) == now;
            let is_away = now % 2 == 1;
            is_quiet &= stands && !is_away;
            if stands && is_away {
                take_over(index, station.clone(), now, told.clone());
            }
        }
        if is_quiet {
            let moved = || stations.iter().zip(&seen).any(|(station, seen)| station.attendance.now() != *seen);
            told.relief.sleep(|| moved() || is_over());
        } else {
            thread::sleep(PATIENCE);
        }
    }
}

/// Starts another thread for a reactor, unless its own comes back before.
fn take_over(index: usize, station: Arc<Station>, visit: u64, told: Told) {
    let run = move || {
        if station.attendance.come_back(Visit(visit)) {
            tracing::warn!(
                reactor = index,
                "a message keeps its thread for long: another reads on, and for a while none is kept"
            );
            told.lifecycle.held_up();
            station.run(told);
        }
    };
    if let Err(error) = named(index).spawn(run) {
        tracing::error!(%error, reactor = index, "a message keeps its thread for long, and no other can be started");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_belongs_to_whoever_takes_it_first() {
        let attendance = Attendance::default();
        let visit = attendance.leave();
        assert!(attendance.come_back(visit));
        let late = attendance.leave();
        assert!(attendance.come_back(Visit(attendance.now())));
        assert!(!attendance.come_back(late));
        // The next one does not give it back by accident.
        let next = attendance.leave();
        assert!(!attendance.come_back(late));
        assert!(attendance.come_back(next));
    }
}
