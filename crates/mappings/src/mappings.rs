//! All mappings of this process.

use crate::RetryPace;
use crate::delivery::Delivery;
use crate::mapping::{Mapping, StartingPosition};
use crate::poller::Poller;
use sluicegate_protocol::{ApiError, Invoke};
use sluicegate_tables::{CheckpointError, Position, StreamError, StreamReader, Tables};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, info};

/// Mappings at work; dropping it ends them at once.
#[derive(Debug)]
pub struct Mappings {
    stop: watch::Sender<bool>,
    pollers: JoinSet<()>,
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
        let mut pollers = JoinSet::new();
        for mapping in mappings.into_iter().filter(|mapping| mapping.enabled) {
            let (reader, position) = begin(&mapping, &tables).await?;
            info!(mapping = %mapping.id, table = %mapping.table, function = %mapping.function, %position, "mapping started");
            let delivery = Delivery { mapping, invoke: Arc::clone(&invoke), pace, stopped: stopped.clone() };
            let tables = tables.clone();
            pollers.spawn(Poller { tables, reader, position, delivery, ahead: VecDeque::new() }.run());
        }
        Ok(Self { stop, pollers })
    }

    /// Lets running invocations finish and their checkpoints be written, starts no others, and waits for that.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = self.pollers.join_next().await {
            if let Err(error) = ended {
                error!(%error, "a mapping ended in a panic; its records are delivered again after the next start");
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
    checkpoints.store(&mapping.id, reader.stream_arn(), position).await.map_err(checkpoint)?;
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
