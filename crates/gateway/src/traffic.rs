//! What a stage does about its traffic: how much it takes, what it counts, what it logs.

use crate::access_log::AccessLog;
use crate::api::stage_settings::StageSettings;
use crate::exchange::Exchange;
use crate::execution_log::{ExecutionLog, StageExecutionLog};
use crate::log_file::{Kind, LogFileError, LogFiles};
use crate::metrics::StageMetrics;
use crate::throttle::StageThrottle;
use sluicegate_protocol::StageId;
use std::path::PathBuf;

pub(crate) struct Traffic {
    pub(crate) throttle: StageThrottle,
    pub(crate) metrics: StageMetrics,
    pub(crate) access_log: Option<AccessLog>,
    execution_log: Option<StageExecutionLog>,
}

/// The files that stages log to.
pub(crate) struct Logs {
    access: LogFiles,
    execution: LogFiles,
}

impl Logs {
    /// Logs in these folders; without one, its kind is not written.
    pub(crate) fn new(access: Option<PathBuf>, execution: Option<PathBuf>) -> Self {
        Self { access: LogFiles::new(Kind::Access, access), execution: LogFiles::new(Kind::Execution, execution) }
    }

    /// Returns when every line so far is in its file.
    pub(crate) async fn flush(&self) {
        self.access.flush().await;
        self.execution.flush().await;
    }
}

impl Traffic {
    /// Sets a stage up: buckets full, series registered, the files of its logs open.
    pub(crate) fn new(stage: &StageId, settings: StageSettings, logs: &Logs) -> Result<Self, LogFileError> {
        let (throttle, metrics) = (StageThrottle::new(&settings), StageMetrics::new(stage, &settings));
        let execution_log = StageExecutionLog::open(&logs.execution, stage, &settings)?;
        let access_log = match settings.access_log {
            Some(target) => AccessLog::open(&logs.access, stage, target)?,
            None => None,
        };
        Ok(Self { throttle, metrics, access_log, execution_log })
    }

    /// Begins the execution log of an exchange, if its route has one.
    pub(crate) fn begin(&self, exchange: &Exchange<'_>) -> Option<ExecutionLog> {
        self.execution_log.as_ref()?.begin(exchange)
    }
}
