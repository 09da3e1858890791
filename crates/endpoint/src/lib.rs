//! What every AWS-compatible HTTP surface shares: bounded bodies, request ids, error framing, signatures and
//! policies.
//!
//! **Boundary:** from an HTTP request to bytes and back; the surfaces decide what the bytes mean.
//! **Invariant:** knows no operation of any service.

pub mod body;
pub mod credentials;
pub mod policy;
pub mod response;
pub mod rest;
mod run_on;
pub mod signature;

pub use body::{BodyError, read_body};
pub use credentials::{Caller, Credential, Credentials, Secret};
pub use policy::{Decision, Policy};
pub use response::{Response, aws_json_error, empty, json, request_id, rest_json_error};
pub use rest::{Rest, Watched};
pub use run_on::RunOn;
