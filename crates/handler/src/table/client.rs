//! The client: one method per operation.

use super::retry::{ATTEMPTS, is_passing, pause};
use super::wire::{BatchAnswer, GetAnswer, Ignored, PageAnswer, WriteRequest};
use super::{Item, Query, Scan, Update, Write};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use sluicegate_protocol::{ApiError, CallTable};
use std::fmt;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// DynamoDB takes this many writes in one `BatchWriteItem`.
const BATCH_WRITES: usize = 25;

/// Calls a client and its clones have under way at the same time, like the connection pool of an SDK. The others wait here,
/// in order, and leave the tables' own queue to everybody.
const CALLS_UNDER_WAY: usize = 256;

/// Calls tables: the server's own, or any DynamoDB-compatible ones.
///
/// Throttled calls and faults of the server are tried again with back-off, as the AWS SDKs do.
#[derive(Clone)]
pub struct TableClient {
    tables: Arc<dyn CallTable>,
    places: Arc<Semaphore>,
}

/// Items of one page, and where the next one starts.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// For `start_after`; `None` on the last page.
    pub last_key: Option<Item>,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The table refused: unknown table, failed condition, broken expression, …
    #[error("{operation} on table {table}: {source}")]
    Refused { operation: &'static str, table: String, source: ApiError },
    /// The row, or the table's answer, is not what the handler's type says.
    #[error("{operation} on table {table}: the row does not fit the handler's type: {source}")]
    Row { operation: &'static str, table: String, source: serde_json::Error },
    /// The table kept leaving writes of a batch over.
    #[error(
        "BatchWriteItem on table {table}: {writes} writes were still not taken after {ATTEMPTS} attempts; write more slowly"
    )]
    Unprocessed { table: String, writes: usize },
}

impl TableError {
    /// A condition expression said no: often an answer rather than a failure.
    pub fn is_condition_failed(&self) -> bool {
        matches!(self, Self::Refused { source, .. } if source.code == "ConditionalCheckFailedException")
    }
}

impl TableClient {
    pub fn new(tables: Arc<dyn CallTable>) -> Self {
        Self { tables, places: Arc::new(Semaphore::new(CALLS_UNDER_WAY)) }
    }

    /// The item with this key; reads its last acknowledged write.
    pub async fn get<T: DeserializeOwned>(&self, table: &str, key: &impl Serialize) -> Result<Option<T>, TableError> {
        let call = Call { operation: "GetItem", table };
        let key = call.item(key)?;
        let answer: GetAnswer =
            self.call(call, &json!({"TableName": table, "Key": key, "ConsistentRead": true})).await?;
        answer.item.map(|item| call.row(item)).transpose()
    }

    /// Writes the item, replacing one with the same key.
    pub async fn put(&self, table: &str, item: &impl Serialize) -> Result<(), TableError> {
        let call = Call { operation: "PutItem", table };
        let item = call.item(item)?;
        self.call::<Ignored>(call, &json!({"TableName": table, "Item": item})).await.map(drop)
    }

    /// Begins an update; [`send_update`](Self::send_update) runs it.
    pub fn update(&self, table: &str, key: &impl Serialize, update_expression: &str) -> Result<Update, TableError> {
        let key = Call { operation: "UpdateItem", table }.item(key)?;
        Ok(Update::new(table, key, update_expression))
    }

    pub async fn send_update(&self, update: &Update) -> Result<(), TableError> {
        let call = Call { operation: "UpdateItem", table: update.table() };
        self.call::<Ignored>(call, update).await.map(drop)
    }

    /// Deletes the item with this key, if there is one.
    pub async fn delete(&self, table: &str, key: &impl Serialize) -> Result<(), TableError> {
        let call = Call { operation: "DeleteItem", table };
        let key = call.item(key)?;
        self.call::<Ignored>(call, &json!({"TableName": table, "Key": key})).await.map(drop)
    }

    /// One page; a page may be empty and still not the last.
    pub async fn query<T: DeserializeOwned>(&self, query: &Query) -> Result<Page<T>, TableError> {
        self.page(Call { operation: "Query", table: query.table() }, query).await
    }

    /// One page; a page may be empty and still not the last.
    pub async fn scan<T: DeserializeOwned>(&self, scan: &Scan) -> Result<Page<T>, TableError> {
        self.page(Call { operation: "Scan", table: scan.table() }, scan).await
    }

    /// [`scan`](Self::scan) without a row type: the items as they are stored, numbers exact.
    pub async fn scan_items(&self, scan: &Scan) -> Result<Page<Item>, TableError> {
        let answer: PageAnswer = self.call(Call { operation: "Scan", table: scan.table() }, scan).await?;
        Ok(Page { items: answer.items, last_key: answer.last_evaluated_key })
    }

    /// Writes any number of items, in requests of 25. Not a transaction: an error may leave some written.
    pub async fn batch_write(&self, table: &str, writes: Vec<Write>) -> Result<(), TableError> {
        let mut writes = writes.into_iter().map(WriteRequest::from).peekable();
        while writes.peek().is_some() {
            self.write_batch(table, writes.by_ref().take(BATCH_WRITES).collect()).await?;
        }
        Ok(())
    }

    async fn write_batch(&self, table: &str, mut writes: Vec<WriteRequest>) -> Result<(), TableError> {
        let call = Call { operation: "BatchWriteItem", table };
        for attempt in 1..=ATTEMPTS {
            let mut answer: BatchAnswer = self.call(call, &json!({"RequestItems": {table: writes}})).await?;
            writes = answer.unprocessed_items.remove(table).unwrap_or_default();
            if writes.is_empty() {
                return Ok(());
            }
            pause(attempt).await;
        }
        Err(TableError::Unprocessed { table: table.to_owned(), writes: writes.len() })
    }

    async fn page<T: DeserializeOwned>(&self, call: Call<'_>, request: &impl Serialize) -> Result<Page<T>, TableError> {
        let answer: PageAnswer = self.call(call, request).await?;
        let items = answer.items.into_iter().map(|item| call.row(item)).collect::<Result<_, _>>()?;
        Ok(Page { items, last_key: answer.last_evaluated_key })
    }

    async fn call<T: DeserializeOwned>(&self, call: Call<'_>, request: &impl Serialize) -> Result<T, TableError> {
        let request = Bytes::from(serde_json::to_vec(request).map_err(|error| call.misfit(error))?);
        let mut attempt = 1;
        let answer = loop {
            match self.attempt(call, request.clone()).await {
                Ok(answer) => break answer,
                Err(refusal) if attempt < ATTEMPTS && is_passing(&refusal) => pause(attempt).await,
                Err(source) => {
                    return Err(TableError::Refused {
                        operation: call.operation,
                        table: call.table.to_owned(),
                        source,
                    });
                }
            }
            attempt += 1;
        };
        serde_json::from_slice(&answer).map_err(|error| call.misfit(error))
    }

    async fn attempt(&self, call: Call<'_>, request: Bytes) -> Result<Bytes, ApiError> {
        let _place = self.places.acquire().await.expect("nobody closes the places");
        self.tables.call(call.operation, request).await
    }
}

impl fmt::Debug for TableClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TableClient")
    }
}

/// What an error message names.
#[derive(Clone, Copy)]
struct Call<'a> {
    operation: &'static str,
    table: &'a str,
}

impl Call<'_> {
    fn item(self, value: &impl Serialize) -> Result<Item, TableError> {
        Item::from_serde(value).map_err(|error| self.misfit(error))
    }

    fn row<T: DeserializeOwned>(self, item: Item) -> Result<T, TableError> {
        item.to_serde().map_err(|error| self.misfit(error))
    }

    fn misfit(self, source: serde_json::Error) -> TableError {
        TableError::Row { operation: self.operation, table: self.table.to_owned(), source }
    }
}
