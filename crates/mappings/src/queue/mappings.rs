//! All mappings of queues of this process.

use super::delivery::Delivery;
use super::event::Source;
use super::poller::Poller;
use super::settings::QueueMapping;
use crate::{MappingChanges, RetryPace};
use sluicegate_protocol::Invoke;
use sluicegate_queues::{QueueDescription, Queues, Refusal};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, info};

/// Mappings at work.
pub struct QueueMappings {
    queues: Queues,
    invoke: Arc<dyn Invoke>,
    pace: RetryPace,
    running: Vec<Running>,
    /// Told to stop, and perhaps not done yet with what they were at.
    leaving: Vec<JoinHandle<()>>,
}

struct Running {
    mapping: QueueMapping,
    /// Of its queue, when the mapping began.
    visibility: Duration,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Why mappings cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("mapping {mapping}: its queue {queue}: {source}; create the queue, or disable the mapping")]
    Queue { mapping: String, queue: String, source: Refusal },
    #[error("two mappings have the id {mapping}")]
    Duplicate { mapping: String },
}

impl QueueMappings {
    /// Starts the enabled ones.
    pub async fn start(
        mappings: Vec<QueueMapping>,
        queues: Queues,
        invoke: Arc<dyn Invoke>,
        pace: RetryPace,
    ) -> Result<Self, StartError> {
        let mut all = Self { queues, invoke, pace, running: Vec::new(), leaving: Vec::new() };
        all.update(mappings).await?;
        Ok(all)
    }

    /// Runs these instead of the present ones. Those that stay the same, as does the visibility timeout of their queues, go on
    /// undisturbed; others finish what they are at.
    ///
    /// # Errors
    /// One of them cannot begin; then none was started or stopped.
    pub async fn update(&mut self, wanted: Vec<QueueMapping>) -> Result<MappingChanges, StartError> {
        refuse_duplicates(&wanted)?;
        self.leaving.retain(|task| !task.is_finished());
        let wanted: Vec<_> = wanted.into_iter().filter(|mapping| mapping.enabled).collect();
        let mut beginning = Vec::new();
        for mapping in &wanted {
            let running = self.running.iter().find(|running| running.mapping == *mapping);
            let described = match (self.queues.describe(&mapping.queue).await, running) {
                (Ok(described), Some(running)) if visibility(&described) == running.visibility => continue,
                (Ok(described), _) => described,
                // It tries until the queue is there again.
                (Err(_), Some(_)) => continue,
                (Err(source), None) => {
                    let (mapping, queue) = (mapping.id.to_string(), mapping.queue.to_string());
                    return Err(StartError::Queue { mapping, queue, source });
                }
            };
            beginning.push((mapping.clone(), described));
        }
        let mut changes = MappingChanges::default();
        let mut before = Vec::new();
        for running in std::mem::take(&mut self.running) {
            let begins_anew = beginning.iter().any(|(mapping, _)| *mapping == running.mapping);
            if wanted.contains(&running.mapping) && !begins_anew {
                self.running.push(running);
            } else {
                running.stop.send_replace(true);
                before.push(running.mapping.id.to_string());
                self.leaving.push(running.task);
            }
        }
        for (mapping, described) in beginning {
            let id = mapping.id.to_string();
            info!(mapping = %mapping.id, queue = %mapping.queue, function = %mapping.function, "mapping started");
            let visibility = visibility(&described);
            self.run(mapping, Source::of(described.arn), visibility);
            match before.iter().position(|old| *old == id) {
                Some(place) => {
                    before.remove(place);
                    changes.changed.push(id);
                }
                None => changes.started.push(id),
            }
        }
        for id in &before {
            info!(mapping = id, "mapping stopped");
        }
        changes.stopped = before;
        Ok(changes)
    }

    fn run(&mut self, mapping: QueueMapping, source: Source, visibility: Duration) {
        let (stop, stopped) = watch::channel(false);
        let delivery = Delivery {
            mapping: mapping.clone(),
            queues: self.queues.clone(),
            source,
            visibility,
            invoke: Arc::clone(&self.invoke),
            pace: self.pace,
            stopped: stopped.clone(),
        };
        let poller = Poller { queues: self.queues.clone(), delivery: Arc::new(delivery), stopped };
        let task = tokio::spawn(poller.run());
        self.running.push(Running { mapping, visibility, stop, task });
    }

    /// Lets running invocations finish and their messages be deleted, starts no others, and waits for that.
    pub async fn stop(self) {
        let running = self.running.into_iter().map(|running| {
            running.stop.send_replace(true);
            running.task
        });
        for task in running.chain(self.leaving).collect::<Vec<_>>() {
            if task.await.is_err() {
                error!("a mapping ended in a panic; its messages come into sight again");
            }
        }
    }
}

fn visibility(queue: &QueueDescription) -> Duration {
    Duration::from_secs(queue.settings.visibility_timeout.unsigned_abs())
}

fn refuse_duplicates(mappings: &[QueueMapping]) -> Result<(), StartError> {
    let mut ids: Vec<&str> = mappings.iter().map(|mapping| &*mapping.id).collect();
    ids.sort_unstable();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(StartError::Duplicate { mapping: pair[0].to_owned() }),
        None => Ok(()),
    }
}
