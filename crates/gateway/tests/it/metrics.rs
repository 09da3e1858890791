//! The metrics of API Gateway, read as Prometheus shows them. Each test has an API of its own: the recorder is shared.

use crate::fixture::{CONNECT, DEFAULT, ECHO, Functions, Reply, Server, api};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use sluicegate_gateway::{Clock, HubOptions};
use std::sync::OnceLock;

fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| PrometheusBuilder::new().install_recorder().unwrap())
}

/// A server with one API of this name and stage settings.
async fn server(api_id: &str, stage: Value, functions: Functions) -> Server {
    recorder();
    let mut definition = api();
    definition.api_id = api_id.to_owned();
    definition.stages = vec![serde_json::from_value(stage).unwrap()];
    if api_id == "unrouted" {
        definition.routes.retain(|route| route.route_key != "$default");
    }
    Server::with(functions, vec![definition], HubOptions::default(), Clock::System).await
}

/// A counter of an API's stage `prod`, or of one of its routes.
fn count(name: &str, api_id: &str, route: Option<&str>) -> u64 {
    let route = route.map(|route| format!(",route=\"{route}\"")).unwrap_or_default();
    let series = format!("sluicegate_gateway_{name}{{api=\"{api_id}\",stage=\"prod\"{route}}} ");
    let text = recorder().render();
    text.lines().find_map(|line| line.strip_prefix(&series)).map_or(0, |value| value.parse().unwrap())
}

fn counts(api_id: &str, names: [&str; 3]) -> [u64; 3] {
    names.map(|name| count(name, api_id, None))
}

const ERRORS: [&str; 3] = ["integration_error_total", "execution_error_total", "client_error_total"];

#[tokio::test(flavor = "multi_thread")]
async fn connects_and_messages_in_both_directions_are_counted() {
    let functions = Functions::default().on(ECHO, |_| Reply::Json(json!({"body": "echo"})));
    let server = server("counted", json!({"stageName": "prod"}), functions).await;
    let mut client = server.connect().await;
    for _ in 0..2 {
        client.send(r#"{"action":"echo"}"#).await;
        client.receive().await;
    }
    let id = server.seen(CONNECT)[0]["requestContext"]["connectionId"].as_str().unwrap().to_owned();
    assert_eq!(server.http("POST", &format!("/prod/@connections/{id}"), "post").await.0, 200);
    let names = ["connect_count_total", "message_count_total", "integration_latency_seconds_count"];
    // Two messages with an answer each and a post; the integrations of `$connect` and of both messages have a latency.
    assert_eq!(counts("counted", names), [1, 5, 3]);
    assert_eq!(counts("counted", ERRORS), [0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_counted_by_whose_they_are() {
    for (api_id, reply, message, frame, expected) in [
        ("throws", Reply::Throws, "hello", "Internal server error", [1, 0, 0]),
        ("missing", Reply::Missing, "hello", "Internal server error", [0, 1, 0]),
        ("busy", Reply::Throttled, "hello", "Too Many Requests", [0, 1, 0]),
        ("unrouted", Reply::Missing, "hello", "Forbidden", [0, 0, 1]),
        ("refusing", Reply::Json(json!({"statusCode": 403})), r#"{"action":"echo"}"#, "", [1, 0, 0]),
    ] {
        let reply = std::sync::Mutex::new(Some(reply));
        let route = if message == "hello" { DEFAULT } else { ECHO };
        let functions = Functions::default().on(route, move |_| reply.lock().unwrap().take().unwrap());
        let server = server(api_id, json!({"stageName": "prod"}), functions).await;
        let mut client = server.connect().await;
        client.send(message).await;
        assert!(client.receive().await.contains(frame), "{api_id}");
        assert_eq!(counts(api_id, ERRORS), expected, "{api_id}");
    }
    let refused = json!({"stageName": "prod", "defaultRouteSettings": {"throttlingBurstLimit": 0}});
    let server = server("throttled", refused, Functions::default()).await;
    assert_eq!(server.refusal("/prod").await.0, 429);
    assert_eq!(counts("throttled", ERRORS), [0, 0, 1]);
    assert_eq!(count("connect_count_total", "throttled", None), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_have_series_of_their_own_where_details_are_asked_for() {
    let stage = json!({"stageName": "prod", "routeSettings": {"echo": {"detailedMetricsEnabled": true}}});
    let functions = Functions::default().on(ECHO, |_| Reply::Throws).on(DEFAULT, |_| Reply::Throws);
    let server = server("detailed", stage, functions).await;
    let mut client = server.connect().await;
    for message in [r#"{"action":"echo"}"#, r#"{"action":"echo"}"#, "to the default route"] {
        client.send(message).await;
        client.receive().await;
    }
    let errors = |route| count("integration_error_total", "detailed", route);
    assert_eq!((errors(Some("echo")), errors(Some("$default")), errors(None)), (2, 0, 1));
    assert_eq!(count("message_count_total", "detailed", Some("echo")), 2);
}
