//! Topics and subscriptions: made, listed, described, removed.

use super::topics::{self, Endpoint, Subscription, SubscriptionSettings};
use crate::limits::SNS_PAGE;
use crate::names::{self, function_of_arn};
use crate::queues::Inner;
use crate::refusal::{Refusal, SNS_NOT_FOUND};
use crate::request::Request;
use rusqlite::params;
use serde_json::{Map, Value, json};

/// Attributes of topics that mean nothing here: nothing is encrypted, traced or logged elsewhere.
const WITHOUT_EFFECT: &[&str] = &["Policy", "DeliveryPolicy", "KmsMasterKeyId", "TracingConfig", "SignatureVersion"];

/// The name in a parameter that is the ARN of a topic of this server.
pub(super) fn topic_name(inner: &Inner, request: Request<'_>, parameter: &str) -> Result<String, Refusal> {
    let arn = required(request, parameter)?;
    topic_of(inner, arn, parameter)
}

pub(super) fn topic_of(inner: &Inner, arn: &str, parameter: &str) -> Result<String, Refusal> {
    if !arn.starts_with("arn:") {
        return Err(Refusal::sns(format!("{parameter} Reason: An ARN must have at least 6 elements, not 1")));
    }
    inner.place.topic_of_arn(arn).map(str::to_owned).ok_or_else(Refusal::no_topic)
}

pub(super) fn required<'r>(request: Request<'r>, parameter: &str) -> Result<&'r str, Refusal> {
    let text = request.text(parameter)?.filter(|text| !text.is_empty());
    text.ok_or_else(|| Refusal::sns(format!("{parameter} Reason: no value for required parameter")))
}

pub(super) async fn create_topic(inner: &Inner, request: Request<'_>) -> Result<Value, Refusal> {
    let name = required(request, "Name")?.to_owned();
    names::check_topic(&name)?;
    let mut display_name = None;
    for (attribute, value) in request.map("Attributes")?.into_iter().flatten() {
        match attribute.as_str() {
            "DisplayName" => display_name = value.as_str().map(str::to_owned),
            "FifoTopic" if value == "false" => {}
            "FifoTopic" => {
                return Err(Refusal::sns("Attributes Reason: FIFO topics do not exist here; use a standard topic"));
            }
            name if WITHOUT_EFFECT.contains(&name) => {}
            name => return Err(Refusal::sns(format!("Attributes Reason: Unknown attribute {name}"))),
        }
    }
    let arn = inner.place.topic_arn(&name);
    let now = inner.now();
    inner.run(move |connection| topics::ensure(connection, &name, display_name.as_deref(), now)).await?;
    Ok(json!({ "TopicArn": arn }))
}

pub(super) async fn delete_topic(inner: &Inner, request: Request<'_>) -> Result<Value, Refusal> {
    let name = topic_name(inner, request, "TopicArn")?;
    inner.run(move |connection| topics::delete(connection, &name)).await?;
    Ok(json!({}))
}

pub(super) async fn topic_attributes(inner: &Inner, request: Request<'_>) -> Result<Value, Refusal> {
    let name = topic_name(inner, request, "TopicArn")?;
    let arn = inner.place.topic_arn(&name);
    let (display_name, count) = inner
        .run(move |connection| {
            let display_name = topics::display_name(connection, &name)?;
            let count: i64 =
                connection
                    .query_row("SELECT count(*) FROM subscriptions WHERE topic = ?1", [&name], |row| row.get(0))?;
            Ok((display_name, count))
        })
        .await?;
    Ok(json!({ "Attributes": {
        "TopicArn": arn,
        "DisplayName": display_name,
        "Owner": inner.place.account,
        "SubscriptionsConfirmed": count.to_string(),
        "SubscriptionsPending": "0",
        "SubscriptionsDeleted": "0",
    }}))
}

/// A page; the token is the name of the last topic before it.
pub(super) async fn list_topics(inner: &Inner, request: Request<'_>) -> Result<Value, Refusal> {
    let after = request.text("NextToken")?.unwrap_or_default().to_owned();
    let names: Vec<String> = inner
        .run(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT name FROM topics WHERE name > ?1 ORDER BY name LIMIT ?2")?;
            let names = statement.query_map(params![after, SNS_PAGE as i64 + 1], |row| row.get(0))?;
            Ok(names.collect::<rusqlite::Result<_>>()?)
        })
        .await?;
    let described: Vec<Value> =
        names.iter().take(SNS_PAGE).map(|name| json!({ "TopicArn": inner.place.topic_arn(name) })).collect();
    let mut answer = json!({ "Topics": described });
    if names.len() > SNS_PAGE {
        answer["NextToken"] = names[SNS_PAGE - 1].as_str().into();
    }
    Ok(answer)
}

/// What a `Subscribe` asks for.
pub(super) fn asked_subscription(inner: &Inner, request: Request<'_>) -> Result<SubscriptionSettings, Refusal> {
    let (topic, protocol, endpoint) =
        (required(request, "TopicArn")?, required(request, "Protocol")?, required(request, "Endpoint")?);
    let mut settings = subscription(inner, topic, protocol, endpoint)?;
    if let Some(attributes) = request.map("Attributes")? {
        set(inner, &mut settings, attributes)?;
    }
    Ok(settings)
}

pub(super) async fn subscribe(inner: &Inner, request: Request<'_>) -> Result<Value, Refusal> {
    let settings = asked_subscription(inner, request)?;
    let (topic, has_attributes) =
        (settings.topic.clone(), request.map("Attributes")?.is_some_and(|map| !map.is_empty()));
    let id = inner
        .run(move |connection| match topics::same_endpoint(connection, &settings)? {
            None => topics::subscribe(connection, &settings),
            Some(there) if !has_attributes || there.settings == settings => Ok(there.id),
            Some(_) => {
                let reason = "Attributes Reason: Subscription already exists with different attributes";
                Err(Refusal::sns(reason).into())
            }
        })
        .await?;
    Ok(json!({ "SubscriptionArn": arn(inner, &topic, &id) }))
}

/// A subscription by what its request says, without attributes.
pub(super) fn subscription(
    inner: &Inner,
    topic_arn: &str,
    protocol: &str,
    endpoint: &str,
) -> Result<SubscriptionSettings, Refusal> {
    let topic = topic_of(inner, topic_arn, "TopicArn")?;
    let endpoint = match protocol {
        "sqs" => {
            let refused = || Refusal::sns("SQS endpoint ARN: use the ARN of a queue of this server");
            Endpoint::Queue(inner.place.queue_of_arn(endpoint).ok_or_else(refused)?.to_owned())
        }
        "lambda" => {
            let refused = || Refusal::sns("Lambda endpoint ARN: use the ARN of a function");
            function_of_arn(endpoint).map(|_| Endpoint::Function(endpoint.to_owned())).ok_or_else(refused)?
        }
        "http" | "https" | "email" | "email-json" | "sms" | "application" | "firehose" => {
            return Err(Refusal::sns(format!(
                "Protocol Reason: topics here deliver to sqs and lambda, not to {protocol}"
            )));
        }
        _ => return Err(Refusal::sns(format!("Does not support this protocol string: {protocol}"))),
    };
    Ok(SubscriptionSettings { topic, endpoint, raw: false, dead_letter_queue: None, filter: None })
}

fn set(inner: &Inner, settings: &mut SubscriptionSettings, attributes: &Map<String, Value>) -> Result<(), Refusal> {
    for (name, value) in attributes {
        let text = value.as_str().unwrap_or_default();
        match name.as_str() {
            "RawMessageDelivery" => {
                let raw = text.to_ascii_lowercase().parse();
                settings.raw = raw.map_err(|_| {
                    Refusal::sns(format!(
                        "Attributes Reason: RawMessageDelivery: Invalid value [{text}]. Must be true or false."
                    ))
                })?;
            }
            "RedrivePolicy" => {
                let policy: Value = serde_json::from_str(text).unwrap_or_default();
                let arn = policy["deadLetterTargetArn"].as_str().and_then(|arn| inner.place.queue_of_arn(arn));
                let refused =
                    || Refusal::sns("Attributes Reason: RedrivePolicy: deadLetterTargetArn is no queue of this server");
                settings.dead_letter_queue = Some(arn.ok_or_else(refused)?.to_owned());
            }
            "FilterPolicy" => {
                let scope = attributes.get("FilterPolicyScope").and_then(Value::as_str);
                settings.set_filter(text, scope)?;
            }
            "FilterPolicyScope" => {}
            "DeliveryPolicy" => {}
            _ => return Err(Refusal::sns(format!("Attributes Reason: Unknown attribute {name}"))),
        }
    }
    Ok(())
}

pub(super) async fn unsubscribe(inner: &Inner, request: Request<'_>) -> Result<Value, Refusal> {
    let (topic, id) = subscription_id(inner, request)?;
    inner.run(move |connection| topics::unsubscribe(connection, &topic, &id)).await?;
    Ok(json!({}))
}

pub(super) async fn subscription_attributes(inner: &Inner, request: Request<'_>) -> Result<Value, Refusal> {
    let (topic, id) = subscription_id(inner, request)?;
    let found = inner.run(move |connection| Ok(topics::subscription(connection, &id)?)).await?;
    let found = found.filter(|one| one.settings.topic == topic);
    let found = found.ok_or_else(|| Refusal::new(&SNS_NOT_FOUND, "Subscription does not exist"))?;
    let mut attributes = described(inner, &found);
    attributes["RawMessageDelivery"] = found.settings.raw.to_string().into();
    attributes["PendingConfirmation"] = "false".into();
    attributes["ConfirmationWasAuthenticated"] = "true".into();
    if let Some(queue) = &found.settings.dead_letter_queue {
        let policy = json!({ "deadLetterTargetArn": inner.place.queue_arn(queue) });
        attributes["RedrivePolicy"] = policy.to_string().into();
    }
    if let Some(filter) = &found.settings.filter {
        attributes["FilterPolicy"] = filter.text().into();
        attributes["FilterPolicyScope"] = filter.scope().into();
    }
    Ok(json!({ "Attributes": attributes }))
}

/// Topic and id.
fn subscription_id(inner: &Inner, request: Request<'_>) -> Result<(String, String), Refusal> {
    let arn = required(request, "SubscriptionArn")?;
    let parts = inner.place.subscription_of_arn(arn);
    let (topic, id) =
        parts.ok_or_else(|| Refusal::sns("SubscriptionArn Reason: it is no subscription of this server"))?;
    Ok((topic.to_owned(), id.to_owned()))
}

/// A page; the token is the id of the last subscription before it.
pub(super) async fn list_subscriptions(
    inner: &Inner,
    request: Request<'_>,
    topic: Option<String>,
) -> Result<Value, Refusal> {
    let after = request.text("NextToken")?.unwrap_or_default().to_owned();
    let found = inner
        .run(move |connection| {
            if let Some(topic) = &topic
                && !topics::exists(connection, topic)?
            {
                return Err(Refusal::no_topic().into());
            }
            Ok(topics::subscriptions(connection, topic.as_deref(), &after, SNS_PAGE + 1)?)
        })
        .await?;
    let listed: Vec<Value> = found.iter().take(SNS_PAGE).map(|one| described(inner, one)).collect();
    let mut answer = json!({ "Subscriptions": listed });
    if found.len() > SNS_PAGE {
        answer["NextToken"] = found[SNS_PAGE - 1].id.as_str().into();
    }
    Ok(answer)
}

fn described(inner: &Inner, one: &Subscription) -> Value {
    let endpoint = match &one.settings.endpoint {
        Endpoint::Queue(name) => inner.place.queue_arn(name),
        Endpoint::Function(arn) => arn.clone(),
    };
    json!({
        "SubscriptionArn": arn(inner, &one.settings.topic, &one.id),
        "Owner": inner.place.account,
        "Protocol": one.settings.endpoint.protocol(),
        "Endpoint": endpoint,
        "TopicArn": inner.place.topic_arn(&one.settings.topic),
    })
}

pub(super) fn arn(inner: &Inner, topic: &str, id: &str) -> String {
    format!("{}:{id}", inner.place.topic_arn(topic))
}
