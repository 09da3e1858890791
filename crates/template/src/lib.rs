//! Deployment templates in; a typed [`Stack`], or every problem with its place, out.
//!
//! ```text
//! path ─ format ─→ document ─ sections, sam ─→ resources ─ evaluate ─→ values ─ build ─→ Stack
//!       (detect)   (JSON, YAML)  (expand)        (Ref, Sub, …)         (by type)
//! ```
//!
//! [`load`] takes a file or a folder: CloudFormation and SAM as JSON or YAML, `cdk.out`, `.serverless`, a Terraform plan as
//! JSON. It works everything out: parameters, conditions, functions, names and ARNs. Names that a template leaves open are
//! made of stack and logical id, and are the same every time.
//!
//! # Serving a stack
//!
//! - [`Stack::apis`] are definitions in the words of an API file: `serde_json::to_value(&api.definition)` is what the gateway
//!   reads. Integrations name functions by invocation ARN.
//! - [`Stack::functions`] have code on this disk ([`Code`]), variables with addresses as on AWS ([`Stack::localised`] makes
//!   them local), and layers by ARN ([`Stack::layers`]).
//! - [`Stack::tables`] are to be created if absent. The label in a stream's ARN is [`STREAM_LABEL`] wherever a template asked
//!   for it; [`Stack::mappings`] name tables and queues themselves, not ARNs.
//! - [`Stack::outputs`] and [`Stack::notes`] are to be shown.
//!
//! To reload, load again and compare: everything is `PartialEq`, and ids do not change with what they belong to.
//!
//! **Boundary.** Text comes in through [`Files`]; no I/O, no clock, no randomness.
//! **Invariant.** Looks at everything before it gives up: problems are told all at once. Whatever the file, memory and time are
//! bounded ([`limits`]).

mod assemble;
mod build;
mod circles;
mod document;
mod environment;
mod evaluate;
mod files;
mod for_each;
mod format;
pub mod kinds;
pub mod limits;
mod nested;
mod parameters;
mod problem;
mod resource;
mod sam;
mod sections;
mod stack;
mod values;

pub use assemble::Options;
pub use environment::Environment;
pub use evaluate::STREAM_LABEL;
pub use files::{FileKind, Files};
pub use format::load;
pub use parameters::parse_parameters;
pub use problem::{Note, Place, Problem, Problems};
pub use stack::*;
