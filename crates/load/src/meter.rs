//! A server's own figures during a run, when its process is known.

use crate::process::{self, Memory};
use crate::report::Server;
use std::io;
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Meter {
    pid: Option<u32>,
    /// Before the first connection.
    before: Memory,
    last: Duration,
}

impl Meter {
    /// Fails if there is no such process, or if its figures are not ours to read.
    pub(crate) fn start(pid: Option<u32>) -> io::Result<Self> {
        let Some(pid) = pid else { return Ok(Self { pid, before: Memory::default(), last: Duration::ZERO }) };
        Ok(Self { pid: Some(pid), before: process::settled_memory(pid)?, last: process::cpu(pid)? })
    }

    /// What the server used since the last look. `None` without a process, or when it is gone: the connections tell that.
    pub(crate) fn lap(&mut self) -> Option<Duration> {
        let now = process::cpu(self.pid?).ok()?;
        // Threads that end take their time with them.
        Some(now.saturating_sub(std::mem::replace(&mut self.last, now)))
    }

    pub(crate) fn memory(&self) -> Option<Memory> {
        process::memory(self.pid?).ok()
    }

    /// The report's part about the server, once all connections are open.
    pub(crate) fn opened(&mut self, connections: usize) -> Option<Server> {
        let used = self.lap()?;
        let memory = process::settled_memory(self.pid?).ok()?;
        // Time that passes while memory settles belongs to nothing that is reported.
        self.lap();
        let each = |total: f64| total / connections.max(1) as f64;
        Some(Server {
            pid: self.pid?,
            cpu_us_per_connection: each(used.as_secs_f64() * 1e6),
            private_bytes: memory.private,
            resident_bytes: memory.resident,
            private_bytes_per_connection: each(memory.private.saturating_sub(self.before.private) as f64),
            resident_bytes_per_connection: each(memory.resident.saturating_sub(self.before.resident) as f64),
            ..Server::default()
        })
    }
}
