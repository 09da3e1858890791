//! What functions print, line by line: to the server's own log and to files under the data folder.
//!
//! One thread writes all files. Lines that it cannot keep up with are dropped and counted, so that a slow disk holds back
//! no function; files are closed at a size and the oldest deleted, so that a talkative function fills no disk.

use super::limits::{LOG_FILE_BYTES, LOG_QUEUE_BYTES, OLD_LOG_FILES, SHOWN_LINES_PER_SECOND};
use metrics::counter;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use time::OffsetDateTime;
use time::format_description::FormatItem;
use time::macros::format_description;
use tracing::{debug, info, warn};

const ISO_MS: &[FormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
/// What a line costs in the queue besides its text, so that short lines are bounded as well.
const LINE_OVERHEAD_BYTES: usize = 64;

/// The thread that writes. Dropping it and all logs ends the thread, when everything is written.
#[derive(Clone, Debug)]
pub(crate) struct LogThread {
    commands: Sender<Command>,
    waiting: Arc<AtomicUsize>,
    folder: PathBuf,
    opened: Arc<AtomicUsize>,
}

#[derive(Debug)]
enum Command {
    /// The next file by number.
    Open(PathBuf),
    Line(usize, String),
}

/// The log of one function.
#[derive(Debug)]
pub(crate) struct FunctionLog {
    function: Arc<str>,
    thread: LogThread,
    file: usize,
    shown: Mutex<Shown>,
}

/// How much of it the server's own log has shown in this second.
#[derive(Debug)]
struct Shown {
    second: Instant,
    lines: u32,
    hidden: u64,
}

impl LogThread {
    pub(crate) fn start(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let (commands, inbox) = mpsc::channel();
        let waiting = Arc::<AtomicUsize>::default();
        let freed = Arc::clone(&waiting);
        std::thread::Builder::new().name("function-logs".to_owned()).spawn(move || write_all(&inbox, &freed))?;
        Ok(Self { commands, waiting, folder, opened: Arc::default() })
    }

    pub(crate) fn function(&self, function: &Arc<str>) -> FunctionLog {
        let file = self.opened.fetch_add(1, Ordering::Relaxed);
        // Only fails if the thread is gone; then lines are counted as dropped.
        let _ = self.commands.send(Command::Open(self.folder.join(format!("{function}.log"))));
        let shown = Mutex::new(Shown { second: Instant::now(), lines: 0, hidden: 0 });
        FunctionLog { function: Arc::clone(function), thread: self.clone(), file, shown }
    }

    fn write(&self, file: usize, line: String) {
        let cost = line.len() + LINE_OVERHEAD_BYTES;
        let full = self.waiting.fetch_add(cost, Ordering::Relaxed) + cost > LOG_QUEUE_BYTES;
        if full || self.commands.send(Command::Line(file, line)).is_err() {
            self.waiting.fetch_sub(cost, Ordering::Relaxed);
            counter!("sluicegate_function_log_lines_dropped_total").increment(1);
        }
    }
}

impl FunctionLog {
    /// A line that the function printed.
    pub(crate) fn printed(&self, request_id: &str, line: &str) {
        self.keep(request_id, line);
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.second.elapsed() >= Duration::from_secs(1) {
            if shown.hidden > 0 {
                warn!(target: "function", function = %self.function, "{} more lines are in its log file only", shown.hidden);
            }
            *shown = Shown { second: Instant::now(), lines: 0, hidden: 0 };
        }
        if shown.lines < SHOWN_LINES_PER_SECOND {
            shown.lines += 1;
            drop(shown);
            info!(target: "function", function = %self.function, request_id, "{line}");
        } else {
            shown.hidden += 1;
        }
    }

    /// A line of the platform: START, END and their like.
    pub(crate) fn platform(&self, request_id: &str, line: &str) {
        self.keep(request_id, line);
        debug!(target: "function", function = %self.function, request_id, "{line}");
    }

    fn keep(&self, request_id: &str, line: &str) {
        let request_id = if request_id.is_empty() { "-" } else { request_id };
        self.thread.write(self.file, format!("{} {request_id} {line}\n", now_iso()));
    }
}

pub(crate) fn now_iso() -> String {
    OffsetDateTime::from(SystemTime::now()).format(ISO_MS).unwrap_or_default()
}

struct LogFile {
    path: PathBuf,
    /// `None` until its first line, and while it cannot be opened.
    file: Option<File>,
    bytes: u64,
    batch: Vec<u8>,
    /// Once per outage is enough: a full disk would fill the other logs too.
    failed: bool,
}

fn write_all(inbox: &Receiver<Command>, waiting: &AtomicUsize) {
    let mut files: Vec<LogFile> = Vec::new();
    while let Ok(command) = inbox.recv() {
        let mut next = Some(command);
        while let Some(command) = next {
            match command {
                Command::Open(path) => {
                    files.push(LogFile { path, file: None, bytes: 0, batch: Vec::new(), failed: false });
                }
                Command::Line(file, line) => {
                    waiting.fetch_sub(line.len() + LINE_OVERHEAD_BYTES, Ordering::Relaxed);
                    // Commands of several threads may overtake each other only if one opens while another writes to it,
                    // which nobody does.
                    if let Some(file) = files.get_mut(file) {
                        file.batch.extend_from_slice(line.as_bytes());
                    }
                }
            }
            next = inbox.try_recv().ok();
            if files.iter().any(|file| file.batch.len() > LOG_QUEUE_BYTES / 16) {
                files.iter_mut().for_each(LogFile::write);
            }
        }
        files.iter_mut().for_each(LogFile::write);
    }
}

impl LogFile {
    fn write(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        match self.try_write(&batch) {
            Ok(()) => self.failed = false,
            Err(error) => {
                counter!("sluicegate_function_log_lines_dropped_total")
                    .increment(batch.iter().filter(|byte| **byte == b'\n').count() as u64);
                if !std::mem::replace(&mut self.failed, true) {
                    tracing::error!(path = %self.path.display(), %error, "a function's log cannot be written; lines are lost");
                }
                self.file = None;
            }
        }
    }

    fn try_write(&mut self, batch: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
            self.bytes = file.metadata()?.len();
            self.file = Some(file);
        }
        if self.bytes > 0 && self.bytes + batch.len() as u64 > LOG_FILE_BYTES {
            rotate(&self.path)?;
            self.file = Some(OpenOptions::new().create(true).append(true).open(&self.path)?);
            self.bytes = 0;
        }
        self.bytes += batch.len() as u64;
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(batch))
    }
}

/// `f.log` becomes `f.log.1`, that becomes `f.log.2`, and the oldest is lost.
fn rotate(path: &Path) -> io::Result<()> {
    let numbered = |number: usize| PathBuf::from(format!("{}.{number}", path.display()));
    for number in (1..OLD_LOG_FILES).rev() {
        match fs::rename(numbered(number), numbered(number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::rename(path, numbered(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_rotated_and_the_oldest_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.log");
        let mut file = LogFile { path: path.clone(), file: None, bytes: 0, batch: Vec::new(), failed: false };
        for number in 0..=OLD_LOG_FILES + 1 {
            file.batch = vec![b'a' + number as u8; LOG_FILE_BYTES as usize];
            file.write();
        }
        let first = |name: &str| fs::read(folder.path().join(name)).map(|text| text[0]).ok();
        assert_eq!(first("f.log"), Some(b'a' + OLD_LOG_FILES as u8 + 1));
        assert_eq!(first(&format!("f.log.{OLD_LOG_FILES}")), Some(b'b'), "a is lost");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), OLD_LOG_FILES + 1);
    }

    #[test]
    fn lines_reach_their_files_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let thread = LogThread::start(folder.path().to_owned()).unwrap();
        let (one, two) = (thread.function(&"one".into()), thread.function(&"two".into()));
        one.printed("id", "a");
        two.platform("", "b");
        one.printed("id", "c");
        let path = folder.path().join("one.log");
        let start = Instant::now();
        let text = loop {
            let text = fs::read_to_string(&path).unwrap_or_default();
            if text.lines().count() == 2 {
                break text;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "{text}");
            std::thread::yield_now();
        };
        let lines: Vec<&str> = text.lines().map(|line| line.split_once(' ').unwrap().1).collect();
        assert_eq!(lines, ["id a", "id c"]);
    }
}
