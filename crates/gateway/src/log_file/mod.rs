//! Logs as files: whole lines, appended by one thread, so that a slow disk delays no message; what it cannot take in time
//! is dropped and counted.
//!
//! Each kind of log has its own thread and queue: much of one cannot crowd out the other.

mod line;
mod writer;

pub(crate) use line::push_visible;
pub(crate) use writer::Destination;

use metrics::{Counter, counter};
use parking_lot::Mutex;
use sluicegate_protocol::StageId;
use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::fs::{self, OpenOptions};
use std::io;
use std::path::PathBuf;
use writer::Writer;

/// What a file name may have before its `.log`.
const NAME_BYTES: usize = 200;

/// What is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Access,
    Execution,
}

/// All logs of one kind.
pub(crate) struct LogFiles {
    kind: Kind,
    /// `None`: nothing is written.
    folder: Option<PathBuf>,
    opened: Mutex<Opened>,
}

#[derive(Default)]
struct Opened {
    /// Starts with the first file.
    writer: Option<Writer>,
    /// By path in the folder. Stages may share a file.
    files: HashMap<PathBuf, Destination>,
}

/// A file for logs could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the {kind} {}: {error}; make the folder writable, or choose another", path.display())]
pub struct LogFileError {
    kind: Kind,
    path: PathBuf,
    error: io::Error,
}

impl Kind {
    fn thread(self) -> &'static str {
        match self {
            Self::Access => "access-logs",
            Self::Execution => "execution-logs",
        }
    }

    fn dropped(self) -> Counter {
        match self {
            Self::Access => counter!("sluicegate_access_log_lines_dropped_total"),
            Self::Execution => counter!("sluicegate_execution_log_lines_dropped_total"),
        }
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Access => "access log",
            Self::Execution => "execution log",
        })
    }
}

impl LogFiles {
    pub(crate) fn new(kind: Kind, folder: Option<PathBuf>) -> Self {
        Self { kind, folder, opened: Mutex::default() }
    }

    /// Opens a file, for a stage that wants it, by its path in the folder. `None` when there is no folder.
    pub(crate) fn open(&self, stage: &StageId, name: PathBuf) -> Result<Option<Destination>, LogFileError> {
        let Some(folder) = &self.folder else {
            tracing::warn!(%stage, "the stage asks for an {}, but there is no folder for it", self.kind);
            return Ok(None);
        };
        let path = folder.join(&name);
        let opened = self.destination(name, &path);
        opened.map(Some).map_err(|error| LogFileError { kind: self.kind, path, error })
    }

    fn destination(&self, name: PathBuf, path: &PathBuf) -> io::Result<Destination> {
        let mut opened = self.opened.lock();
        if let Some(known) = opened.files.get(&name) {
            return Ok(known.clone());
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        // Appended to, so that a log which is copied away and truncated goes on at its start.
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let writer = match &mut opened.writer {
            Some(writer) => writer,
            none => none.insert(Writer::start(self.kind)?),
        };
        let destination = writer.add(file, path.clone());
        opened.files.insert(name, destination.clone());
        Ok(destination)
    }

    /// Returns when every line so far is in its file.
    pub(crate) async fn flush(&self) {
        let flushed = self.opened.lock().writer.as_ref().map(Writer::flush);
        if let Some(flushed) = flushed {
            // The writer ends only with the gateway; if it is gone there is nothing to wait for.
            let _ = flushed.await;
        }
    }
}

/// A file name that stays in its folder, whatever the text: `/aws/chat` becomes `aws-chat.log`.
pub(crate) fn file_name(text: &str) -> String {
    format!("{}.log", folder_name(text))
}

/// The name of a folder in a folder, whatever the text.
pub(crate) fn folder_name(text: &str) -> String {
    let safe = |character: char| match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => character,
        _ => '-',
    };
    let name: String = text.chars().map(safe).take(NAME_BYTES).collect();
    match name.trim_start_matches(['-', '.']) {
        "" => "unnamed".to_owned(),
        name => name.to_owned(),
    }
}
