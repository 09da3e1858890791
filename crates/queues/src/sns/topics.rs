//! Topics and subscriptions in the file.

use super::filter::FilterPolicy;
use crate::limits::{SUBSCRIPTIONS, TOPICS};
use crate::refusal::{Refusal, SNS_SUBSCRIPTION_LIMIT, SNS_TOPIC_LIMIT};
use crate::store::WorkError;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Who gets the messages of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionSettings {
    /// The name of the topic.
    pub topic: String,
    pub endpoint: Endpoint,
    /// Queues get the message alone, without the envelope.
    pub raw: bool,
    /// The name of the queue for messages that the endpoint does not take.
    pub dead_letter_queue: Option<String>,
    /// Which messages it gets; `None`: all.
    pub filter: Option<FilterPolicy>,
}

impl SubscriptionSettings {
    /// Sets the filter; without a scope it looks at the attributes of messages.
    pub fn set_filter(&mut self, policy: &str, scope: Option<&str>) -> Result<(), Refusal> {
        self.filter = Some(FilterPolicy::parse(policy, scope)?);
        Ok(())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// By name.
    Queue(String),
    /// By ARN.
    Function(String),
}

/// A subscription as it is in the file.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) settings: SubscriptionSettings,
}

impl Endpoint {
    /// As the wire calls it.
    pub(crate) fn protocol(&self) -> &'static str {
        match self {
            Self::Queue(_) => "sqs",
            Self::Function(_) => "lambda",
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Queue(text) | Self::Function(text) => text,
        }
    }
}

pub(crate) fn exists(connection: &Connection, topic: &str) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM topics WHERE name = ?1")?.exists([topic])
}

/// One that is there keeps its display name, unless another is given.
pub(crate) fn ensure(
    connection: &Connection,
    topic: &str,
    display_name: Option<&str>,
    now: i64,
) -> Result<(), WorkError> {
    if exists(connection, topic)? {
        if let Some(display_name) = display_name {
            connection.execute("UPDATE topics SET display_name = ?2 WHERE name = ?1", [topic, display_name])?;
        }
        return Ok(());
    }
    let count: i64 = connection.query_row("SELECT count(*) FROM topics", [], |row| row.get(0))?;
    if count >= TOPICS {
        return Err(Refusal::new(&SNS_TOPIC_LIMIT, format!("There are {TOPICS} topics; delete some first.")).into());
    }
    let display_name = display_name.unwrap_or_default();
    connection.execute(
        "INSERT INTO topics (name, created, display_name) VALUES (?1, ?2, ?3)",
        params![topic, now, display_name],
    )?;
    Ok(())
}

pub(crate) fn display_name(connection: &Connection, topic: &str) -> Result<String, WorkError> {
    let name = connection
        .query_row("SELECT display_name FROM topics WHERE name = ?1", [topic], |row| row.get(0))
        .optional()?;
    Ok(name.ok_or_else(Refusal::no_topic)?)
}

/// With its subscriptions. One that is not there is as good.
pub(crate) fn delete(connection: &Connection, topic: &str) -> Result<(), WorkError> {
    connection.execute("DELETE FROM subscriptions WHERE topic = ?1", [topic])?;
    connection.execute("DELETE FROM topics WHERE name = ?1", [topic])?;
    Ok(())
}

/// The subscription of the same topic and endpoint.
pub(crate) fn same_endpoint(
    connection: &Connection,
    settings: &SubscriptionSettings,
) -> rusqlite::Result<Option<Subscription>> {
    connection
        .prepare_cached("SELECT * FROM subscriptions WHERE topic = ?1 AND protocol = ?2 AND endpoint = ?3")?
        .query_row([settings.topic.as_str(), settings.endpoint.protocol(), settings.endpoint.text()], row)
        .optional()
}

/// Makes a subscription, or changes the one of the same topic and endpoint; returns its id.
pub(crate) fn subscribe(connection: &Connection, settings: &SubscriptionSettings) -> Result<String, WorkError> {
    if !exists(connection, &settings.topic)? {
        return Err(Refusal::no_topic().into());
    }
    let (protocol, endpoint) = (settings.endpoint.protocol(), settings.endpoint.text());
    let there = same_endpoint(connection, settings)?;
    let (policy, scope) = settings.filter.as_ref().map(|filter| (filter.text(), filter.scope())).unzip();
    if let Some(Subscription { id, .. }) = there {
        connection.execute(
            "UPDATE subscriptions SET raw = ?2, dead_letter_queue = ?3, filter_policy = ?4, filter_scope = ?5 WHERE id = ?1",
            params![id, settings.raw, settings.dead_letter_queue, policy, scope],
        )?;
        return Ok(id);
    }
    let count: i64 =
        connection
            .query_row("SELECT count(*) FROM subscriptions WHERE topic = ?1", [&settings.topic], |row| row.get(0))?;
    if count >= SUBSCRIPTIONS {
        let message = format!("The topic has {SUBSCRIPTIONS} subscriptions; remove some first.");
        return Err(Refusal::new(&SNS_SUBSCRIPTION_LIMIT, message).into());
    }
    let id = uuid::Uuid::new_v4().to_string();
    connection.execute(
        "INSERT INTO subscriptions (id, topic, protocol, endpoint, raw, dead_letter_queue, filter_policy, filter_scope) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![id, settings.topic, protocol, endpoint, settings.raw, settings.dead_letter_queue, policy, scope],
    )?;
    Ok(id)
}

/// Subscribes for a template, and takes back what an earlier one subscribed and this does not. What others subscribed stays.
pub(crate) fn converge(connection: &Connection, wanted: &[SubscriptionSettings]) -> Result<(), WorkError> {
    connection.execute("UPDATE subscriptions SET of_template = 2 WHERE of_template = 1", [])?;
    for settings in wanted {
        let id = subscribe(connection, settings)?;
        connection.execute("UPDATE subscriptions SET of_template = 1 WHERE id = ?1", [id])?;
    }
    connection.execute("DELETE FROM subscriptions WHERE of_template = 2", [])?;
    Ok(())
}

/// One that is not there is as good.
pub(crate) fn unsubscribe(connection: &Connection, topic: &str, id: &str) -> Result<(), WorkError> {
    connection.execute("DELETE FROM subscriptions WHERE id = ?1 AND topic = ?2", [id, topic])?;
    Ok(())
}

pub(crate) fn subscription(connection: &Connection, id: &str) -> rusqlite::Result<Option<Subscription>> {
    connection.prepare_cached("SELECT * FROM subscriptions WHERE id = ?1")?.query_row([id], row).optional()
}

/// Of one topic, or of all; in the order of their ids, behind `after`.
pub(crate) fn subscriptions(
    connection: &Connection,
    topic: Option<&str>,
    after: &str,
    most: usize,
) -> rusqlite::Result<Vec<Subscription>> {
    connection
        .prepare_cached(
            "SELECT * FROM subscriptions WHERE id > ?1 AND (?2 IS NULL OR topic = ?2) ORDER BY id LIMIT ?3",
        )?
        .query_map(params![after, topic, most as i64], row)?
        .collect()
}

fn row(row: &Row<'_>) -> rusqlite::Result<Subscription> {
    let (protocol, endpoint): (String, String) = (row.get("protocol")?, row.get("endpoint")?);
    let endpoint = if protocol == "sqs" { Endpoint::Queue(endpoint) } else { Endpoint::Function(endpoint) };
    let (policy, scope): (Option<String>, Option<String>) = (row.get("filter_policy")?, row.get("filter_scope")?);
    let settings = SubscriptionSettings {
        topic: row.get("topic")?,
        endpoint,
        raw: row.get("raw")?,
        dead_letter_queue: row.get("dead_letter_queue")?,
        // It was parsed before it was stored.
        filter: policy.and_then(|policy| FilterPolicy::parse(&policy, scope.as_deref()).ok()),
    };
    Ok(Subscription { id: row.get("id")?, settings })
}
