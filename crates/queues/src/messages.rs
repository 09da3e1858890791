//! Messages in the file: sent, received, deleted, hidden, given up.

use crate::attributes::{MessageAttributes, digest};
use crate::limits::{IN_FLIGHT, PASSED_OVER};
use crate::receipt::Receipt;
use crate::records::{self, QueueRecord};
use crate::refusal::{NOT_IN_FLIGHT, OVER_LIMIT, Refusal};
use crate::store::WorkError;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use std::sync::Arc;

/// A message on its way into a queue. Its size has been checked.
#[derive(Clone, Debug)]
pub struct NewMessage {
    pub message_id: String,
    pub body: String,
    pub attributes: MessageAttributes,
    /// Seconds; `None` is what the queue says.
    pub delay: Option<i64>,
    pub trace_header: Option<String>,
    /// `SenderId`.
    pub sender: Arc<str>,
}

impl NewMessage {
    /// A message of the server's own.
    pub fn new(body: impl Into<String>, sender: impl Into<Arc<str>>) -> Self {
        Self {
            message_id: uuid::Uuid::new_v4().to_string(),
            body: body.into(),
            attributes: MessageAttributes::default(),
            delay: None,
            trace_header: None,
            sender: sender.into(),
        }
    }

    /// What counts against limits.
    pub(crate) fn bytes(&self) -> usize {
        self.body.len() + self.attributes.bytes()
    }
}

/// How much to receive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portion {
    pub(crate) most: usize,
    /// A first message is given whatever its size.
    pub(crate) most_bytes: usize,
    /// Seconds; `None` is what the queue says.
    pub(crate) visibility: Option<i64>,
}

/// A message that was received. Times in milliseconds since the epoch.
#[derive(Clone, Debug)]
pub struct Received {
    pub message_id: String,
    pub receipt_handle: String,
    pub body: String,
    pub attributes: MessageAttributes,
    pub sent: i64,
    pub first_received: i64,
    /// In all queues it has been in.
    pub receive_count: i64,
    pub sender: String,
    pub trace_header: Option<String>,
    /// The ARN of the queue that gave it up.
    pub dead_letter_source: Option<String>,
}

/// What one look at a queue brought.
#[derive(Debug, Default)]
pub(crate) struct Look {
    pub(crate) received: Vec<Received>,
    /// Nothing was received, and it is not known whether there is anything: too much had to be passed over.
    pub(crate) is_unfinished: bool,
    /// The queue they were moved to, and how many.
    pub(crate) given_up: Option<(String, usize)>,
    /// When something that is hidden now can be seen: milliseconds since the epoch.
    pub(crate) next_visible: Option<i64>,
}

pub(crate) fn insert(
    connection: &Connection,
    queue: &QueueRecord,
    message: &NewMessage,
    now: i64,
) -> Result<(), WorkError> {
    let delay = message.delay.unwrap_or(queue.settings.delay);
    let attributes = (!message.attributes.is_empty()).then(|| message.attributes.to_json().to_string());
    connection
        .prepare_cached(
            "INSERT INTO messages (queue, visible_at, sent, message_id, body, attributes, trace_header, sender) \
             VALUES (:queue, :visible_at, :sent, :message_id, :body, :attributes, :trace_header, :sender)",
        )?
        .execute(named_params! {
            ":queue": queue.id,
            ":visible_at": now + delay * 1000,
            ":sent": now,
            ":message_id": message.message_id,
            ":body": message.body,
            ":attributes": attributes,
            ":trace_header": message.trace_header,
            ":sender": &*message.sender,
        })?;
    Ok(())
}

/// A row of a message that can be received.
struct Visible {
    id: i64,
    received_here: i64,
    message: Received,
}

impl Visible {
    const COLUMNS: &'static str = "id, received_here, received, first_received, sent, message_id, body, attributes, \
                                   trace_header, sender, dead_letter_source";

    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let attributes: Option<String> = row.get(7)?;
        let first_received: Option<i64> = row.get(3)?;
        Ok(Self {
            id: row.get(0)?,
            received_here: row.get(1)?,
            message: Received {
                receipt_handle: String::new(),
                receive_count: row.get(2)?,
                // Zero: never.
                first_received: first_received.unwrap_or_default(),
                sent: row.get(4)?,
                message_id: row.get(5)?,
                body: row.get(6)?,
                attributes: attributes.as_deref().map(MessageAttributes::stored).unwrap_or_default(),
                trace_header: row.get(8)?,
                sender: row.get(9)?,
                dead_letter_source: row.get(10)?,
            },
        })
    }
}

/// Takes visible messages, the longest visible first, and hides them. On the way it removes those that are too old and
/// moves those that were received too often, up to [`PASSED_OVER`].
pub(crate) fn receive(
    connection: &Connection,
    queue: &QueueRecord,
    arn: &str,
    portion: Portion,
    now: i64,
) -> Result<Look, WorkError> {
    let dead = match &queue.settings.dead_letters {
        // A queue that was deleted takes nothing; its messages stay where they are.
        Some(dead) => records::look_up(connection, &dead.queue)?.map(|queue| (queue, dead.max_receive_count)),
        None => None,
    };
    let visible_at = now + portion.visibility.unwrap_or(queue.settings.visibility_timeout) * 1000;
    let mut look = Look::default();
    let (mut bytes, mut moved, mut gone, mut passed_over) = (0, 0, true, 0);
    // Rows that are passed over leave the queue, so each further round sees others.
    while gone && look.received.len() < portion.most {
        gone = false;
        for row in visible(connection, queue, portion.most - look.received.len(), now)? {
            if passed_over >= PASSED_OVER {
                break;
            }
            if row.message.sent <= now - queue.settings.retention * 1000 {
                connection.prepare_cached("DELETE FROM messages WHERE id = ?1")?.execute([row.id])?;
                passed_over += 1;
                gone = true;
                continue;
            }
            if let Some((dead, most)) = &dead
                && row.received_here >= *most
            {
                give_up(connection, &row, dead, arn, now)?;
                moved += 1;
                passed_over += 1;
                gone = true;
                continue;
            }
            bytes += row.message.body.len() + row.message.attributes.bytes();
            if !look.received.is_empty() && bytes > portion.most_bytes {
                gone = false;
                break;
            }
            if look.received.is_empty() && in_flight(connection, queue, now)? >= IN_FLIGHT {
                let message = format!("There are {IN_FLIGHT} messages in flight; delete some first.");
                return Err(Refusal::new(&OVER_LIMIT, message).into());
            }
            look.received.push(take(connection, row, queue, visible_at, now)?);
        }
        // With a visibility timeout of zero, a further round would see the same messages again.
        gone &= (look.received.is_empty() || visible_at > now) && passed_over < PASSED_OVER;
    }
    look.is_unfinished = look.received.is_empty() && passed_over >= PASSED_OVER;
    look.given_up = dead.filter(|_| moved > 0).map(|(dead, _)| (dead.name, moved));
    if look.received.is_empty() && !look.is_unfinished {
        look.next_visible = connection
            .prepare_cached("SELECT min(visible_at) FROM messages WHERE queue = ?1 AND visible_at > ?2")?
            .query_row([queue.id, now], |row| row.get(0))?;
    }
    Ok(look)
}

fn visible(connection: &Connection, queue: &QueueRecord, most: usize, now: i64) -> rusqlite::Result<Vec<Visible>> {
    let sql = format!(
        "SELECT {} FROM messages WHERE queue = ?1 AND visible_at <= ?2 ORDER BY visible_at, received_here, id LIMIT ?3",
        Visible::COLUMNS
    );
    connection.prepare_cached(&sql)?.query_map(params![queue.id, now, most as i64], Visible::of)?.collect()
}

fn in_flight(connection: &Connection, queue: &QueueRecord, now: i64) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT count(*) FROM messages WHERE queue = ?1 AND visible_at > ?2 AND received_here > 0")?
        .query_row([queue.id, now], |row| row.get(0))
}

fn take(
    connection: &Connection,
    row: Visible,
    queue: &QueueRecord,
    visible_at: i64,
    now: i64,
) -> rusqlite::Result<Received> {
    let Visible { id, received_here, mut message } = row;
    if message.first_received == 0 {
        message.first_received = now;
    }
    message.receive_count += 1;
    message.receipt_handle = Receipt { queue: queue.id, message: id, time: received_here + 1 }.to_handle();
    connection
        .prepare_cached(
            "UPDATE messages SET visible_at = ?2, received_here = received_here + 1, received = received + 1, \
             first_received = ?3 WHERE id = ?1",
        )?
        .execute([id, visible_at, message.first_received])?;
    Ok(message)
}

/// Moves a message to the queue for those that were received too often. It keeps its age.
fn give_up(connection: &Connection, row: &Visible, dead: &QueueRecord, arn: &str, now: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE messages SET queue = ?2, visible_at = ?3, received_here = 0, dead_letter_source = ?4 WHERE id = ?1",
        )?
        .execute(params![row.id, dead.id, now, arn])?;
    Ok(())
}

/// Deletes the message if nobody has received it since; one that is gone already is as good.
pub(crate) fn delete(connection: &Connection, queue: &QueueRecord, receipt: Receipt) -> Result<bool, WorkError> {
    let deleted = connection
        .prepare_cached("DELETE FROM messages WHERE id = ?1 AND queue = ?2 AND received_here = ?3")?
        .execute([receipt.message, queue.id, receipt.time])?;
    Ok(deleted > 0)
}

/// Hides a received message for so many seconds from now; zero shows it at once.
pub(crate) fn hide(
    connection: &Connection,
    queue: &QueueRecord,
    receipt: Receipt,
    seconds: i64,
    now: i64,
) -> Result<(), WorkError> {
    let visible_at: Option<i64> = connection
        .prepare_cached("SELECT visible_at FROM messages WHERE id = ?1 AND queue = ?2 AND received_here = ?3")?
        .query_row([receipt.message, queue.id, receipt.time], |row| row.get(0))
        .optional()?;
    match visible_at {
        None => {
            let reason = "Message does not exist or is not available for visibility timeout change";
            Err(Refusal::value(receipt.to_handle(), "ReceiptHandle", reason).into())
        }
        Some(at) if at <= now => Err(Refusal::new(&NOT_IN_FLIGHT, "The message referred to isn't in flight.").into()),
        Some(_) => {
            connection
                .prepare_cached("UPDATE messages SET visible_at = ?2 WHERE id = ?1")?
                .execute([receipt.message, now + seconds * 1000])?;
            Ok(())
        }
    }
}

/// Deletes up to `most` messages of a queue that nobody sees any more; returns how many.
pub(crate) fn clear(connection: &Connection, former_queue: i64, most: usize) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE queue = ?1 LIMIT ?2)")?
        .execute(params![former_queue, most as i64])
}

/// Deletes up to `most` messages that are too old; returns how many.
pub(crate) fn expire(connection: &Connection, queue: &QueueRecord, most: usize, now: i64) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE queue = ?1 AND sent <= ?2 ORDER BY sent LIMIT ?3)",
        )?
        .execute(params![queue.id, now - queue.settings.retention * 1000, most as i64])
}

/// When the oldest message was sent.
pub(crate) fn oldest(connection: &Connection, queue: &QueueRecord) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT min(sent) FROM messages WHERE queue = ?1")?
        .query_row([queue.id], |row| row.get(0))
}

impl Received {
    /// What SDKs compare with their own.
    pub fn body_digest(&self) -> String {
        digest(self.body.as_bytes())
    }

    /// What the service itself says about the message, in its words; times are text.
    pub fn system_attributes(&self) -> Vec<(&'static str, String)> {
        let mut attributes = vec![
            ("ApproximateReceiveCount", self.receive_count.to_string()),
            ("SentTimestamp", self.sent.to_string()),
            ("SenderId", self.sender.clone()),
            ("ApproximateFirstReceiveTimestamp", self.first_received.to_string()),
        ];
        attributes.extend(self.trace_header.clone().map(|header| ("AWSTraceHeader", header)));
        attributes.extend(self.dead_letter_source.clone().map(|arn| ("DeadLetterQueueSourceArn", arn)));
        attributes
    }
}
