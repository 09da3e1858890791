//! Access logs: one line per connect, message and disconnect, in the stage's own format.
//!
//! A stage names a log group on AWS; here the lines go to a file of that name.

mod format;

pub(crate) use format::Format;

use crate::api::stage_settings::AccessLogTarget;
use crate::exchange::Exchange;
use crate::log_file::{Destination, LogFileError, LogFiles, file_name};
use crate::report::Report;
use sluicegate_protocol::StageId;
use std::path::PathBuf;

/// The access log of a stage.
pub(crate) struct AccessLog {
    format: Format,
    destination: Destination,
}

impl AccessLog {
    /// Opens a stage's log. `None` when the gateway has no folder for logs.
    pub(crate) fn open(
        files: &LogFiles,
        stage: &StageId,
        target: AccessLogTarget,
    ) -> Result<Option<Self>, LogFileError> {
        let name = match &target.destination {
            Some(arn) => group(arn),
            None => &format!("{}-{}", stage.api, stage.stage),
        };
        let destination = files.open(stage, PathBuf::from(file_name(name)))?;
        Ok(destination.map(|destination| Self { format: target.format, destination }))
    }

    pub(crate) fn write(&self, exchange: &Exchange<'_>, report: &Report) {
        self.destination.write(self.format.render(|name| report.context(name).or_else(|| exchange.context(name))));
    }
}

/// An ARN's last part: `/aws/chat` of `arn:aws:logs:…:log-group:/aws/chat:*`.
fn group(arn: &str) -> &str {
    arn.rsplit(':').find(|part| !matches!(*part, "" | "*")).unwrap_or_default()
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
            ("..", "unnamed.log"),
            ("a\0b\nc é", "a-b-c--.log"),
            ("", "unnamed.log"),
        ] {
            assert_eq!(file_name(group(arn)), expected, "{arn}");
        }
        assert!(file_name(&"x".repeat(5000)).len() < 255);
    }
}
