//! Settings of a stage: how its routes are throttled and measured, and what is logged of them.

use super::definition::{AccessLogSettings, ApiDefinition, RouteSettings, StageDefinition};
use super::problem::Checker;
use crate::access_log::Format;
use crate::execution_log::Detail;
use crate::throttle::{AccountLimits, Rate};

/// A format longer than this is refused, as on AWS.
const FORMAT_BYTES: usize = 3 * 1024;
const STAGE_VARIABLES: usize = 100;
const VARIABLE_NAME_BYTES: usize = 64;
/// The documentation says 512, the service's own model 2048; the wider one turns nobody away.
const VARIABLE_VALUE_BYTES: usize = 2048;

/// Checked settings.
pub(crate) struct StageSettings {
    /// For what has no route: callbacks, and messages that no route takes.
    pub(crate) default: Controls,
    /// One per route of the API, and `$connect` whether it has a route or not.
    pub(crate) routes: Vec<(String, Controls)>,
    pub(crate) access_log: Option<AccessLogTarget>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Controls {
    /// `None` where the settings name no limit: that of the node alone applies.
    pub(crate) throttle: Option<Rate>,
    pub(crate) metrics: MetricsDetail,
    /// What is written to the execution log. `None`: nothing.
    pub(crate) logging: Option<Detail>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricsDetail {
    Stage,
    /// `detailedMetricsEnabled`: the route gets series of its own.
    Route,
}

/// Where a stage's access log goes, and how its lines look.
pub(crate) struct AccessLogTarget {
    /// `None` without a `destinationArn`.
    pub(crate) destination: Option<String>,
    pub(crate) format: Format,
}

impl StageSettings {
    pub(crate) fn compile(api: &ApiDefinition, stage: &StageDefinition, checker: &mut Checker) -> Self {
        check_variables(stage, checker);
        let default = &stage.default_route_settings;
        checker.at("defaultRouteSettings", |checker| check_route(default, checker));
        for (key, written) in &stage.route_settings {
            checker.at(format!("routeSettings.{key}"), |checker| {
                if !api.routes.iter().any(|route| route.route_key == *key) {
                    checker.problem("there is no route with this key", "remove the settings, or add the route");
                }
                check_route(written, checker);
            });
        }
        let mut keys: Vec<&str> = api.routes.iter().map(|route| route.route_key.as_str()).collect();
        if !keys.contains(&"$connect") {
            keys.push("$connect");
        }
        let own = |key: &str| stage.route_settings.get(key).unwrap_or(default);
        let routes = keys.iter().map(|key| ((*key).to_owned(), controls(own(key), default))).collect();
        let access_log = stage.access_log_settings.as_ref();
        Self {
            default: controls(default, default),
            routes,
            access_log: access_log.map(|written| checker.at("accessLogSettings", |checker| target(written, checker))),
        }
    }
}

/// A route's settings; what they leave out is as in the stage's default.
fn controls(own: &RouteSettings, default: &RouteSettings) -> Controls {
    let rate = own.throttling_rate_limit.or(default.throttling_rate_limit);
    let burst = own.throttling_burst_limit.or(default.throttling_burst_limit);
    let detailed = own.detailed_metrics_enabled.or(default.detailed_metrics_enabled);
    // One of the two alone is completed from what an AWS account has.
    let account = AccountLimits::AWS_REQUESTS;
    let limited = rate.is_some() || burst.is_some();
    Controls {
        throttle: limited
            .then(|| Rate { per_second: rate.unwrap_or(account.per_second), burst: burst.unwrap_or(account.burst) }),
        metrics: if detailed == Some(true) { MetricsDetail::Route } else { MetricsDetail::Stage },
        logging: logging(own, default),
    }
}

/// Tracing data adds to steps; where only errors are written there is none.
fn logging(own: &RouteSettings, default: &RouteSettings) -> Option<Detail> {
    let data = own.data_trace_enabled.or(default.data_trace_enabled).unwrap_or_default();
    match own.logging_level.as_ref().or(default.logging_level.as_ref())?.as_str() {
        "ERROR" => Some(Detail::Errors),
        "INFO" if data => Some(Detail::Data),
        "INFO" => Some(Detail::Steps),
        _ => None,
    }
}

fn check_route(written: &RouteSettings, checker: &mut Checker) {
    if let Some(rate) = written.throttling_rate_limit.filter(|rate| !rate.is_finite() || *rate < 0.0) {
        checker.problem(format!("throttlingRateLimit {rate}"), "use requests per second: 0 or more");
    }
    if let Some(level) = written.logging_level.as_deref().filter(|level| !matches!(*level, "OFF" | "ERROR" | "INFO")) {
        checker.problem(format!("loggingLevel `{level}`"), "use OFF, ERROR or INFO");
    }
}

fn target(written: &AccessLogSettings, checker: &mut Checker) -> AccessLogTarget {
    if written.format.len() > FORMAT_BYTES {
        checker.problem(format!("the format has {} bytes", written.format.len()), "use at most 3 KB");
    }
    let format = Format::parse(&written.format);
    if !format.names("requestId") && !format.names("extendedRequestId") {
        checker.problem(
            "the format names no request id",
            "add $context.requestId or $context.extendedRequestId, so that a line can be found again",
        );
    }
    AccessLogTarget { destination: written.destination_arn.clone(), format }
}

fn check_variables(stage: &StageDefinition, checker: &mut Checker) {
    let variables = &stage.stage_variables;
    if variables.len() > STAGE_VARIABLES {
        checker.problem(format!("{} stage variables", variables.len()), format!("use at most {STAGE_VARIABLES}"));
    }
    for (name, value) in variables {
        checker.at(format!("stageVariables.{name}"), |checker| {
            if name.len() > VARIABLE_NAME_BYTES {
                checker.problem("the name is too long", format!("use at most {VARIABLE_NAME_BYTES} bytes"));
            }
            if value.len() > VARIABLE_VALUE_BYTES {
                checker.problem("the value is too long", format!("use at most {VARIABLE_VALUE_BYTES} bytes"));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn compile(stage: Value) -> Result<StageSettings, String> {
        let api: ApiDefinition = serde_json::from_value(json!({
            "apiId": "chat",
            "routes": [{"routeKey": "echo"}, {"routeKey": "$default"}],
        }))
        .unwrap();
        let mut checker = Checker::default();
        let settings = StageSettings::compile(&api, &serde_json::from_value(stage).unwrap(), &mut checker);
        checker.finish(settings).map_err(|problems| problems.to_string())
    }

    #[test]
    fn a_routes_settings_override_the_default_member_by_member() {
        let rate = |per_second, burst| Some(Rate { per_second, burst });
        let default = json!({"throttlingRateLimit": 10.5, "throttlingBurstLimit": 20});
        for (default, own, of_echo, of_others) in [
            (json!({}), json!({}), None, None),
            (default.clone(), json!({}), rate(10.5, 20), rate(10.5, 20)),
            (default.clone(), json!({"throttlingBurstLimit": 1}), rate(10.5, 1), rate(10.5, 20)),
            (default, json!({"throttlingRateLimit": 0}), rate(0.0, 20), rate(10.5, 20)),
            (json!({}), json!({"throttlingRateLimit": 1, "throttlingBurstLimit": 2}), rate(1.0, 2), None),
            (json!({}), json!({"throttlingRateLimit": 1}), rate(1.0, 5_000), None),
            (json!({"throttlingBurstLimit": 1}), json!({}), rate(10_000.0, 1), rate(10_000.0, 1)),
        ] {
            let settings = json!({"defaultRouteSettings": default, "routeSettings": {"echo": own}});
            let compiled = compile(settings.clone()).unwrap();
            let of = |key: &str| compiled.routes.iter().find(|(known, _)| known == key).unwrap().1.throttle;
            assert_eq!(of("echo"), of_echo, "{settings}");
            for key in ["$default", "$connect"] {
                assert_eq!(of(key), of_others, "{key} {settings}");
            }
            assert_eq!(compiled.default.throttle, of_others, "{settings}");
        }
    }

    #[test]
    fn logging_is_off_unless_asked_for() {
        for (default, own, of_echo, of_others) in [
            (json!({}), json!({}), None, None),
            (json!({"dataTraceEnabled": true}), json!({}), None, None),
            (json!({"loggingLevel": "INFO"}), json!({}), Some(Detail::Steps), Some(Detail::Steps)),
            (
                json!({"loggingLevel": "INFO"}),
                json!({"dataTraceEnabled": true}),
                Some(Detail::Data),
                Some(Detail::Steps),
            ),
            (
                json!({"loggingLevel": "ERROR", "dataTraceEnabled": true}),
                json!({"loggingLevel": "INFO"}),
                Some(Detail::Data),
                Some(Detail::Errors),
            ),
            (json!({"loggingLevel": "INFO"}), json!({"loggingLevel": "OFF"}), None, Some(Detail::Steps)),
        ] {
            let settings = json!({"defaultRouteSettings": default, "routeSettings": {"echo": own}});
            let compiled = compile(settings.clone()).unwrap();
            let of = |key: &str| compiled.routes.iter().find(|(known, _)| known == key).unwrap().1.logging;
            assert_eq!(
                (of("echo"), of("$connect"), compiled.default.logging),
                (of_echo, of_others, of_others),
                "{settings}"
            );
        }
    }

    #[test]
    fn what_cannot_be_meant_is_a_problem_with_its_place() {
        let log = |format: &str| json!({"accessLogSettings": {"format": format}});
        for (stage, expected) in [
            (json!({"routeSettings": {"nope": {}}}), "routeSettings.nope: there is no route with this key"),
            (
                json!({"defaultRouteSettings": {"throttlingRateLimit": -1}}),
                "defaultRouteSettings: throttlingRateLimit -1",
            ),
            (json!({"routeSettings": {"echo": {"loggingLevel": "ALL"}}}), "routeSettings.echo: loggingLevel `ALL`"),
            (log("$context.routeKey"), "accessLogSettings: the format names no request id"),
            (log("$context.requestIdentity requestId"), "accessLogSettings: the format names no request id"),
            (log(""), "accessLogSettings: the format names no request id"),
            (
                log(&format!("$context.requestId{}", " ".repeat(3 * 1024))),
                "accessLogSettings: the format has 3090 bytes",
            ),
            (json!({"stageVariables": {"n".repeat(65): "v"}}), "the name is too long"),
            (json!({"stageVariables": {"n": "v".repeat(2049)}}), "stageVariables.n: the value is too long"),
        ] {
            let problems = compile(stage).err().expect("a problem");
            assert!(problems.contains(expected), "{problems}");
        }
        for format in ["$context.requestId", r#"{"id":"$context.extendedRequestId"}"#, "a $context.requestId."] {
            assert!(compile(log(format)).is_ok(), "{format}");
        }
    }
}
