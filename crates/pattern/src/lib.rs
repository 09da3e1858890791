//! Event patterns, as the filters of Lambda's event source mappings and EventBridge's rules have them.
//!
//! ```
//! use sluicegate_pattern::Filter;
//!
//! let filter = Filter::compile(&[r#"{"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "room#"}]}}}}"#])?;
//! assert!(filter.matches(r#"{"eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"S": "room#1"}}}}"#)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A pattern is an object in the shape of the event; its leaves are arrays of tests. One test of an array is enough, every
//! field is needed, `$or` says otherwise. Patterns of one filter are alternatives. Where arrays of objects are in the event,
//! all fields of a pattern must be found in the same elements.
//!
//! **Boundary.** Text in, a yes or no out; knows no service but for the remarks in [`Filter::remarks_on_dynamodb`].
//!
//! **Invariant.** Work is bounded whatever the pattern and the event: compiling by the limits in [`limits`], matching by one
//! reading of the event and [`limits::MATCH_STEPS`].

mod address;
mod array;
mod compile;
mod decide;
mod dynamodb;
mod error;
mod event;
mod filter;
pub mod limits;
mod number;
mod paths;
mod test;
mod text;

pub use dynamodb::Remark;
pub use error::{FilterError, NotAnEvent, PatternError};
pub use filter::Filter;
