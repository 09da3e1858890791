//! AWS services of this process, behind the ports that other crates reach them through: integrations call them, and mappings
//! and events deliver to them.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::json;
use sluicegate_functions::{LambdaApi, NotAccepted};
use sluicegate_protocol::{ApiError, AwsService, BoxFuture, CallService, Deliver, DeliverError, Destination};
use sluicegate_tables::Tables;

pub(crate) struct LocalServices {
    tables: Tables,
    lambda: LambdaApi,
}

/// Whether requests to a service are answered here.
pub(crate) const fn serves(service: AwsService) -> bool {
    match service {
        AwsService::DynamoDb => true,
        AwsService::Sqs | AwsService::Sns => false,
    }
}

/// Whether texts can be delivered to a destination at all.
pub(crate) const fn delivers_to(destination: &Destination) -> bool {
    match destination {
        Destination::Function(_) => true,
        Destination::Queue(_) | Destination::Topic(_) => false,
    }
}

/// The destination an ARN names, if texts can be delivered to it.
pub(crate) fn destination(arn: &str) -> Option<Destination> {
    Destination::parse(arn).ok().filter(delivers_to)
}

impl LocalServices {
    pub(crate) fn new(tables: Tables, lambda: LambdaApi) -> Self {
        Self { tables, lambda }
    }
}

impl CallService for LocalServices {
    fn serves(&self, service: AwsService) -> bool {
        serves(service)
    }

    fn call(&self, service: AwsService, request: Request<Bytes>) -> BoxFuture<'_, Response<Bytes>> {
        Box::pin(async move {
            match service {
                AwsService::DynamoDb => self.tables.answer(request).await,
                AwsService::Sqs | AwsService::Sns => unserved(service),
            }
        })
    }
}

impl Deliver for LocalServices {
    fn deliver<'a>(&'a self, destination: &'a Destination, text: String) -> BoxFuture<'a, Result<(), DeliverError>> {
        Box::pin(async move {
            match destination {
                Destination::Function(arn) => self.lambda.invoke_later(arn, text.into()).map_err(not_accepted),
                Destination::Queue(_) | Destination::Topic(_) => Err(DeliverError::NoSuchDestination),
            }
        })
    }
}

fn not_accepted(error: NotAccepted) -> DeliverError {
    let refused = |status, code, message| DeliverError::Refused(ApiError::new(status, code, message));
    match error {
        NotAccepted::NoSuchFunction => DeliverError::NoSuchDestination,
        NotAccepted::TooLarge => refused(413, "RequestEntityTooLargeException", "an event has at most 1 MB"),
        NotAccepted::TooManyEvents => refused(429, "TooManyRequestsException", "too many events wait already"),
    }
}

fn unserved(service: AwsService) -> Response<Bytes> {
    let message = format!("{} is not served here", service.name());
    let mut response = Response::new(Bytes::from(json!({ "message": message }).to_string()));
    *response.status_mut() = StatusCode::NOT_IMPLEMENTED;
    response
}
