//! What of a template is not served and does not hinder the rest: lines of the log.

use super::missing;
use crate::local_services;
use sluicegate_template::{Function, Place, Stack, kinds};
use std::collections::BTreeMap;
use tracing::{info, warn};

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
    let is_unserved =
        |arn: &Option<String>| arn.as_deref().is_some_and(|arn| local_services::destination(arn).is_none());
    let destinations = is_unserved(&asynchronous.on_success) || is_unserved(&asynchronous.on_failure);
    [
        (destinations, "the destination of asynchronous events"),
        (is_unserved(&asynchronous.dead_letter), "the dead-letter queue"),
        (function.log_format.as_deref() == Some("JSON"), "the log format JSON"),
    ]
    .into_iter()
    .filter_map(|(is_asked, what)| is_asked.then_some(what))
}
