//! All mappings of this process.

use crate::RetryPace;
use crate::delivery::Delivery;
use crate::mapping::{Mapping, StartingPosition};
use crate::poller::Poller;
use crate::worker::Worker;
use sluicegate_protocol::{ApiError, Deliver, Invoke};
use sluicegate_tables::{CheckpointError, Position, StreamError, StreamReader, Tables};
use std::sync::Arc;
use tokio::sync::watch;
use tracing::{error, info};

/// Mappings at work; dropping it ends them at once.
pub struct Mappings {
    tables: Tables,
    ports: Ports,
    pace: RetryPace,
    running: Vec<Running>,
    /// Told to stop, and perhaps not done yet with what they were at.
    leaving: Vec<(Mapping, Worker)>,
}

/// What mappings reach functions and destinations through.
#[derive(Clone)]
pub struct Ports {
    pub invoke: Arc<dyn Invoke>,
    pub deliver: Arc<dyn Deliver>,
}

struct Running {
    mapping: Mapping,
    stop: watch::Sender<bool>,
    worker: Worker,
}

/// What a change did, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MappingChanges {
    pub started: Vec<String>,
    pub changed: Vec<String>,
    pub stopped: Vec<String>,
}

/// Why mappings cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("mapping {mapping}: its table has no stream that could be read: {source}")]
    Stream { mapping: String, source: ApiError },
    #[error("mapping {mapping}: {source}")]
    Checkpoint { mapping: String, source: CheckpointError },
    #[error("mapping {mapping}: its stream cannot be read: {source}")]
    Read { mapping: String, source: StreamError },
    #[error("mapping {mapping}: no thread could be started: {source}; the process limit is too low")]
    Thread { mapping: String, source: std::io::Error },
    #[error("two mappings have the id {mapping}; they would share a checkpoint")]
    Duplicate { mapping: String },
}

impl Mappings {
    /// Starts the enabled ones. When this returns, each has its starting position on disk: no later change is missed.
    pub async fn start(
        mappings: Vec<Mapping>,
        tables: Tables,
        ports: Ports,
        pace: RetryPace,
    ) -> Result<Self, StartError> {
        let mut all = Self { tables, ports, pace, running: Vec::new(), leaving: Vec::new() };
        all.update(mappings).await?;
        Ok(all)
    }

    /// Runs these instead of the present ones. Those that stay the same go on undisturbed. A changed one finishes its running
    /// invocation and goes on from there; one that is not wanted any more finishes it and keeps its checkpoint.
    ///
    /// # Errors
    /// One of them cannot begin; then none was started or stopped. Or there is no thread for one.
    pub async fn update(&mut self, wanted: Vec<Mapping>) -> Result<MappingChanges, StartError> {
        refuse_duplicates(&wanted)?;
        self.leaving.retain(|(_, worker)| !worker.has_ended());
        let wanted: Vec<_> = wanted.into_iter().filter(|mapping| mapping.enabled).collect();
        let is_new = |mapping: &&Mapping| !self.running.iter().any(|running| running.mapping == **mapping);
        let mut beginning = Vec::new();
        for mapping in wanted.iter().filter(is_new) {
            beginning.push((mapping.clone(), begin(mapping, &self.tables).await?));
        }
        let mut changes = MappingChanges::default();
        let mut before = Vec::new();
        for running in std::mem::take(&mut self.running) {
            if wanted.contains(&running.mapping) {
                self.running.push(running);
            } else {
                running.stop.send_replace(true);
                before.push(running);
            }
        }
        for (mapping, begun) in beginning {
            let id = Arc::clone(&mapping.id);
            let is_it = |old: &Mapping| old.id == id;
            let replaced = before.iter().position(|old| is_it(&old.mapping));
            let earlier = self.leaving.iter().position(|(old, _)| is_it(old));
            let (beginning, told) = match (replaced, earlier) {
                (Some(place), _) => (Beginning::After(before.remove(place).worker), &mut changes.changed),
                // It was stopped a moment ago.
                (None, Some(place)) => (Beginning::After(self.leaving.remove(place).1), &mut changes.started),
                (None, None) => (Beginning::At(Box::new(begun)), &mut changes.started),
            };
            self.run(mapping, beginning)?;
            told.push(id.to_string());
        }
        for old in before {
            info!(mapping = %old.mapping.id, "mapping stopped");
            changes.stopped.push(old.mapping.id.to_string());
            self.leaving.push((old.mapping, old.worker));
        }
        Ok(changes)
    }

    fn run(&mut self, mapping: Mapping, beginning: Beginning) -> Result<(), StartError> {
        let (stop, stopped) = watch::channel(false);
        let delivery = Delivery::new(mapping.clone(), self.ports.clone(), self.pace, stopped);
        let tables = self.tables.clone();
        let worker = Worker::start(async move {
            let Some((reader, position)) = beginning.wait(&delivery.mapping, &tables).await else { return };
            let mapping = &delivery.mapping;
            info!(mapping = %mapping.id, table = %mapping.table, function = %mapping.function, %position, "mapping started");
            Poller::new(tables, reader, position, delivery).run().await;
        });
        let worker = worker.map_err(|source| StartError::Thread { mapping: mapping.id.to_string(), source })?;
        self.running.push(Running { mapping, stop, worker });
        Ok(())
    }

    /// Lets running invocations finish and their checkpoints be written, starts no others, and waits for that.
    pub async fn stop(self) {
        let running = self.running.into_iter().map(|running| {
            running.stop.send_replace(true);
            running.worker
        });
        for worker in running.chain(self.leaving.into_iter().map(|(_, worker)| worker)).collect::<Vec<_>>() {
            if worker.ended().await.is_err() {
                error!("a mapping ended in a panic; its records are delivered again after the next start");
            }
        }
    }
}

type Begun = (StreamReader, Position);

/// Where a mapping begins.
enum Beginning {
    At(Box<Begun>),
    /// Where the one that it follows has stopped.
    After(Worker),
}

impl Beginning {
    async fn wait(self, mapping: &Mapping, tables: &Tables) -> Option<Begun> {
        let previous = match self {
            Self::At(begun) => return Some(*begun),
            Self::After(previous) => previous,
        };
        if previous.ended().await.is_err() {
            error!(mapping = %mapping.id, "the mapping had ended in a panic; it goes on with its last checkpoint");
        }
        let begun = begin(mapping, tables).await;
        begun.inspect_err(|error| error!("{error}; it is not running: restart the server")).ok()
    }
}

/// Where the mapping stands in its table's stream or, the first time, where it begins.
async fn begin(mapping: &Mapping, tables: &Tables) -> Result<(StreamReader, Position), StartError> {
    let id = || mapping.id.to_string();
    let reader = tables.stream(&mapping.table).map_err(|source| StartError::Stream { mapping: id(), source })?;
    let checkpoints = tables.checkpoints();
    let checkpoint = |source| StartError::Checkpoint { mapping: id(), source };
    if let Some(position) = checkpoints.load(&mapping.id, reader.stream_arn()).await.map_err(checkpoint)? {
        return Ok((reader, position));
    }
    let position = match mapping.starting_position {
        StartingPosition::TrimHorizon => reader.trim_horizon(),
        StartingPosition::Latest => {
            reader.latest().await.map_err(|source| StartError::Read { mapping: id(), source })?
        }
    };
    checkpoints.begin(&mapping.id, reader.stream_arn(), position).await.map_err(checkpoint)?;
    Ok((reader, position))
}

fn refuse_duplicates(mappings: &[Mapping]) -> Result<(), StartError> {
    let mut ids: Vec<&str> = mappings.iter().map(|mapping| &*mapping.id).collect();
    ids.sort_unstable();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(StartError::Duplicate { mapping: pair[0].to_owned() }),
        None => Ok(()),
    }
}
