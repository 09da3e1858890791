//! Queues themselves: made, listed, described, changed, emptied, deleted.

use crate::dialled::Dialled;
use crate::limits::{PAGE, QUEUE_NAME_CHARS};
use crate::names;
use crate::queues::Inner;
use crate::records;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::settings::check_asked;
use rusqlite::params;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub(super) async fn create(
    inner: &Inner,
    name: &str,
    request: Request<'_>,
    dialled: Dialled<'_>,
) -> Result<Value, Refusal> {
    names::check_queue(name)?;
    let asked = request.map("Attributes")?.cloned().unwrap_or_default();
    let (queue, place, now) = (name.to_owned(), inner.place.clone(), inner.now());
    inner.run(move |connection| records::create(connection, &queue, &asked, &place, now)).await?;
    Ok(json!({ "QueueUrl": inner.place.queue_url_for(dialled, name) }))
}

pub(super) async fn url(
    inner: &Inner,
    name: &str,
    request: Request<'_>,
    dialled: Dialled<'_>,
) -> Result<Value, Refusal> {
    if request.text("QueueOwnerAWSAccountId")?.is_some_and(|owner| owner != inner.place.account) {
        return Err(Refusal::no_queue());
    }
    let queue = inner.queue(name).await?;
    Ok(json!({ "QueueUrl": inner.place.queue_url_for(dialled, &queue.name) }))
}

pub(super) async fn attributes(inner: &Inner, name: &str, request: Request<'_>) -> Result<Value, Refusal> {
    let asked = request.texts("AttributeNames")?;
    asked.iter().try_for_each(|name| check_asked(name))?;
    let (queue, now) = (name.to_owned(), inner.now());
    let (queue, counts) = inner
        .run(move |connection| {
            let queue = records::find(connection, &queue)?;
            let counts = records::counts(connection, &queue, now)?;
            Ok((queue, counts))
        })
        .await?;
    let mut attributes = queue.settings.to_attributes(&inner.place);
    attributes.extend(
        [
            ("QueueArn", inner.place.queue_arn(name)),
            ("CreatedTimestamp", (queue.created / 1000).to_string()),
            ("LastModifiedTimestamp", (queue.modified / 1000).to_string()),
            ("ApproximateNumberOfMessages", counts.visible.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
            ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    if !asked.contains(&"All") {
        attributes.retain(|name, _| asked.contains(&name.as_str()));
    }
    Ok(match attributes.is_empty() {
        true => json!({}),
        false => json!({ "Attributes": attributes }),
    })
}

pub(super) async fn set_attributes(inner: &Inner, name: &str, request: Request<'_>) -> Result<Value, Refusal> {
    let written: Map<String, Value> =
        request.map("Attributes")?.cloned().ok_or_else(|| Refusal::missing("Attribute.Name"))?;
    let (queue, place, now) = (name.to_owned(), inner.place.clone(), inner.now());
    inner
        .run(move |connection| {
            let queue = records::find(connection, &queue)?;
            let mut settings = queue.settings.clone();
            settings.set(&written, &place)?;
            records::change(connection, &queue, &settings, now)
        })
        .await?;
    Ok(json!({}))
}

/// A page of URLs; the token is the name of the last queue before the page.
pub(super) async fn list(inner: &Inner, request: Request<'_>, dialled: Dialled<'_>) -> Result<Value, Refusal> {
    let prefix = request.text("QueueNamePrefix")?.unwrap_or_default().to_owned();
    let after = request.text("NextToken")?.unwrap_or_default().to_owned();
    if after.len() > QUEUE_NAME_CHARS {
        return Err(Refusal::value(&after, "NextToken", "It was not given out here"));
    }
    let most = request.integer("MaxResults", 1..=PAGE as i64)?;
    let page = most.map_or(PAGE, |most| most as usize);
    let mut names: Vec<String> = inner
        .run(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT name FROM queues WHERE name > ?1 AND substr(name, 1, length(?2)) = ?2 ORDER BY name LIMIT ?3",
            )?;
            let names = statement.query_map(params![after, prefix, page as i64 + 1], |row| row.get(0))?;
            Ok(names.collect::<rusqlite::Result<_>>()?)
        })
        .await?;
    let more = names.len() > page;
    names.truncate(page);
    let mut answer = BTreeMap::new();
    // Without MaxResults there is no token, as on AWS.
    if let (true, Some(last), Some(_)) = (more, names.last(), most) {
        answer.insert("NextToken", json!(last));
    }
    if !names.is_empty() {
        let urls: Vec<String> = names.iter().map(|name| inner.place.queue_url_for(dialled, name)).collect();
        answer.insert("QueueUrls", json!(urls));
    }
    Ok(json!(answer))
}

pub(super) async fn delete(inner: &Inner, name: &str) -> Result<Value, Refusal> {
    let queue = name.to_owned();
    inner
        .run(move |connection| {
            let queue = records::find(connection, &queue)?;
            Ok(records::delete(connection, &queue)?)
        })
        .await?;
    inner.forget(name);
    Ok(json!({}))
}

pub(super) async fn purge(inner: &Inner, name: &str) -> Result<Value, Refusal> {
    let (queue, now) = (name.to_owned(), inner.now());
    inner
        .run(move |connection| {
            let queue = records::find(connection, &queue)?;
            records::purge(connection, &queue, now)
        })
        .await?;
    Ok(json!({}))
}
