//! What a stage does about its traffic: how much it takes, what it counts, what it logs.

use crate::access_log::{AccessLog, AccessLogError, AccessLogs};
use crate::api::stage_settings::StageSettings;
use crate::metrics::StageMetrics;
use crate::throttle::StageThrottle;
use sluicegate_protocol::StageId;

pub(crate) struct Traffic {
    pub(crate) throttle: StageThrottle,
    pub(crate) metrics: StageMetrics,
    pub(crate) access_log: Option<AccessLog>,
}

impl Traffic {
    /// Sets a stage up: buckets full, series registered, the log's file open.
    pub(crate) fn new(stage: &StageId, settings: StageSettings, logs: &AccessLogs) -> Result<Self, AccessLogError> {
        let (throttle, metrics) = (StageThrottle::new(&settings), StageMetrics::new(stage, &settings));
        let access_log = match settings.access_log {
            Some(target) => logs.open(stage, target)?,
            None => None,
        };
        Ok(Self { throttle, metrics, access_log })
    }
}
