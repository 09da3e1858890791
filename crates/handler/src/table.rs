//! Tables as a handler uses them: typed rows through serde, DynamoDB JSON underneath.

mod client;
mod request;
mod retry;
mod value;
mod wire;

pub use client::{Page, TableClient, TableError};
pub use request::{Query, Scan, Update, Write};
pub use value::{AttributeValue, Item};
