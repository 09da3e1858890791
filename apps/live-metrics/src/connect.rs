//! `$connect`: a dashboard wants in.

use crate::connection_row::ConnectionRow;
use crate::tables::CONNECTIONS_TABLE;
use sluicegate_handler::{Context, Error, Response, WebSocketEvent};
use tracing::{debug, error};

/// Writes the connection's row. A client without a row must not be admitted: 500 refuses the handshake.
pub async fn connect(event: WebSocketEvent, context: Context) -> Result<Response, Error> {
    let row = ConnectionRow::of(&event);
    match context.tables().put(CONNECTIONS_TABLE, &row).await {
        Ok(()) => {
            debug!(connection_id = row.connection_id, "connected");
            Ok(Response::ok())
        }
        Err(error) => {
            error!(connection_id = row.connection_id, %error, "refused a connection: its row could not be written");
            Ok(Response::status(500))
        }
    }
}
