//! The ports: the only places where one crate holds another behind `dyn`.
//!
//! | port | question | implemented by | held by |
//! |---|---|---|---|
//! | [`Invoke`] | call this function with this payload | `functions` | `gateway`, `mappings` |
//! | [`Connections`] | post, look up, drop, broadcast | the hub in `gateway` | `@connections`, handlers |
//! | [`CallTable`] | run this DynamoDB operation | `tables` | handlers, the collector |
//! | [`CallService`] | answer this request to an AWS service | `server`, over the crates that serve it | `gateway` |
//! | [`Deliver`] | take this text to a queue, topic or function | `server`, over the same | `mappings`, `functions`, `gateway`, `queues` |

use crate::{ApiError, ConnectionId, Destination};
use bytes::Bytes;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Calls functions by name.
pub trait Invoke: Send + Sync {
    /// Runs the function to its end and returns what it returned: JSON of at most
    /// [`INVOCATION_BYTES`](crate::limits::INVOCATION_BYTES).
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<Bytes, InvokeError>>;
}

/// One call of one function.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub function: Arc<str>,
    /// The event, as JSON text.
    pub payload: Bytes,
}

/// Why an invocation has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvokeError {
    /// The function ran and failed. Counts as an attempt.
    Function(FunctionError),
    /// There is no function of that name.
    NotFound,
    /// All the function's concurrency is in use. Does not count as an attempt.
    Throttled,
}

/// What Lambda reports with `X-Amz-Function-Error`: the type and message of a thrown error, a timeout or an exit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    /// For example `Sandbox.Timedout`, `Runtime.ExitError` or the error's own type.
    pub error_type: String,
    pub message: String,
}

impl fmt::Display for InvokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(error) => write!(f, "{}: {}", error.error_type, error.message),
            Self::NotFound => f.write_str("function not found"),
            Self::Throttled => f.write_str("function concurrency exhausted"),
        }
    }
}

impl std::error::Error for InvokeError {}

/// A stage of an API. Connections of one stage are unknown to every other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StageId {
    pub api: Arc<str>,
    pub stage: Arc<str>,
}

impl StageId {
    pub fn new(api: impl Into<Arc<str>>, stage: impl Into<Arc<str>>) -> Self {
        Self { api: api.into(), stage: stage.into() }
    }
}

impl fmt::Display for StageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.api, self.stage)
    }
}

/// The live connections of every stage.
///
/// A message is at most [`MESSAGE_BYTES`](crate::limits::MESSAGE_BYTES). It reaches the client as one text message, or as
/// a binary one where it is not UTF-8.
pub trait Connections: Send + Sync {
    /// Hands a message to one connection. `Ok` means accepted for delivery, in the order of the calls; the client's
    /// receipt is not awaited.
    fn post<'a>(
        &'a self,
        stage: &'a StageId,
        connection: ConnectionId,
        message: Bytes,
    ) -> BoxFuture<'a, Result<(), PostError>>;

    /// `None` when the connection is gone, or belongs to another stage.
    fn get<'a>(&'a self, stage: &'a StageId, connection: ConnectionId) -> BoxFuture<'a, Option<ConnectionDetails>>;

    /// Closes the connection with 1000. `false` when it was gone already.
    fn delete<'a>(&'a self, stage: &'a StageId, connection: ConnectionId) -> BoxFuture<'a, bool>;

    /// Hands each message, in order, to every connection of the stage. Connections whose outbound queue is full are
    /// closed with 1008 and counted; they never hold back the others.
    fn broadcast<'a>(&'a self, stage: &'a StageId, messages: Vec<Bytes>)
    -> BoxFuture<'a, Result<Broadcast, PostError>>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostError {
    /// Closed, unknown, or of another stage: 410 `GoneException`.
    Gone,
    /// The client reads too slowly and its outbound queue is full: 429 `LimitExceededException`.
    QueueFull,
    /// More than 128 KB: 413 `PayloadTooLargeException`.
    TooLarge,
}

impl fmt::Display for PostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "the connection is gone",
            Self::QueueFull => "the connection's outbound queue is full",
            Self::TooLarge => "the message is larger than 128 KB",
        })
    }
}

impl std::error::Error for PostError {}

/// How a broadcast went, counted in connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Broadcast {
    /// Connections that took the messages, written or queued.
    pub accepted: u64,
    /// Connections closed because their queue was full.
    pub too_slow: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionDetails {
    /// Milliseconds since the epoch.
    pub connected_at: u64,
    /// Milliseconds since the epoch: the last message in either direction.
    pub last_active_at: u64,
    pub source_ip: Arc<str>,
    pub user_agent: Option<Arc<str>>,
}

/// Runs operations of the DynamoDB API.
pub trait CallTable: Send + Sync {
    /// Runs `operation` (`PutItem`, `Query`, …) on a JSON request and returns the JSON response, both as in the
    /// DynamoDB API.
    fn call(&self, operation: &'static str, request: Bytes) -> BoxFuture<'_, Result<Bytes, ApiError>>;
}

/// Answers requests to AWS services in this process, as their HTTP surfaces would, without a socket and without a
/// signature: who holds this port is trusted.
///
/// `X-Amz-Target` with a JSON body (DynamoDB, SQS), and query and form parameters (SQS, SNS), mean what they mean at the
/// service's own endpoint. A request never fails: what the service refuses, and what it does not serve here, is a response
/// with the status and the body that it would have at AWS.
pub trait CallService: Send + Sync {
    /// Whether requests to this service are answered at all; asked when definitions are checked.
    fn serves(&self, service: AwsService) -> bool;

    /// `request` has the path and query that it would have at the service's endpoint (`/`, `/{account}/{queue}`); host and
    /// scheme may be absent.
    fn call(&self, service: AwsService, request: http::Request<Bytes>) -> BoxFuture<'_, http::Response<Bytes>>;
}

/// An AWS service that can be called through [`CallService`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AwsService {
    DynamoDb,
    Sqs,
    Sns,
}

impl AwsService {
    /// As endpoints and integration URIs name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DynamoDb => "dynamodb",
            Self::Sqs => "sqs",
            Self::Sns => "sns",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        [Self::DynamoDb, Self::Sqs, Self::Sns].into_iter().find(|service| service.name() == name)
    }
}

/// Takes texts to the destinations that event source mappings and asynchronous invocations name.
///
/// A queue gets the text as a message's body, a topic as a message, a function as the payload of an `Event`.
pub trait Deliver: Send + Sync {
    /// When this returns, the text is where it should be, or never gets there: it is not tried again.
    fn deliver<'a>(&'a self, destination: &'a Destination, text: String) -> BoxFuture<'a, Result<(), DeliverError>>;
}

/// Why a text did not reach its destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliverError {
    /// Nothing of that ARN is served here.
    NoSuchDestination,
    /// The destination does not take it: too large, or its storage failed.
    Refused(ApiError),
}

impl fmt::Display for DeliverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchDestination => f.write_str("there is no such destination here"),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for DeliverError {}
