//! The operators' port: is it alive, is it ready, what does it count.

use crate::health::{Life, Phase};
use crate::listener::{Answer, RequestBody};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use sluicegate_endpoint::{Response, json};
use sluicegate_gateway::Caller;
use sluicegate_protocol::CallTable;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Tables that take longer to say what they hold are not ready.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub struct Admin {
    pub life: Arc<Life>,
    pub metrics: PrometheusHandle,
    /// Set once the tables are open.
    pub tables: Arc<OnceLock<Arc<dyn CallTable>>>,
}

enum Question {
    Health,
    Ready,
    Metrics,
    WrongMethod,
    Unknown,
}

impl Answer for Admin {
    async fn answer(self, request: http::Request<RequestBody>, _caller: &Caller) -> Response {
        let mut response = match question(request.method(), request.uri().path()) {
            Question::Health => json(StatusCode::OK, json!({ "status": "alive" }).to_string()),
            Question::Ready => self.ready().await,
            Question::Metrics => self.metrics(),
            Question::WrongMethod => {
                json(StatusCode::METHOD_NOT_ALLOWED, r#"{"message":"only GET is understood here"}"#)
            }
            Question::Unknown => json(StatusCode::NOT_FOUND, r#"{"message":"there are /health, /ready and /metrics"}"#),
        };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

fn question(method: &Method, path: &str) -> Question {
    match (method, path) {
        (&Method::GET | &Method::HEAD, "/health") => Question::Health,
        (&Method::GET | &Method::HEAD, "/ready") => Question::Ready,
        (&Method::GET | &Method::HEAD, "/metrics") => Question::Metrics,
        (_, "/health" | "/ready" | "/metrics") => Question::WrongMethod,
        _ => Question::Unknown,
    }
}

impl Admin {
    async fn ready(&self) -> Response {
        let phase = self.life.phase();
        let tables = self.check_tables().await;
        let ready = phase == Phase::Serving && tables.is_ok();
        let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let checks = json!({ "tables": tables.err().unwrap_or_else(|| "ok".into()) });
        json(status, json!({ "status": phase.name(), "ready": ready, "checks": checks }).to_string())
    }

    async fn check_tables(&self) -> Result<(), String> {
        let tables = self.tables.get().ok_or("not open yet")?;
        let list = tables.call("ListTables", Bytes::from_static(br#"{"Limit":1}"#));
        match tokio::time::timeout(CHECK_TIMEOUT, list).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {} s", CHECK_TIMEOUT.as_secs())),
        }
    }

    fn metrics(&self) -> Response {
        let mut response = Response::new(self.metrics.render().into());
        let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, text);
        response
    }
}
