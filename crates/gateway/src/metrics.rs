//! What API Gateway counts, under its names: `ConnectCount` is `sluicegate_gateway_connect_count_total`, and so on.
//!
//! Its dimensions are labels: `api`, `stage`, and `route` where a route has `detailedMetricsEnabled`. Every event is in one
//! series only, so sums over labels are right: the sum over the routes of a stage is what AWS shows for the stage.

use crate::api::stage_settings::{MetricsDetail, StageSettings};
use metrics::{Counter, Histogram, counter, histogram};
use sluicegate_protocol::StageId;
use std::collections::HashMap;

/// The series of one stage, or of one of its routes.
pub(crate) struct Metrics {
    /// `ConnectCount`: messages to the `$connect` integration.
    pub(crate) connects: Counter,
    /// `MessageCount`: messages from the client here, messages to clients in the hub.
    pub(crate) messages: Counter,
    /// `IntegrationError`: the integration answered with an error.
    pub(crate) integration_errors: Counter,
    /// `ClientError`: refused with a 4XX before the integration.
    pub(crate) client_errors: Counter,
    /// `ExecutionError`: the integration could not be called.
    pub(crate) execution_errors: Counter,
    /// `IntegrationLatency`, in seconds.
    pub(crate) integration_latency: Histogram,
}

/// All series of a stage, registered once.
pub(crate) struct StageMetrics {
    stage: Metrics,
    detailed: HashMap<String, Metrics>,
}

impl StageMetrics {
    pub(crate) fn new(stage: &StageId, settings: &StageSettings) -> Self {
        let detailed = settings.routes.iter().filter(|(_, controls)| controls.metrics == MetricsDetail::Route);
        Self {
            stage: Metrics::new(&labels(stage)),
            detailed: detailed.map(|(key, _)| (key.clone(), Metrics::of_route(stage, key))).collect(),
        }
    }

    /// Where an event of a route is counted.
    pub(crate) fn of(&self, route_key: &str) -> &Metrics {
        self.detailed.get(route_key).unwrap_or(&self.stage)
    }
}

impl Metrics {
    fn of_route(stage: &StageId, route_key: &str) -> Self {
        let [api, stage] = labels(stage);
        Self::new(&[api, stage, ("route", route_key.to_owned())])
    }

    fn new(labels: &[(&'static str, String)]) -> Self {
        Self {
            connects: counter!("sluicegate_gateway_connect_count_total", labels),
            messages: counter!("sluicegate_gateway_message_count_total", labels),
            integration_errors: counter!("sluicegate_gateway_integration_error_total", labels),
            client_errors: counter!("sluicegate_gateway_client_error_total", labels),
            execution_errors: counter!("sluicegate_gateway_execution_error_total", labels),
            integration_latency: histogram!("sluicegate_gateway_integration_latency_seconds", labels),
        }
    }
}

/// `MessageCount` of messages to the clients of a stage: answers, callbacks and broadcasts.
pub(crate) fn messages_to_clients(stage: &StageId) -> Counter {
    counter!("sluicegate_gateway_message_count_total", &labels(stage))
}

fn labels(stage: &StageId) -> [(&'static str, String); 2] {
    [("api", stage.api.to_string()), ("stage", stage.stage.to_string())]
}
