//! `$default`: what a dashboard says.
//!
//! | message | answer |
//! |---|---|
//! | `{"action":"ping"}`, with or without an `id` | `{"type":"pong"}` with the same `id` |
//! | `{"action":"snapshot"}` | the present rows, see [`snapshot`](crate::snapshot) |
//! | anything else | `{"type":"error","message":"Unknown action …"}` |

use crate::snapshot;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluicegate_handler::{Context, Error, Response, WebSocketEvent};
use tracing::debug;

/// A ping's `id` comes back if it is a number or a text of at most this length.
const MAX_PING_ID_BYTES: usize = 128;
/// How much of an unknown action is repeated in the answer.
const MAX_QUOTED_CHARS: usize = 64;

#[derive(Deserialize)]
struct ClientMessage {
    #[serde(default)]
    action: Value,
    #[serde(default)]
    id: Option<Value>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Answer {
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Value>,
    },
    Error {
        message: String,
    },
}

/// Answers on the same connection. A client's nonsense is answered, never a failed invocation.
pub async fn default(event: WebSocketEvent, context: Context) -> Result<Response, Error> {
    let connection_id = event.connection_id();
    let message = serde_json::from_str(event.body.as_deref().unwrap_or_default()).ok();
    let message = message.unwrap_or(ClientMessage { action: Value::Null, id: None });
    let posted = match message.action.as_str() {
        Some("ping") => {
            let id = message.id.filter(can_be_echoed);
            context.connections().post_json(connection_id, &Answer::Pong { id }).await
        }
        Some("snapshot") => snapshot::send(&context, connection_id).await,
        action => context.connections().post_json(connection_id, &unknown(action)).await,
    };
    if let Err(error) = posted {
        debug!(connection_id, %error, "a client did not wait for its answer");
    }
    Ok(Response::ok())
}

fn can_be_echoed(id: &Value) -> bool {
    match id {
        Value::Number(_) => true,
        Value::String(text) => text.len() <= MAX_PING_ID_BYTES,
        _ => false,
    }
}

fn unknown(action: Option<&str>) -> Answer {
    let known = r#"send {"action":"ping"} or {"action":"snapshot"}"#;
    let message = match action {
        Some(action) => {
            let quoted: String = action.chars().take(MAX_QUOTED_CHARS).collect();
            format!("Unknown action {quoted:?}: {known}")
        }
        None => format!("Unknown action: {known}"),
    };
    Answer::Error { message }
}
