//! What of a template is not served: as problems where a function would wait for events that never come, as lines of the log
//! where the rest works without.

use super::missing;
use sluicegate_template::{Function, Place, Problem, Stack, kinds};
use std::collections::BTreeMap;
use tracing::{info, warn};

/// Functions that are driven by something that is not here.
pub(super) fn problems(stacks: &[Stack]) -> Vec<Problem> {
    let subscriptions = stacks.iter().flat_map(|stack| &stack.subscriptions);
    subscriptions
        .filter(|subscription| subscription.protocol == "lambda")
        .map(|subscription| Problem {
            place: subscription.place.clone(),
            message: format!(
                "topics are not served yet, and `{}` drives `{}`",
                last(&subscription.topic),
                last(&subscription.endpoint)
            ),
            remedy: "remove the subscription, or invoke the function in another way".to_owned(),
        })
        .collect()
}

/// Logs what is left out, and what the template itself had to be said about.
pub(super) fn tell(stacks: &[Stack]) {
    for (place, message) in missing::told(stacks) {
        warn!("{place}: {message}");
    }
    for stack in stacks {
        for note in &stack.notes {
            info!("{}: {}", note.place, note.message);
        }
        for (place, message) in unserved(stack) {
            warn!("{place}: {message}");
        }
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for one in stack.skipped.iter().filter(|one| !kinds::is_implied(&one.kind)) {
            *kinds.entry(&one.kind).or_default() += 1;
        }
        for (kind, count) in kinds {
            info!("{}: {count} × {kind} skipped", stack.template.display());
        }
    }
}

fn unserved(stack: &Stack) -> Vec<(&Place, String)> {
    let mut told = Vec::new();
    for queue in &stack.queues {
        told.push((&queue.place, format!("queues are not served yet: calls to `{}` will fail", queue.name)));
    }
    for topic in &stack.topics {
        told.push((&topic.place, format!("topics are not served yet: calls to `{}` will fail", topic.name)));
    }
    for function in &stack.functions {
        told.extend(without_effect(function).map(|what| {
            let message = format!("{what} of `{}` has no effect yet", function.name);
            (&function.place, message)
        }));
    }
    for mapping in stack.mappings.iter().filter(|mapping| mapping.parallelization_factor.is_some_and(|many| many > 1)) {
        let message = "ParallelizationFactor has no effect yet: one batch at a time, in order";
        told.push((&mapping.place, message.to_owned()));
    }
    told
}

fn without_effect(function: &Function) -> impl Iterator<Item = &'static str> {
    let asynchronous = &function.asynchronous;
    let destinations = asynchronous.on_success.is_some() || asynchronous.on_failure.is_some();
    let limits = asynchronous.maximum_retry_attempts.is_some() || asynchronous.maximum_event_age_seconds.is_some();
    [
        (destinations, "the destination of asynchronous events"),
        (asynchronous.dead_letter.is_some(), "the dead-letter queue"),
        (limits, "the retry limit of asynchronous events"),
        (function.log_format.as_deref() == Some("JSON"), "the log format JSON"),
    ]
    .into_iter()
    .filter_map(|(is_asked, what)| is_asked.then_some(what))
}

/// The name in an ARN.
fn last(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}
