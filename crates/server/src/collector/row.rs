//! A row of the metrics table.

use serde::Serialize;
use serde_json::{Map, Number, Value};
use std::time::SystemTime;

/// One thing measured. What else is known about it stands beside these fields, by name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Row {
    /// `cpu`, `memory`, `disk:/`, `network:eth0`, `process:sluicegate`, `processes`.
    pub(super) entity_id: String,
    entity_type: &'static str,
    label: String,
    metric_value: Number,
    unit: &'static str,
    /// ISO 8601 in UTC with milliseconds.
    timestamp: String,
    #[serde(flatten)]
    details: Map<String, Value>,
}

/// What is measured, in its unit.
#[derive(Clone, Copy, Debug)]
pub(super) enum Measure {
    Percent(f64),
    BytesPerSecond(f64),
    Count(u64),
}

impl Row {
    pub(super) fn new(entity_type: &'static str, name: Option<&str>, label: &str, measure: Measure) -> Self {
        let entity_id = match name {
            Some(name) => format!("{entity_type}:{name}"),
            None => entity_type.to_owned(),
        };
        let (unit, metric_value) = match measure {
            Measure::Percent(value) => ("percent", one_decimal(value)),
            Measure::BytesPerSecond(value) => ("bytes_per_second", whole(value)),
            Measure::Count(value) => ("count", value.into()),
        };
        let (label, timestamp, details) = (label.to_owned(), String::new(), Map::new());
        Self { entity_id, entity_type, label, metric_value, unit, timestamp, details }
    }

    pub(super) fn at(mut self, time: SystemTime) -> Self {
        self.timestamp = humantime::format_rfc3339_millis(time).to_string();
        self
    }

    pub(super) fn with(mut self, detail: &str, value: impl Into<Value>) -> Self {
        self.details.insert(detail.to_owned(), value.into());
        self
    }
}

/// Finer steps are noise, and every change of a row is a message to every dashboard.
fn one_decimal(value: f64) -> Number {
    let tenths = (value * 10.0).round();
    if tenths % 10.0 == 0.0 { whole(value) } else { Number::from_f64(tenths / 10.0).unwrap_or_else(|| 0.into()) }
}

pub(super) fn whole(value: f64) -> Number {
    // The cast takes NaN to zero and saturates; nothing measured here is negative.
    (value.round() as u64).into()
}

/// `part` of `all` in percent; nothing of nothing is nothing.
pub(super) fn percent(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { part as f64 * 100.0 / all as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn a_row_is_flat_and_its_numbers_are_round() {
        let time = UNIX_EPOCH + Duration::from_millis(1_699_101_296_007);
        let row = Row::new("disk", Some("/"), "Disk /", Measure::Percent(percent(1, 3))).with("used_bytes", 1).at(time);
        assert_eq!(
            serde_json::to_value(row).unwrap(),
            json!({"entity_id": "disk:/", "entity_type": "disk", "label": "Disk /", "metric_value": 33.3, "unit": "percent",
                   "timestamp": "2023-11-04T12:34:56.007Z", "used_bytes": 1})
        );
    }

    #[test]
    fn values_are_rounded_to_what_can_be_seen() {
        for (value, expected) in
            [(0.0, json!(0)), (0.04, json!(0)), (12.34, json!(12.3)), (99.96, json!(100)), (f64::NAN, json!(0))]
        {
            assert_eq!(Value::from(one_decimal(value)), expected, "{value}");
        }
        assert_eq!((percent(1, 0), percent(1, 4)), (0.0, 25.0));
    }
}
