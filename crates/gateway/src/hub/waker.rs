//! Waking a reactor, once for many commands.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// Wakes the reactor that polls the registry it was made with.
pub(super) struct Waker {
    system: mio::Waker,
    /// The reactor has been woken and has not looked at its commands since, so waking it again would change nothing.
    pending: AtomicBool,
}

impl Waker {
    pub(super) fn new(registry: &mio::Registry, token: mio::Token) -> io::Result<Self> {
        Ok(Self { system: mio::Waker::new(registry, token)?, pending: AtomicBool::new(false) })
    }

    /// Makes the reactor look at its commands. Call it after the command was sent.
    pub(super) fn wake(&self) {
        if !self.pending.swap(true, Ordering::AcqRel) && self.system.wake().is_err() {
            self.pending.store(false, Ordering::Release);
        }
    }

    /// The reactor looks at its commands now: whatever is sent from here on needs another wake-up.
    pub(super) fn woken(&self) {
        // Reads what the last sender wrote, so that the commands of all senders before it can be seen.
        self.pending.swap(false, Ordering::AcqRel);
    }
}
