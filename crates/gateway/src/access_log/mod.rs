//! Access logs: one line per connect, message and disconnect, in the stage's own format.
//!
//! A stage names a log group on AWS; here the lines go to a file of that name. They are written by one thread, so that a
//! slow disk delays no message; what it cannot take in time is dropped and counted.

mod format;
mod writer;

pub(crate) use format::Format;
pub(crate) use writer::Destination;

use crate::api::stage_settings::AccessLogTarget;
use crate::exchange::Exchange;
use crate::report::Report;
use parking_lot::Mutex;
use sluicegate_protocol::StageId;
use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::PathBuf;
use writer::Writer;

/// What a file name may have before its `.log`.
const NAME_BYTES: usize = 200;

/// All access logs of a gateway.
pub(crate) struct AccessLogs {
    /// `None`: nothing is written.
    folder: Option<PathBuf>,
    opened: Mutex<Opened>,
}

#[derive(Default)]
struct Opened {
    /// Starts with the first file.
    writer: Option<Writer>,
    /// Stages may share a file.
    files: HashMap<String, Destination>,
}

/// A file for access logs could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the access log {}: {error}; make the folder writable, or choose another", path.display())]
pub struct AccessLogError {
    path: PathBuf,
    error: io::Error,
}

/// The access log of a stage.
pub(crate) struct AccessLog {
    format: Format,
    destination: Destination,
}

impl AccessLogs {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, opened: Mutex::default() }
    }

    /// Opens a stage's log. `None` when the gateway has no folder for logs.
    pub(crate) fn open(&self, stage: &StageId, target: AccessLogTarget) -> Result<Option<AccessLog>, AccessLogError> {
        let Some(folder) = &self.folder else {
            tracing::warn!(%stage, "the stage has access log settings, but there is no folder for access logs");
            return Ok(None);
        };
        let name = match &target.destination {
            Some(arn) => file_name(arn),
            None => file_name(&format!("{}-{}", stage.api, stage.stage)),
        };
        let path = folder.join(&name);
        let destination = self.destination(name, &path).map_err(|error| AccessLogError { path, error })?;
        Ok(Some(AccessLog { format: target.format, destination }))
    }

    fn destination(&self, name: String, path: &PathBuf) -> io::Result<Destination> {
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
            none => none.insert(Writer::start()?),
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

impl AccessLog {
    pub(crate) fn write(&self, exchange: &Exchange<'_>, report: &Report) {
        self.destination.write(self.format.render(|name| report.context(name).or_else(|| exchange.context(name))));
    }
}

/// A file name from an ARN's last part: `arn:aws:logs:…:log-group:/aws/chat:*` becomes `aws-chat.log`.
fn file_name(arn: &str) -> String {
    let part = arn.rsplit(':').find(|part| !matches!(*part, "" | "*")).unwrap_or_default();
    let safe = |character: char| match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => character,
        _ => '-',
    };
    let name: String = part.chars().map(safe).take(NAME_BYTES).collect();
    match name.trim_start_matches(['-', '.']) {
        "" => "access.log".to_owned(),
        name => format!("{name}.log"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_the_last_part_of_an_arn_and_stay_in_their_folder() {
        for (arn, expected) in [
            ("arn:aws:logs:eu-west-1:123456789012:log-group:chat", "chat.log"),
            ("arn:aws:logs:eu-west-1:123456789012:log-group:/aws/apigateway/chat:*", "aws-apigateway-chat.log"),
            (
                "arn:aws:firehose:eu-west-1:1:deliverystream/amazon-apigateway-x",
                "deliverystream-amazon-apigateway-x.log",
            ),
            ("chat", "chat.log"),
            ("../../etc/passwd", "etc-passwd.log"),
            ("..", "access.log"),
            ("a\0b\nc é", "a-b-c--.log"),
            ("", "access.log"),
        ] {
            assert_eq!(file_name(arn), expected, "{arn}");
        }
        assert_eq!(file_name(&"x".repeat(5000)).len(), NAME_BYTES + 4);
    }
}
