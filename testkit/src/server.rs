//! The server in this process.

use crate::{HttpResponse, WebSocket, request};
use serde_json::Value;
use sluicegate_server::config::Pace;
use sluicegate_server::{Config, Refusal, Reloaded, RunningServer, Server};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tempfile::TempDir;

/// What SDKs send so that a request counts as signed.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, \
     SignedHeaders=host;x-amz-date, Signature=0000000000000000000000000000000000000000000000000000000000000000";

/// A running server with a data folder of its own, which goes when the test ends.
pub struct TestServer {
    running: RunningServer,
    config: Config,
    _data: TempDir,
}

impl TestServer {
    /// Starts live-metrics without a batch window and without the collector: changes are the test's own.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// Starts with a configuration that differs as the test says.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().expect("there is no temporary folder");
        let mut config = Config {
            listen: free_port(),
            admin: free_port(),
            data: data.path().to_owned(),
            batch_window: Duration::ZERO,
            collector: Pace::Off,
            ..Config::default()
        };
        change(&mut config);
        let running = start(&config).await;
        Self { running, config, _data: data }
    }

    /// Stops, and starts again on the same data folder and the same addresses.
    pub async fn restart(mut self) -> Self {
        (self.config.listen, self.config.admin) = (self.listen(), self.admin());
        self.running.stop().await;
        let running = start(&self.config).await;
        Self { running, ..self }
    }

    /// Reads API files, template and code again, as SIGHUP does.
    pub async fn reload(&self) -> Result<Reloaded, Refusal> {
        self.running.reload().await
    }

    pub async fn stop(self) {
        self.running.stop().await;
    }

    pub fn listen(&self) -> SocketAddr {
        self.running.listen_addr()
    }

    pub fn admin(&self) -> SocketAddr {
        self.running.admin_addr()
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Opens a WebSocket at `path`, such as `/live-metrics/prod`.
    pub async fn connect(&self, path: &str) -> WebSocket {
        WebSocket::connect(self.listen(), path).await
    }

    /// Calls a DynamoDB operation and returns its result.
    pub async fn call(&self, operation: &str, input: Value) -> Value {
        let response = self.try_call(operation, input).await;
        assert_eq!(response.status, 200, "{operation}: {}", response.text());
        response.json()
    }

    /// Calls a DynamoDB operation and returns whatever the server says.
    pub async fn try_call(&self, operation: &str, input: Value) -> HttpResponse {
        let target = format!("DynamoDB_20120810.{operation}");
        let headers = [
            ("x-amz-target", target.as_str()),
            ("content-type", "application/x-amz-json-1.0"),
            ("authorization", AUTHORIZATION),
            ("x-amz-date", "20260101T000000Z"),
        ];
        request(self.listen(), "POST", "/", &headers, input.to_string().as_bytes()).await
    }

    /// Calls `@connections`, such as `POST /live-metrics/prod/@connections/{id}`.
    pub async fn connections(&self, method: &str, path: &str, body: &[u8]) -> HttpResponse {
        request(self.listen(), method, path, &[("authorization", AUTHORIZATION)], body).await
    }

    /// GETs a path of the public port.
    pub async fn get(&self, path: &str) -> HttpResponse {
        request(self.listen(), "GET", path, &[], b"").await
    }

    /// GETs a path of the admin port.
    pub async fn get_admin(&self, path: &str) -> HttpResponse {
        request(self.admin(), "GET", path, &[], b"").await
    }
}

async fn start(config: &Config) -> RunningServer {
    Server::start(config.clone()).await.unwrap_or_else(|error| panic!("the server does not start: {error}"))
}

fn free_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}
