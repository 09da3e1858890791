//! The most private memory a process had while it was watched.

use crate::Failure;
use sluicegate_load::process::memory;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Often enough for queues that fill within seconds; a look costs the process less than a millisecond.
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub struct Peak {
    stop: Arc<AtomicBool>,
    watcher: JoinHandle<io::Result<u64>>,
}

impl Peak {
    pub fn watch(pid: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let watcher = std::thread::spawn(move || {
            let mut most = 0;
            loop {
                most = most.max(memory(pid)?.private);
                if stopped.load(Ordering::Relaxed) {
                    return Ok(most);
                }
                std::thread::sleep(LOOK_EVERY);
            }
        });
        Self { stop, watcher }
    }

    /// In bytes.
    pub fn end(self) -> Result<u64, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        Ok(self.watcher.join().map_err(|_| "the watcher of memory panicked")??)
    }
}
