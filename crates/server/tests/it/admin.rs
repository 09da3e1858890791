//! The operators' port.

use sluicegate_testkit::{TestServer, request};

#[tokio::test]
async fn operators_learn_that_the_server_lives_and_is_ready() {
    let server = TestServer::start().await;

    let health = server.get_admin("/health").await;
    assert_eq!((health.status, health.json()["status"].as_str()), (200, Some("alive")));

    let ready = server.get_admin("/ready").await;
    assert_eq!(ready.status, 200, "{}", ready.text());
    assert_eq!(ready.json()["checks"]["tables"], "ok");
    server.stop().await;
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let server = TestServer::start().await;
    let mut client = server.connect("/live-metrics/prod").await;
    client.send("{}").await;
    client.receive().await;
    client.close().await;

    let metrics = server.get_admin("/metrics").await;

    assert!(metrics.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    for line in metrics.text().lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        assert!(line.starts_with("sluicegate_"), "a metric without our prefix: {line}");
        assert!(line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "not a sample: {line}");
    }
    assert!(metrics.text().contains("sluicegate_build_info"), "{}", metrics.text());
    server.stop().await;
}

#[tokio::test]
async fn everything_else_is_refused() {
    let server = TestServer::start().await;
    for (method, path, expected) in [
        ("GET", "/", 404),
        ("GET", "/sluicegate.json", 404),
        ("POST", "/health", 405),
        ("HEAD", "/health", 200),
        ("DELETE", "/metrics", 405),
    ] {
        assert_eq!(request(server.admin(), method, path, &[], b"").await.status, expected, "{method} {path}");
    }
    server.stop().await;
}
