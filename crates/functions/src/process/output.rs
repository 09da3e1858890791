//! The output of one process: stdout and stderr through one pipe, so that their order is kept, cut into lines.
//!
//! A line belongs to the invocation during which it is read. What a process wrote before it answered is in the pipe by
//! then, so the end of an invocation reads the pipe empty before it writes END. What comes between invocations belongs to
//! the next.

use super::limits::{LINE_BYTES, OUTPUT_BURST_BYTES, OUTPUT_BYTES_PER_SECOND, TAIL_BYTES};
use super::log::FunctionLog;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::unix::pipe;
use tokio::time::Instant;

/// What a pipe holds, on Linux.
const PIPE_BYTES: usize = 64 * 1024;
/// Reads at the end of an invocation: a process that goes on printing must not hold up its own result.
const MAX_DRAINING_READS: usize = 16;

thread_local! {
    /// A process that is quiet needs no buffer of its own.
    static READ: RefCell<Vec<u8>> = RefCell::new(vec![0; PIPE_BYTES]);
}

#[derive(Debug)]
pub(crate) struct Output {
    pipe: pipe::Receiver,
    lines: Mutex<Lines>,
}

#[derive(Debug)]
struct Lines {
    log: Arc<FunctionLog>,
    request_id: Arc<str>,
    /// What has no line break yet.
    unfinished: Vec<u8>,
    /// The last of what was logged since the last END.
    tail: VecDeque<u8>,
}

/// What a read led to.
enum Progress {
    Read(usize),
    Nothing,
    End,
}

impl Output {
    pub(crate) fn new(pipe: OwnedFd, log: Arc<FunctionLog>) -> io::Result<Self> {
        let lines = Lines { log, request_id: "".into(), unfinished: Vec::new(), tail: VecDeque::new() };
        Ok(Self { pipe: pipe::Receiver::from_owned_fd(pipe)?, lines: Mutex::new(lines) })
    }

    /// Reads until nobody can write any more. Who prints faster than allowed has to wait: the pipe stays full.
    pub(crate) async fn read_on(&self) {
        let mut allowed = OUTPUT_BURST_BYTES as f64;
        let mut since = Instant::now();
        while self.pipe.readable().await.is_ok() {
            match self.read() {
                Progress::Read(bytes) => allowed -= bytes as f64,
                Progress::Nothing => continue,
                Progress::End => break,
            }
            let now = Instant::now();
            allowed += (now - since).as_secs_f64() * OUTPUT_BYTES_PER_SECOND as f64;
            allowed = allowed.min(OUTPUT_BURST_BYTES as f64);
            since = now;
            if allowed < 0.0 {
                tokio::time::sleep(Duration::from_secs_f64(-allowed / OUTPUT_BYTES_PER_SECOND as f64)).await;
            }
        }
        self.lines().finish_line();
    }

    /// A line of the platform.
    pub(crate) fn platform(&self, line: &str) {
        self.lines().platform(line);
    }

    /// From here on lines belong to this invocation.
    pub(crate) fn begin(&self, request_id: &Arc<str>, start: &str) {
        let mut lines = self.lines();
        lines.request_id = Arc::clone(request_id);
        lines.platform(start);
    }

    /// Reads what was written so far, logs the end, and returns the tail of the invocation's log.
    pub(crate) fn end(&self, closing: &[String]) -> Vec<u8> {
        for _ in 0..MAX_DRAINING_READS {
            if !matches!(self.read(), Progress::Read(_)) {
                break;
            }
        }
        let mut lines = self.lines();
        lines.finish_line();
        closing.iter().for_each(|line| lines.platform(line));
        lines.request_id = "".into();
        std::mem::take(&mut lines.tail).into()
    }

    fn read(&self) -> Progress {
        READ.with_borrow_mut(|read| match self.pipe.try_read(read) {
            Ok(0) => Progress::End,
            Ok(bytes) => {
                self.lines().take(&read[..bytes]);
                Progress::Read(bytes)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Progress::Nothing,
            Err(_) => Progress::End,
        })
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = LINE_BYTES - self.unfinished.len();
            let (piece, ends) = match bytes.iter().take(room).position(|byte| *byte == b'\n') {
                Some(end) => (end + 1, true),
                None => (bytes.len().min(room), bytes.len() >= room),
            };
            self.unfinished.extend_from_slice(&bytes[..piece]);
            bytes = &bytes[piece..];
            if ends {
                self.finish_line();
            }
        }
    }

    fn finish_line(&mut self) {
        if self.unfinished.is_empty() {
            return;
        }
        let line = std::mem::take(&mut self.unfinished);
        let text = String::from_utf8_lossy(&line);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        self.log.printed(&self.request_id, text);
        self.remember(text);
    }

    fn platform(&mut self, line: &str) {
        self.log.platform(&self.request_id, line);
        self.remember(line);
    }

    fn remember(&mut self, line: &str) {
        let line = line.as_bytes();
        self.tail.extend(&line[line.len().saturating_sub(TAIL_BYTES)..]);
        self.tail.push_back(b'\n');
        let surplus = self.tail.len().saturating_sub(TAIL_BYTES);
        self.tail.drain(..surplus);
    }
}
