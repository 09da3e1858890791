//! `$disconnect`: a dashboard has gone.

use crate::connection_row::ConnectionKey;
use crate::tables::CONNECTIONS_TABLE;
use sluicegate_handler::{Context, Error, Response, WebSocketEvent};
use tracing::{debug, error};

/// Removes the connection's row. Always 200: there is nobody left to tell, and the sweep of stale connections and the
/// row's time to live clean up what could not be removed here.
pub async fn disconnect(event: WebSocketEvent, context: Context) -> Result<Response, Error> {
    let connection_id = event.connection_id();
    match context.tables().delete(CONNECTIONS_TABLE, &ConnectionKey { connection_id }).await {
        Ok(()) => debug!(connection_id, "disconnected"),
        Err(error) => error!(connection_id, %error, "the row of a closed connection could not be removed"),
    }
    Ok(Response::ok())
}
