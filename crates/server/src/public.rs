//! The public port: one address for WebSockets, `@connections`, tables, queues, topics and the live pages.

use crate::directory::Directory;
use crate::listener::{Answer, RequestBody};
use crate::pages::Page;
use http::{Method, Request, StatusCode};
use serde_json::json;
use sluicegate_endpoint::{Response, json};
use sluicegate_functions::LambdaApi;
use sluicegate_gateway::{Caller, Gateway};
use sluicegate_queues::Queues;
use sluicegate_tables::Tables;
use std::time::Duration;

/// Everything a public request can reach.
#[derive(Clone)]
pub(crate) struct Public {
    pub(crate) gateway: Gateway,
    pub(crate) tables: Tables,
    pub(crate) queues: Queues,
    pub(crate) lambda: LambdaApi,
    pub(crate) directory: Directory,
    pub(crate) request_timeout: Duration,
}

/// The surface a request is for.
enum Surface {
    /// WebSocket upgrades, stages and `@connections`.
    Gateway,
    /// DynamoDB and DynamoDB Streams.
    Tables,
    /// SQS and SNS.
    Queues,
    /// Lambda's `Invoke`.
    Lambda,
    /// The list of APIs, for the page.
    Apis,
    Page(Page),
    Nothing,
}

impl Answer for Public {
    async fn answer(self, request: Request<RequestBody>, caller: &Caller) -> Response {
        if LambdaApi::claims(&request) {
            // Bounded by the function's own timeout, which may be longer.
            return self.respond(request, caller).await;
        }
        let limit = self.request_timeout;
        match tokio::time::timeout(limit, self.respond(request, caller)).await {
            Ok(response) => response,
            Err(_) => {
                metrics::counter!("sluicegate_http_requests_timed_out_total").increment(1);
                json(StatusCode::SERVICE_UNAVAILABLE, r#"{"message":"the request took longer than request_timeout"}"#)
            }
        }
    }
}

impl Public {
    async fn respond(self, request: Request<RequestBody>, caller: &Caller) -> Response {
        match self.surface(&request) {
            Surface::Gateway => self.gateway.respond(request, caller).await,
            Surface::Tables => self.tables.respond(request).await,
            Surface::Queues => self.queues.respond(request).await,
            Surface::Lambda => self.lambda.respond(request).await,
            Surface::Apis => json(StatusCode::OK, json!({ "apis": self.directory.published().apis }).to_string()),
            Surface::Page(page) => page.respond(request.headers()),
            Surface::Nothing => nothing(request.uri().path()),
        }
    }

    /// The one place that decides who answers.
    fn surface<B>(&self, request: &Request<B>) -> Surface {
        let path = request.uri().path();
        match *request.method() {
            _ if self.gateway.claims(request) => Surface::Gateway,
            _ if Queues::claims(request) => Surface::Queues,
            _ if request.headers().contains_key("x-amz-target") => Surface::Tables,
            _ if LambdaApi::claims(request) => Surface::Lambda,
            Method::POST if path == "/" => Surface::Tables,
            Method::GET | Method::HEAD if path == "/sluicegate.json" => Surface::Apis,
            Method::GET | Method::HEAD => Page::at(path).map_or(Surface::Nothing, Surface::Page),
            _ => Surface::Nothing,
        }
    }
}

fn nothing(path: &str) -> Response {
    json(StatusCode::NOT_FOUND, json!({ "message": format!("there is nothing at {path}") }).to_string())
}
