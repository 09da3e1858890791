//! Queues, topics and subscriptions of a template, and the event source mappings of its queues.

use sluicegate_mappings::queue::{QueueMapping, QueueMappingSettings};
use sluicegate_pattern::{Filter, FilterError};
use sluicegate_queues::{DeadLetters, QueueChange, QueueSettings, Queues, Refusal, SubscriptionSettings};
use sluicegate_template::{EventSource, EventSourceMapping, Place, Problem, Queue, Stack, Subscription};
use std::collections::HashSet;
use std::time::Duration;

/// What to do about what cannot be had.
const REMEDY: &str = "correct the template";

/// A problem for each queue that something needs and that neither is there nor will be made, for each mapping that has the id of
/// another, and for each subscription that cannot be. Changes nothing.
pub(super) async fn check(stacks: &[Stack], queues: &Queues) -> Vec<Problem> {
    let mut problems = Vec::new();
    for queue in stacks.iter().flat_map(|stack| &stack.queues) {
        let Some(dead) = dead_letters(queue) else { continue };
        if let Err(refusal) = find(stacks, queues, &dead.queue).await {
            let what = format!("queue {}: its queue for dead letters {}", queue.name, dead.queue);
            problems.push(refused(&queue.place, &what, &refusal));
        }
    }
    let mut ids = HashSet::new();
    for written in stacks.iter().flat_map(|stack| &stack.mappings).filter(|written| written.enabled) {
        let EventSource::Queue(queue) = &written.source else { continue };
        if !ids.insert(&written.id) {
            problems.push(Problem {
                place: written.place.clone(),
                message: format!("another mapping has the id {} too", written.id),
                remedy: "give one of the stacks another name".to_owned(),
            });
        }
        if let Err(refusal) = find(stacks, queues, queue).await {
            problems.push(Problem {
                place: written.place.clone(),
                message: format!("its queue {queue}: {}", refusal.message),
                remedy: "create the queue, or disable the mapping".to_owned(),
            });
        }
    }
    for written in stacks.iter().flat_map(|stack| &stack.subscriptions) {
        let settings = subscription(written, queues);
        problems.extend(settings.err().map(|refusal| refused(&written.place, "the subscription", &refusal)));
    }
    problems
}

/// Whether a queue is there, or will be made.
async fn find(stacks: &[Stack], queues: &Queues, name: &str) -> Result<(), Refusal> {
    if stacks.iter().flat_map(|stack| &stack.queues).any(|queue| queue.name == name) {
        return Ok(());
    }
    queues.describe(name).await.map(drop)
}

/// Makes what is missing, and gives what is there the settings of the template; messages stay. By name, what was done to queues.
pub(super) async fn converge(stacks: &[Stack], queues: &Queues) -> Result<Vec<(String, QueueChange)>, Problem> {
    let written = || stacks.iter().flat_map(|stack| &stack.queues);
    let mut changes = Vec::new();
    // A queue for dead letters must be there before another names it, in whatever order the template has them.
    for queue in written() {
        if queues.describe(&queue.name).await.is_err_and(|refusal| refusal.is_missing()) {
            let made = queues.ensure_queue(&queue.name, settings(queue)).await;
            made.map_err(|refusal| refused(&queue.place, &format!("queue {}", queue.name), &refusal))?;
            changes.push((queue.name.clone(), QueueChange::Created));
        }
    }
    for queue in written() {
        let settings = QueueSettings { dead_letters: dead_letters(queue), ..settings(queue) };
        let changed = queues.ensure_queue(&queue.name, settings).await;
        let change = changed.map_err(|refusal| refused(&queue.place, &format!("queue {}", queue.name), &refusal))?;
        if !changes.iter().any(|(name, _)| *name == queue.name) {
            changes.push((queue.name.clone(), change));
        }
    }
    for topic in stacks.iter().flat_map(|stack| &stack.topics) {
        let made = queues.ensure_topic(&topic.name, topic.display_name.as_deref()).await;
        made.map_err(|refusal| refused(&topic.place, &format!("topic {}", topic.name), &refusal))?;
    }
    let mut subscriptions = Vec::new();
    for written in stacks.iter().flat_map(|stack| &stack.subscriptions) {
        let settings = subscription(written, queues);
        subscriptions.push(settings.map_err(|refusal| refused(&written.place, "the subscription", &refusal))?);
    }
    // Without any template this is a server for somebody else's data.
    if let Some(stack) = stacks.first() {
        let converged = queues.converge_subscriptions(subscriptions).await;
        converged.map_err(|refusal| {
            let place =
                stack.subscriptions.first().map(|one| &one.place).or(stack.topics.first().map(|one| &one.place));
            refused(place.unwrap_or(&Place::default()), "the subscriptions", &refusal)
        })?;
    }
    Ok(changes)
}

fn refused(place: &Place, what: &str, refusal: &Refusal) -> Problem {
    Problem { place: place.clone(), message: format!("{what}: {}", refusal.message), remedy: REMEDY.to_owned() }
}

/// Without the queue for dead letters.
fn settings(queue: &Queue) -> QueueSettings {
    let defaults = QueueSettings::default();
    QueueSettings {
        visibility_timeout: queue.visibility_timeout_seconds.into(),
        retention: queue.message_retention_seconds.into(),
        delay: queue.delay_seconds.into(),
        receive_wait: queue.receive_wait_seconds.into(),
        maximum_bytes: queue.maximum_message_bytes.map_or(defaults.maximum_bytes, i64::from),
        ..defaults
    }
}

fn dead_letters(queue: &Queue) -> Option<DeadLetters> {
    let policy = queue.redrive.as_ref()?;
    Some(DeadLetters {
        queue: last(&policy.dead_letter_target).to_owned(),
        max_receive_count: policy.max_receive_count.into(),
    })
}

fn subscription(written: &Subscription, queues: &Queues) -> Result<SubscriptionSettings, Refusal> {
    let mut settings = queues.subscription(&written.topic, &written.protocol, &written.endpoint)?;
    settings.raw = written.raw_message_delivery;
    settings.dead_letter_queue = written.dead_letter.as_deref().map(|arn| last(arn).to_owned());
    if let Some(policy) = &written.filter_policy {
        settings.set_filter(&policy.to_string(), written.filter_policy_scope.as_deref())?;
    }
    Ok(settings)
}

/// The name in an ARN.
fn last(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

/// All mappings of queues of all stacks; those that AWS would not take become problems.
pub(super) fn mappings(stacks: &[Stack], problems: &mut Vec<Problem>) -> Vec<QueueMapping> {
    let mut mappings = Vec::new();
    for written in stacks.iter().flat_map(|stack| &stack.mappings).filter(|written| written.enabled) {
        let EventSource::Queue(queue) = &written.source else { continue };
        let mut refuse = |message: String, remedy: &str| {
            problems.push(Problem { place: written.place.clone(), message, remedy: remedy.to_owned() });
        };
        for property in of_streams(written) {
            refuse(format!("{property} is for streams; queues do not have it"), "remove it");
        }
        let filter = match filter(written) {
            Ok(filter) => filter,
            Err(error) => {
                refuse(error.to_string(), r#"write patterns such as {"body": {"kind": ["order"]}}"#);
                continue;
            }
        };
        match QueueMapping::try_from(QueueMappingSettings { filter, ..mapping_settings(written, queue) }) {
            Ok(mapping) => mappings.push(mapping),
            Err(error) => refuse(error.to_string(), "choose a value within these limits"),
        }
    }
    mappings
}

fn of_streams(written: &EventSourceMapping) -> impl Iterator<Item = &'static str> {
    [
        (written.starting_position.is_some(), "StartingPosition"),
        (written.maximum_retry_attempts.is_some(), "MaximumRetryAttempts"),
        (written.maximum_record_age_in_seconds.is_some(), "MaximumRecordAgeInSeconds"),
        (written.bisect_batch_on_function_error.is_some(), "BisectBatchOnFunctionError"),
        (written.parallelization_factor.is_some(), "ParallelizationFactor"),
        (written.tumbling_window_in_seconds.is_some(), "TumblingWindowInSeconds"),
        (written.on_failure.is_some(), "DestinationConfig"),
    ]
    .into_iter()
    .filter_map(|(is_asked, property)| is_asked.then_some(property))
}

/// Without patterns everything passes.
fn filter(written: &EventSourceMapping) -> Result<Option<Filter>, FilterError> {
    if written.filters.is_empty() { Ok(None) } else { Filter::compile(&written.filters).map(Some) }
}

fn mapping_settings(written: &EventSourceMapping, queue: &str) -> QueueMappingSettings {
    let defaults = QueueMappingSettings::new(&written.id, queue, &written.function);
    // The template is refused if a number is out of its range, which is far within these types.
    QueueMappingSettings {
        batch_size: written.batch_size.map_or(defaults.batch_size, |size| size.try_into().unwrap_or(0)),
        batch_window: Duration::from_secs(written.maximum_batching_window_in_seconds.map_or(0, i64::unsigned_abs)),
        maximum_concurrency: written.maximum_concurrency.map(|most| most.try_into().unwrap_or(0)),
        reports_item_failures: !written.function_response_types.is_empty(),
        ..defaults
    }
}
