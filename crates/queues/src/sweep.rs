//! Deletes messages whose retention is over or whose queue was deleted or purged, and measures how old the oldest ones are.
//!
//! Receivers pass over what is too old by themselves, and do not see what was purged, so nothing depends on when this runs.

use crate::limits::PASSED_OVER;
use crate::messages;
use crate::queues::Inner;
use crate::records;
use metrics::{counter, gauge};
use std::sync::Weak;
use std::time::Duration;
use tracing::warn;

const INTERVAL: Duration = Duration::from_secs(10);

/// Ends with the queues.
pub(crate) async fn run(queues: Weak<Inner>) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let Some(queues) = queues.upgrade() else { return };
        if let Err(refusal) = sweep(&queues).await {
            warn!(%refusal, "old messages were not deleted; trying again");
        }
    }
}

async fn sweep(queues: &Inner) -> Result<(), crate::Refusal> {
    for former in queues.run(|connection| Ok(records::former(connection)?)).await? {
        while queues.run(move |connection| Ok(messages::clear(connection, former, PASSED_OVER)?)).await? == PASSED_OVER
        {
        }
    }
    let records = queues.run(|connection| Ok(records::all(connection)?)).await?;
    for queue in records {
        let name = queue.name.clone();
        loop {
            let (queue, now) = (queue.clone(), queues.now());
            let expired =
                queues.run(move |connection| Ok(messages::expire(connection, &queue, PASSED_OVER, now)?)).await?;
            if expired > 0 {
                counter!("sluicegate_queue_messages_expired_total", "queue" => name.clone()).increment(expired as u64);
            }
            if expired < PASSED_OVER {
                break;
            }
        }
        let oldest = queues.run(move |connection| Ok(messages::oldest(connection, &queue)?)).await?;
        let age = oldest.map_or(0, |sent| (queues.now() - sent).max(0));
        gauge!("sluicegate_queue_oldest_message_seconds", "queue" => name).set(age as f64 / 1000.0);
    }
    Ok(())
}
