//! Messages that begin as an HTTP request: a `PutItem`, a POST to `@connections`, or a POST to any address that publishes.
//! Requests are made on a thread of their own; what became of them comes back in one queue.

use crate::mark::Run;
use crate::opening::LOOK_EVERY;
use crate::target::{TargetError, tls_config, trusting};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use mio::Waker;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::RootCertStore;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{Semaphore, mpsc as orders};

/// Requests that are ordered and not answered.
pub const MAX_REQUESTS: usize = 100_000;
/// An answer's body is read so far.
const ANSWER_BYTES: usize = 64 * 1024;
/// What is shown of an answer that is no success.
const SHOWN_BYTES: usize = 160;
/// What AWS leaves as it is in a path.
const PATH_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What each message asks of the server.
#[derive(Clone, Debug)]
pub enum Call {
    /// DynamoDB's, with the message as the item.
    PutItem { table: String },
    /// One to each connection, below this address of a stage.
    PostToConnection,
    /// The message as the body.
    Publish,
}

/// Where requests go and how they are made.
#[derive(Clone, Debug)]
pub struct Requesting {
    pub call: Call,
    pub url: Uri,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub region: String,
    pub keys: Keys,
    /// Requests under way at a time; the others wait for their turn.
    pub at_once: usize,
    pub timeout: Duration,
}

/// An access key. Servers that do not check signatures take any.
#[derive(Clone)]
pub struct Keys {
    pub access_key_id: String,
    pub secret: String,
    pub session_token: Option<String>,
}

/// One request.
#[derive(Debug)]
pub(crate) struct Order {
    pub number: u64,
    pub body: String,
    /// The connection it goes to, if it goes to one.
    pub to: Option<Recipient>,
}

/// One connection, here and at the server.
#[derive(Clone, Debug)]
pub(crate) struct Recipient {
    pub place: usize,
    pub id: String,
}

/// What became of one request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub number: u64,
    pub place: Option<usize>,
    pub took: Duration,
    /// Why it failed.
    pub outcome: Result<(), String>,
}

/// The thread that makes requests; it ends with this value.
pub(crate) struct Requests {
    orders: orders::UnboundedSender<Order>,
    answers: mpsc::Receiver<Answer>,
    under_way: usize,
}

type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

impl Requests {
    pub(crate) fn start(plan: Requesting, roots: Option<&Path>, waker: Arc<Waker>) -> Result<Self, TargetError> {
        let tls = match plan.url.scheme_str() {
            Some("https") => tls_config(roots)?,
            // Nothing is encrypted, so nobody needs to be trusted.
            _ => trusting(RootCertStore::empty()),
        };
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        // Bounded by `has_room`.
        let (orders, receiver) = orders::unbounded_channel();
        let (sender, answers) = mpsc::channel();
        std::thread::spawn(move || make(plan, &client, receiver, &sender, &waker));
        Ok(Self { orders, answers, under_way: 0 })
    }

    /// Whether `more` requests may be ordered now.
    pub(crate) fn has_room(&self, more: usize) -> bool {
        self.under_way + more <= MAX_REQUESTS.max(more)
    }

    pub(crate) fn under_way(&self) -> usize {
        self.under_way
    }

    pub(crate) fn order(&mut self, order: Order) {
        // The thread lives as long as this value, unless it could not start; then answers never come and deadlines tell.
        if self.orders.send(order).is_ok() {
            self.under_way += 1;
        }
    }

    pub(crate) fn answers(&mut self) -> Vec<Answer> {
        let answers: Vec<Answer> = self.answers.try_iter().collect();
        self.under_way -= answers.len();
        answers
    }
}

fn make(
    plan: Requesting,
    client: &HttpClient,
    mut orders: orders::UnboundedReceiver<Order>,
    answers: &mpsc::Sender<Answer>,
    waker: &Arc<Waker>,
) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let (plan, turns) = (Arc::new(plan), Arc::new(Semaphore::new(0)));
        turns.add_permits(plan.at_once);
        while let Some(order) = orders.recv().await {
            let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { return };
            let (plan, client, answers, waker) =
                (Arc::clone(&plan), client.clone(), answers.clone(), Arc::clone(waker));
            tokio::spawn(async move {
                let begun = Instant::now();
                let outcome = match tokio::time::timeout(plan.timeout, send(&plan, &client, &order)).await {
                    Ok(outcome) => outcome,
                    Err(_) => Err(format!("no answer to the request within {:?}", plan.timeout)),
                };
                // Who does not listen any more has its result already.
                let _ = answers.send(Answer {
                    number: order.number,
                    place: order.to.map(|to| to.place),
                    took: begun.elapsed(),
                    outcome,
                });
                let _ = waker.wake();
                drop(turn);
            });
        }
    });
    runtime.shutdown_timeout(LOOK_EVERY);
}

async fn send(plan: &Requesting, client: &HttpClient, order: &Order) -> Result<(), String> {
    let request = plan.request(order)?;
    let answer = client.request(request).await.map_err(|error| reason(&error))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await.map_err(|error| error.to_string())?;
    if status.is_success() {
        return Ok(());
    }
    let body = body.to_bytes();
    Err(format!("HTTP {status} {}", String::from_utf8_lossy(&body[..body.len().min(SHOWN_BYTES)])))
}

/// The whole chain: the outermost error of a client says only that something failed.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

impl Requesting {
    fn request(&self, order: &Order) -> Result<Request<Full<Bytes>>, String> {
        let (uri, body) = match &self.call {
            Call::PutItem { table } => (self.url.clone(), put_item(table, &order.body)),
            Call::Publish => (self.url.clone(), order.body.clone()),
            Call::PostToConnection => (self.connection_uri(order)?, order.body.clone()),
        };
        let host = uri.authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
        let mut request = Request::post(&uri).header("host", host);
        if let Call::PutItem { .. } = self.call {
            request = request
                .header("x-amz-target", "DynamoDB_20120810.PutItem")
                .header("content-type", "application/x-amz-json-1.0");
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Full::from(body.clone())).map_err(|error| error.to_string())?;
        let service = match self.call {
            Call::PutItem { .. } => "dynamodb",
            Call::PostToConnection => "execute-api",
            Call::Publish => return Ok(request),
        };
        self.sign(&mut request, service, &body)?;
        Ok(request)
    }

    fn connection_uri(&self, order: &Order) -> Result<Uri, String> {
        let id = utf8_percent_encode(order.to.as_ref().map_or("", |to| to.id.as_str()), PATH_SEGMENT);
        let base = self.url.to_string();
        format!("{}/%40connections/{id}", base.trim_end_matches('/')).parse().map_err(|_| "no such address".to_owned())
    }

    fn sign(&self, request: &mut Request<Full<Bytes>>, service: &str, body: &str) -> Result<(), String> {
        let Keys { access_key_id, secret, session_token } = &self.keys;
        let identity = Credentials::new(access_key_id, secret, session_token.clone(), None, "load").into();
        let failed = |error: &dyn std::error::Error| format!("the request cannot be signed: {error}");
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(&error))?
            .into();
        let uri = request.uri().to_string();
        let headers = request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let signable = SignableRequest::new("POST", uri, headers, SignableBody::Bytes(body.as_bytes()));
        let signed = signable.and_then(|signable| sign(signable, &params));
        let (instructions, _) = signed.map_err(|error| failed(&error))?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }
}

/// The item is the user's own JSON and is passed on as it is.
fn put_item(table: &str, item: &str) -> String {
    let table = serde_json::Value::from(table);
    format!(r#"{{"TableName":{table},"Item":{item}}}"#)
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

impl Call {
    /// A template of an item must be JSON once it is filled in; better to hear so before the run.
    pub(crate) fn check(&self, template: &crate::mark::Template) -> Result<(), String> {
        let Call::PutItem { .. } = self else { return Ok(()) };
        let sample = crate::mark::Mark { channel: 0, sequence: 0, sent_us: 0 };
        let item = template.render(&Run::new(), sample);
        match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&item) {
            Ok(_) => Ok(()),
            Err(problem) => Err(format!("--item is not a JSON object ({problem}): {item}")),
        }
    }
}
