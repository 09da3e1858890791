//! The metrics table's stream → every connected dashboard.

use crate::outgoing::metrics_updates;
use crate::stale_connections::StaleConnections;
use sluicegate_handler::{Context, Error, Function, Response, StreamEvent, function};
use std::sync::Arc;
use tracing::debug;

/// The handler, with the sweep of stale connections that rides on its batches.
pub fn stream_processor() -> Function {
    let stale_connections = Arc::new(StaleConnections::default());
    function(move |event, context| process(event, context, Arc::clone(&stale_connections)))
}

/// One broadcast call per batch, whatever the number of its changes and of the dashboards.
async fn process(
    event: StreamEvent,
    context: Context,
    stale_connections: Arc<StaleConnections>,
) -> Result<Response, Error> {
    let messages = metrics_updates(&event.records);
    if !messages.is_empty() {
        let count = messages.len();
        let sent = context.connections().broadcast(messages).await?;
        debug!(
            changes = event.records.len(),
            messages = count,
            connections = sent.accepted,
            too_slow = sent.too_slow,
            "sent"
        );
    }
    stale_connections.sweep_if_due(&context);
    Ok(Response::ok())
}
