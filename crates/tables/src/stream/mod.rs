//! The change streams of tables: what a record looks like, where records are read, and the two ways to read them — the
//! Streams API over HTTP ([`operations`]) and the reader inside this process ([`reader`]).

pub(crate) mod iterator;
pub(crate) mod operations;
pub(crate) mod position;
pub(crate) mod reader;
pub(crate) mod record;
pub(crate) mod size;
pub(crate) mod store;
