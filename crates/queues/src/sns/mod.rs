//! The operations of SNS, on JSON objects.

mod filter;
mod manage;
mod notification;
mod publish;
pub(crate) mod topics;

pub use topics::SubscriptionSettings;

use crate::queues::{Inner, Queues};
use crate::refusal::Refusal;
use crate::request::Request;
use crate::sqs::operations;
use serde_json::{Map, Value};
use std::sync::Arc;
use topics::Endpoint;

const SEND: &str = "sqs:SendMessage";
const INVOKE: &str = "lambda:InvokeFunction";

operations! {
    CreateTopic DeleteTopic ListTopics GetTopicAttributes
    Subscribe Unsubscribe ListSubscriptions ListSubscriptionsByTopic GetSubscriptionAttributes
    Publish PublishBatch
}

impl Operation {
    /// What a policy must allow.
    pub(crate) fn action(self) -> &'static str {
        match self {
            Self::PublishBatch => "Publish",
            other => other.name(),
        }
    }
}

/// The ARN that a policy must allow the operation on, as this server writes it; `None` where there is none.
pub(crate) fn resource_of(
    inner: &Inner,
    operation: Operation,
    request: Request<'_>,
) -> Result<Option<String>, Refusal> {
    match operation {
        Operation::ListTopics | Operation::ListSubscriptions => Ok(None),
        Operation::CreateTopic => Ok(request.text("Name")?.map(|name| inner.place.topic_arn(name))),
        // The topic is what stands before the id.
        Operation::Unsubscribe | Operation::GetSubscriptionAttributes => Ok(request
            .text("SubscriptionArn")?
            .and_then(|arn| inner.place.subscription_of_arn(arn))
            .map(|(topic, _)| inner.place.topic_arn(topic))),
        Operation::Publish => publish::topic_name(inner, request).map(|topic| Some(inner.place.topic_arn(&topic))),
        _ => manage::topic_name(inner, request, "TopicArn").map(|topic| Some(inner.place.topic_arn(&topic))),
    }
}

/// What else a policy must allow, as actions and ARNs: a subscription sends on to what others may have closed to its maker.
/// On AWS the policy of the queue or function would say so.
pub(crate) fn reached_by(
    inner: &Inner,
    operation: Operation,
    request: Request<'_>,
) -> Result<Vec<(&'static str, String)>, Refusal> {
    if operation != Operation::Subscribe {
        return Ok(Vec::new());
    }
    let settings = manage::asked_subscription(inner, request)?;
    let endpoint = match &settings.endpoint {
        Endpoint::Queue(queue) => (SEND, inner.place.queue_arn(queue)),
        Endpoint::Function(arn) => (INVOKE, inner.place.function_arn(arn)),
    };
    let dead_letters = settings.dead_letter_queue.map(|queue| (SEND, inner.place.queue_arn(&queue)));
    Ok(std::iter::once(endpoint).chain(dead_letters).collect())
}

pub(crate) async fn run(
    inner: &Inner,
    operation: Operation,
    request: &Map<String, Value>,
    sender: Arc<str>,
) -> Result<Value, Refusal> {
    let request = Request(request);
    match operation {
        Operation::CreateTopic => manage::create_topic(inner, request).await,
        Operation::DeleteTopic => manage::delete_topic(inner, request).await,
        Operation::ListTopics => manage::list_topics(inner, request).await,
        Operation::GetTopicAttributes => manage::topic_attributes(inner, request).await,
        Operation::Subscribe => manage::subscribe(inner, request).await,
        Operation::Unsubscribe => manage::unsubscribe(inner, request).await,
        Operation::ListSubscriptions => manage::list_subscriptions(inner, request, None).await,
        Operation::ListSubscriptionsByTopic => {
            let topic = manage::topic_name(inner, request, "TopicArn")?;
            manage::list_subscriptions(inner, request, Some(topic)).await
        }
        Operation::GetSubscriptionAttributes => manage::subscription_attributes(inner, request).await,
        Operation::Publish => publish::one(inner, request, sender).await,
        Operation::PublishBatch => publish::batch(inner, request, sender).await,
    }
}

impl Queues {
    /// Makes a topic if it is not there.
    pub async fn ensure_topic(&self, name: &str, display_name: Option<&str>) -> Result<(), Refusal> {
        crate::names::check_topic(name)?;
        let (name, display_name, now) =
            (name.to_owned(), display_name.unwrap_or_default().to_owned(), self.inner().now());
        self.inner().run(move |connection| topics::ensure(connection, &name, Some(&display_name), now)).await
    }

    /// Makes the subscriptions of a template, and takes back those that an earlier call made and this does not want. What others
    /// have subscribed stays.
    pub async fn converge_subscriptions(&self, wanted: Vec<SubscriptionSettings>) -> Result<(), Refusal> {
        self.inner().run(move |connection| topics::converge(connection, &wanted)).await
    }

    /// Sends a text to all subscribers of a topic; what goes to queues is on disk when this returns.
    pub async fn publish(&self, topic: &str, text: String, sender: Arc<str>) -> Result<(), Refusal> {
        publish::text(self.inner(), topic, text, sender).await
    }

    /// What a subscription must be to be made here; the endpoint is an ARN.
    pub fn subscription(
        &self,
        topic_arn: &str,
        protocol: &str,
        endpoint: &str,
    ) -> Result<SubscriptionSettings, Refusal> {
        manage::subscription(self.inner(), topic_arn, protocol, endpoint)
    }
}
