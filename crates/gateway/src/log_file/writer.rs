//! The thread that writes logs, and the queue before it.

use super::Kind;
use metrics::Counter;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SendError, Sender};
use tokio::sync::oneshot;

/// Bytes of lines that may wait to be written, over all files. Beyond it lines are dropped, not messages delayed.
const QUEUE_BYTES: usize = 16 * 1024 * 1024;
/// What an entry costs besides its text, so that short lines are bounded as well.
const ENTRY_OVERHEAD_BYTES: usize = 64;
/// Bytes gathered before they are written.
const BATCH_BYTES: usize = 64 * 1024;

/// The handle of the thread. Dropping it and all destinations ends the thread, when everything is written.
pub(super) struct Writer {
    queue: Queue,
    files: usize,
}

#[derive(Clone)]
struct Queue {
    commands: Sender<Command>,
    waiting: Arc<AtomicUsize>,
    dropped: Counter,
}

enum Command {
    /// The next file by number.
    Open(File, PathBuf),
    Lines(usize, String),
    Flush(oneshot::Sender<()>),
}

/// One file, as those who log see it.
#[derive(Clone)]
pub(crate) struct Destination {
    queue: Queue,
    file: usize,
}

impl Writer {
    pub(super) fn start(kind: Kind) -> io::Result<Self> {
        let (commands, inbox) = mpsc::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let dropped = kind.dropped();
        let thread = Thread { kind, inbox, waiting: waiting.clone(), dropped: dropped.clone(), files: Vec::new() };
        std::thread::Builder::new().name(kind.thread().to_owned()).spawn(move || thread.run())?;
        Ok(Self { queue: Queue { commands, waiting, dropped }, files: 0 })
    }

    pub(super) fn add(&mut self, file: File, path: PathBuf) -> Destination {
        let destination = Destination { queue: self.queue.clone(), file: self.files };
        // Only fails if the thread is gone; then every line is counted as dropped.
        let _ = self.queue.commands.send(Command::Open(file, path));
        self.files += 1;
        destination
    }

    /// Told when all that was queued before is written.
    pub(super) fn flush(&self) -> oneshot::Receiver<()> {
        let (done, flushed) = oneshot::channel();
        let _ = self.queue.commands.send(Command::Flush(done));
        flushed
    }
}

impl Destination {
    /// Queues lines, each of which ends in a line break. They stay together.
    pub(crate) fn write(&self, lines: String) {
        let Queue { commands, waiting, dropped } = &self.queue;
        let cost = cost(&lines);
        if waiting.fetch_add(cost, Ordering::Relaxed) + cost > QUEUE_BYTES {
            waiting.fetch_sub(cost, Ordering::Relaxed);
            dropped.increment(count(lines.as_bytes()));
        } else if let Err(SendError(Command::Lines(_, lines))) = commands.send(Command::Lines(self.file, lines)) {
            dropped.increment(count(lines.as_bytes()));
        }
    }
}

fn cost(lines: &str) -> usize {
    lines.len() + ENTRY_OVERHEAD_BYTES
}

fn count(lines: &[u8]) -> u64 {
    lines.iter().filter(|byte| **byte == b'\n').count() as u64
}

struct Thread {
    kind: Kind,
    inbox: Receiver<Command>,
    waiting: Arc<AtomicUsize>,
    dropped: Counter,
    files: Vec<LogFile>,
}

struct LogFile {
    file: File,
    path: PathBuf,
    /// Lines to be written in one call.
    batch: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Whole,
    /// The last write failed and may have left half a line.
    Torn,
}

impl Thread {
    fn run(mut self) {
        while let Ok(command) = self.inbox.recv() {
            self.carry_out(command);
            while let Ok(command) = self.inbox.try_recv() {
                self.carry_out(command);
            }
            self.write_all();
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Open(file, path) => {
                self.files.push(LogFile { file, path, batch: Vec::new(), state: State::Whole });
            }
            Command::Lines(file, lines) => {
                self.waiting.fetch_sub(cost(&lines), Ordering::Relaxed);
                let file = &mut self.files[file];
                file.batch.extend_from_slice(lines.as_bytes());
                if file.batch.len() >= BATCH_BYTES {
                    file.write(self.kind, &self.dropped);
                }
            }
            Command::Flush(done) => {
                self.write_all();
                let _ = done.send(());
            }
        }
    }

    fn write_all(&mut self) {
        self.files.iter_mut().for_each(|file| file.write(self.kind, &self.dropped));
    }
}

impl LogFile {
    fn write(&mut self, kind: Kind, dropped: &Counter) {
        if self.batch.is_empty() {
            return;
        }
        let mended = match self.state {
            State::Whole => Ok(()),
            State::Torn => self.file.write_all(b"\n"),
        };
        let written = mended.and_then(|()| self.file.write_all(&self.batch));
        let before = std::mem::replace(&mut self.state, if written.is_ok() { State::Whole } else { State::Torn });
        if let Err(error) = written {
            dropped.increment(count(&self.batch));
            if before == State::Whole {
                // Once per outage: a full disk would fill the other logs too.
                tracing::error!(path = %self.path.display(), %error, "an {kind} cannot be written; lines are lost");
            }
        }
        self.batch.clear();
        self.batch.shrink_to(BATCH_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_queue_are_dropped_until_there_is_room() {
        // Given a thread that does not come to write.
        let (commands, inbox) = mpsc::channel();
        let queue = Queue { commands, waiting: Arc::default(), dropped: Counter::noop() };
        let destination = Destination { queue: queue.clone(), file: 0 };
        let line = "x".repeat(1024 * 1024 - ENTRY_OVERHEAD_BYTES);
        for _ in 0..100 {
            destination.write(line.clone());
        }
        destination.write(String::from("\n"));
        assert_eq!(queue.waiting.load(Ordering::Relaxed), QUEUE_BYTES);
        // When it writes, then there is room again, and what was kept is whole.
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut thread = Thread {
            kind: Kind::Access,
            inbox,
            waiting: queue.waiting.clone(),
            dropped: Counter::noop(),
            files: Vec::new(),
        };
        thread.carry_out(Command::Open(file.reopen().unwrap(), file.path().to_owned()));
        while let Ok(command) = thread.inbox.try_recv() {
            thread.carry_out(command);
        }
        assert_eq!(queue.waiting.load(Ordering::Relaxed), 0);
        destination.write("last\n".to_owned());
        let last = thread.inbox.try_recv().unwrap();
        thread.carry_out(last);
        thread.write_all();
        let written = std::fs::read_to_string(file.path()).unwrap();
        assert_eq!(written, format!("{}last\n", line.repeat(16)));
    }
}
