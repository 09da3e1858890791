//! AWS services of this process, behind the ports that other crates reach them through: integrations call them, and mappings
//! and events deliver to them.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use sluicegate_endpoint::Caller;
use sluicegate_functions::{LambdaApi, NotAccepted};
use sluicegate_protocol::{ApiError, AwsService, BoxFuture, CallService, Deliver, DeliverError, Destination};
use sluicegate_queues::{NewMessage, Queues, Refusal};
use sluicegate_tables::Tables;

/// `SenderId` of messages that the server sends itself.
const SENDER: &str = "sluicegate";

/// Cloning shares them.
#[derive(Clone)]
pub(crate) struct LocalServices {
    tables: Tables,
    queues: Queues,
    functions: FunctionDestinations,
}

/// Functions as destinations: topics deliver to them as well.
#[derive(Clone)]
pub(crate) struct FunctionDestinations(LambdaApi);

/// The destination an ARN names, if texts can be delivered to it.
pub(crate) fn destination(arn: &str) -> Option<Destination> {
    Destination::parse(arn).ok().filter(|destination| !destination.is_fifo())
}

impl LocalServices {
    pub(crate) fn new(tables: Tables, queues: Queues, functions: LambdaApi) -> Self {
        Self { tables, queues, functions: FunctionDestinations::new(functions) }
    }
}

impl FunctionDestinations {
    pub(crate) fn new(functions: LambdaApi) -> Self {
        Self(functions)
    }
}

impl CallService for LocalServices {
    fn serves(&self, service: AwsService) -> bool {
        match service {
            AwsService::DynamoDb | AwsService::Sqs | AwsService::Sns => true,
        }
    }

    fn call(&self, service: AwsService, request: Request<Bytes>) -> BoxFuture<'_, Response<Bytes>> {
        Box::pin(async move {
            match service {
                AwsService::DynamoDb => self.tables.answer(request).await,
                AwsService::Sqs | AwsService::Sns => {
                    // Who holds this port is trusted.
                    let caller = Caller::Anyone { access_key_id: SENDER.to_owned() };
                    let (parts, body) = self.queues.call(service, request, &caller).await.into_parts();
                    // It is there already.
                    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
                    Response::from_parts(parts, body)
                }
            }
        })
    }
}

impl Deliver for LocalServices {
    fn deliver<'a>(&'a self, destination: &'a Destination, text: String) -> BoxFuture<'a, Result<(), DeliverError>> {
        Box::pin(async move {
            match destination {
                Destination::Queue(arn) => {
                    let queue = self.queues.queue_of_arn(arn).ok_or(DeliverError::NoSuchDestination)?;
                    self.queues.send(queue, NewMessage::new(text, SENDER)).await.map_err(not_taken)
                }
                Destination::Topic(arn) => {
                    let topic = self.queues.topic_of_arn(arn).ok_or(DeliverError::NoSuchDestination)?;
                    self.queues.publish(topic, text, SENDER.into()).await.map_err(not_taken)
                }
                Destination::Function(_) => self.functions.deliver(destination, text).await,
            }
        })
    }
}

impl Deliver for FunctionDestinations {
    fn deliver<'a>(&'a self, destination: &'a Destination, text: String) -> BoxFuture<'a, Result<(), DeliverError>> {
        Box::pin(async move {
            let Destination::Function(arn) = destination else { return Err(DeliverError::NoSuchDestination) };
            self.0.invoke_later(arn, text.into()).map_err(|error| match error {
                NotAccepted::NoSuchFunction => DeliverError::NoSuchDestination,
                NotAccepted::TooLarge => {
                    refused(413, "RequestEntityTooLargeException", "the event is larger than 1 MB")
                }
                NotAccepted::TooManyEvents => refused(429, "TooManyRequestsException", "too many events wait already"),
            })
        })
    }
}

fn not_taken(refusal: Refusal) -> DeliverError {
    if refusal.is_missing() {
        return DeliverError::NoSuchDestination;
    }
    let status = if refusal.is_server_fault() { 503 } else { 400 };
    DeliverError::Refused(ApiError::new(status, refusal.fault.code, refusal.message))
}

fn refused(status: u16, code: &'static str, message: &'static str) -> DeliverError {
    DeliverError::Refused(ApiError::new(status, code, message))
}
