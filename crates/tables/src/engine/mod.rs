//! What runs the operations on tables and items.
//!
//! One engine exists, [`embedded`]. Another (a DynamoDB-compatible endpoint elsewhere) would implement [`Engine`] too: the
//! seam speaks the JSON of the DynamoDB API, so nothing behind it leaks out.

pub(crate) mod dispatch;
pub(crate) mod embedded;
mod page;
pub(crate) mod schema;
pub(crate) mod threads;

use crate::refusal::Refusal;
use crate::surface::operation::Operation;

pub(crate) trait Engine: Send + Sync {
    /// Runs one operation to its end, on the calling thread. A write that returns is on disk, its stream record with it.
    fn run(&self, operation: Operation, request: &str) -> Result<String, Refusal>;

    /// Deletes the items whose time to live has passed; returns how many they were.
    fn sweep_expired(&self) -> Result<usize, Refusal>;
}
