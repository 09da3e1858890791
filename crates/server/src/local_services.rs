//! AWS services of this process, behind the ports that other crates reach them through: integrations call them, and mappings
//! and events deliver to them.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::json;
use sluicegate_protocol::{AwsService, BoxFuture, CallService, Deliver, DeliverError, Destination};
use sluicegate_tables::Tables;

/// Cloning shares them.
#[derive(Clone)]
pub(crate) struct LocalServices {
    tables: Tables,
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

impl LocalServices {
    pub(crate) fn new(tables: Tables) -> Self {
        Self { tables }
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
    fn deliver<'a>(&'a self, destination: &'a Destination, _text: String) -> BoxFuture<'a, Result<(), DeliverError>> {
        Box::pin(async move {
            match destination {
                Destination::Queue(_) | Destination::Topic(_) | Destination::Function(_) => {
                    Err(DeliverError::NoSuchDestination)
                }
            }
        })
    }
}

fn unserved(service: AwsService) -> Response<Bytes> {
    let message = format!("{} is not served here", service.name());
    let mut response = Response::new(Bytes::from(json!({ "message": message }).to_string()));
    *response.status_mut() = StatusCode::NOT_IMPLEMENTED;
    response
}
