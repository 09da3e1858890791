//! The life of the process: ready line, drain, crash.

use sluicegate_testkit::{Received, ServerProcess, WebSocket, request};
use tokio::io::AsyncWriteExt;

const BINARY: &str = env!("CARGO_BIN_EXE_sluicegate");

#[tokio::test]
async fn the_ready_line_says_where_everything_is() {
    let data = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(BINARY, data.path(), &["--collector", "off"]).await;

    let ready = server.ready();
    assert_eq!(ready["event"], "ready");
    assert_ne!((server.listen().port(), server.admin().port()), (0, 0));
    assert_eq!(ready["apis"][0]["id"], "live-metrics");
    assert_eq!(ready["apis"][0]["stage"], "prod");
    assert_eq!(ready["apis"][0]["url"], format!("ws://{}/live-metrics/prod", server.listen()));
    assert_eq!(request(server.admin(), "GET", "/ready", &[], b"").await.status, 200);
    server.kill().await;
}

#[tokio::test]
async fn a_terminated_server_takes_leave_of_its_clients_and_exits_0() {
    let data = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(BINARY, data.path(), &["--collector", "off"]).await;
    let mut client = WebSocket::connect(server.listen(), "/live-metrics/prod").await;
    assert_eq!(rows(&server).await, 1, "$connect has written its row");

    server.terminate().await;

    assert!(matches!(client.receive().await, Received::Closed(1001, _)));
    drop(client);
    let (status, rest) = server.ended().await;
    assert_eq!((status.code(), rest.as_str()), (Some(0), ""));
    let server = ServerProcess::start(BINARY, data.path(), &["--collector", "off"]).await;
    assert_eq!(rows(&server).await, 0, "$disconnect has removed the row");
    server.kill().await;
}

/// How many connection rows there are.
async fn rows(server: &ServerProcess) -> u64 {
    let body = br#"{"TableName":"iops-dashboard-websocket-connections","Select":"COUNT"}"#;
    let headers = [
        ("x-amz-target", "DynamoDB_20120810.Scan"),
        ("content-type", "application/x-amz-json-1.0"),
        ("authorization", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0"),
        ("x-amz-date", "20260101T000000Z"),
    ];
    let response = request(server.listen(), "POST", "/", &headers, body).await;
    response.json()["Count"].as_u64().unwrap_or_else(|| panic!("{}", response.text()))
}

#[tokio::test]
async fn a_killed_server_leaves_its_data_folder_usable() {
    let data = tempfile::tempdir().unwrap();
    ServerProcess::start(BINARY, data.path(), &["--collector", "off"]).await.kill().await;
    ServerProcess::start(BINARY, data.path(), &["--collector", "off"]).await.kill().await;
}

#[tokio::test]
async fn a_second_signal_stops_a_server_that_is_still_draining() {
    let data = tempfile::tempdir().unwrap();
    let arguments = ["--collector", "off", "--drain-timeout", "10m"];
    let server = ServerProcess::start(BINARY, data.path(), &arguments).await;
    // A request that never ends keeps the server draining.
    let mut request = tokio::net::TcpStream::connect(server.listen()).await.unwrap();
    let begun =
        b"POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: DynamoDB_20120810.PutItem\r\nauthorization: AWS4-HMAC-SHA256 \
        Credential=a/b, SignedHeaders=host, Signature=0\r\nx-amz-date: 20260101T000000Z\r\ncontent-length: 10\r\n\r\n";
    request.write_all(begun).await.unwrap();

    server.terminate().await;
    while connects(&server).await {}
    server.terminate().await;

    let (status, _) = server.ended().await;
    assert_eq!(status.code(), Some(1));
}

/// Whether the public port still accepts connections.
async fn connects(server: &ServerProcess) -> bool {
    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    tokio::net::TcpStream::connect(server.listen()).await.is_ok()
}
