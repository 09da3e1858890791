//! The conformance suite of WebSocket APIs: cases as data, one runner, a report.
//!
//! `conformance/websocket/*.toml` holds the cases, one file per section. [`run_all`] runs them against a gateway in this
//! process, with a clock that only moves when a case moves it, or against an endpoint elsewhere. What is known to differ stands
//! in `deviations.toml` with its reason: [`Known::check`] refuses failures that are not listed, and listed cases that pass.

mod answer;
pub mod case;
mod event;
mod known;
mod metrics;
mod names;
mod report;
mod run;
mod signing;
mod suite;
mod target;
mod usual_api;
mod wire;

pub use known::Known;
pub use report::{page, table};
pub use run::{Against, Outcome};
pub use signing::Key;
pub use suite::{Finished, Suite, run_all};
pub use target::Endpoint;
pub use usual_api::usual_definition;

use std::path::{Path, PathBuf};

/// The folder of case files.
pub fn folder() -> PathBuf {
    root().join("conformance/websocket")
}

/// The page that the runner writes.
pub fn page_path() -> PathBuf {
    root().join("docs/reference/conformance.md")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the runner lies two folders below the root")
}
