//! All mappings of this process.

use crate::RetryPace;
use crate::delivery::Delivery;
use crate::mapping::{Mapping, StartingPosition};
use crate::poller::Poller;
use crate::worker::Worker;
use sluicegate_protocol::{ApiError, Invoke};
use sluicegate_tables::{CheckpointError, Position, StreamError, StreamReader, Tables};
use std::sync::Arc;
use tokio::sync::watch;
use tracing::{error, info};

/// Mappings at work; dropping it ends them at once.
#[derive(Debug)]
pub struct Mappings {
    stop: watch::Sender<bool>,
    workers: Vec<Worker>,
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
        invoke: Arc<dyn Invoke>,
        pace: RetryPace,
    ) -> Result<Self, StartError> {
        refuse_duplicates(&mappings)?;
        let (stop, stopped) = watch::channel(false);
        let mut workers = Vec::new();
        for mapping in mappings.into_iter().filter(|mapping| mapping.enabled) {
            let (reader, position) = begin(&mapping, &tables).await?;
            info!(mapping = %mapping.id, table = %mapping.table, function = %mapping.function, %position, "mapping started");
            let delivery = Delivery::new(mapping, Arc::clone(&invoke), pace, stopped.clone());
            let id = Arc::clone(&delivery.mapping.id);
            let poller = Poller::new(tables.clone(), reader, position, delivery);
            let worker = Worker::start(poller.run());
            workers.push(worker.map_err(|source| StartError::Thread { mapping: id.to_string(), source })?);
        }
        Ok(Self { stop, workers })
    }

    /// Lets running invocations finish and their checkpoints be written, starts no others, and waits for that.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for worker in self.workers {
            if worker.ended().await.is_err() {
                error!("a mapping ended in a panic; its records are delivered again after the next start");
            }
        }
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
