//! The counters of this process, by the names that API Gateway has for them.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

/// How often counters are read that are not right yet, and how long that goes on.
const INTERVAL: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(3);

/// Starts to count; once, before the first gateway.
pub fn record() {
    handle();
}

fn handle() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE.get_or_init(|| PrometheusBuilder::new().install_recorder().ok()).as_ref()
}

/// Compares the counters of one API. They may lag behind what a client has seen, so they are read until they are right.
pub async fn check(api: &str, expected: &BTreeMap<String, String>) -> Result<(), String> {
    let handle = handle().ok_or("something else records the metrics of this process")?;
    let wait = async {
        let mut interval = tokio::time::interval(INTERVAL);
        while compare(&handle.render(), api, expected).is_err() {
            interval.tick().await;
        }
    };
    match tokio::time::timeout(PATIENCE, wait).await {
        Ok(()) => Ok(()),
        Err(_) => compare(&handle.render(), api, expected),
    }
}

fn compare(page: &str, api: &str, expected: &BTreeMap<String, String>) -> Result<(), String> {
    for (name, wanted) in expected {
        let counted = sum(page, &series(name), api);
        let fits = match wanted.strip_prefix(">=") {
            Some(least) => least.trim().parse().is_ok_and(|least: f64| counted >= least),
            None => wanted.parse() == Ok(counted),
        };
        if !fits {
            return Err(format!("{name} is {counted}, expected {wanted}"));
        }
    }
    Ok(())
}

/// `ConnectCount` is `sluicegate_gateway_connect_count_total`.
fn series(name: &str) -> String {
    let mut series = String::from("sluicegate_gateway");
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            series.push('_');
        }
        series.push(character.to_ascii_lowercase());
    }
    series + "_total"
}

/// The sum over all stages and routes of an API.
fn sum(page: &str, series: &str, api: &str) -> f64 {
    let label = format!("api=\"{api}\"");
    let lines = page.lines().filter(|line| line.starts_with(series) && line.contains(&label));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).fold(0.0, |sum, value| sum + value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_an_api_are_summed() {
        let page = "sluicegate_gateway_message_count_total{api=\"a\",stage=\"x\"} 2\n\
                    sluicegate_gateway_message_count_total{api=\"a\",stage=\"x\",route=\"r\"} 1\n\
                    sluicegate_gateway_message_count_total{api=\"b\",stage=\"x\"} 5\n";
        let expect = |wanted: &str| compare(page, "a", &BTreeMap::from([("MessageCount".into(), wanted.into())]));
        assert_eq!(expect("3"), Ok(()));
        assert_eq!(expect(">= 3"), Ok(()));
        assert!(expect("2").is_err());
        assert!(expect(">= 4").is_err());
    }
}
