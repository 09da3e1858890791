//! The composition root: configuration in, a running server out. The binary and the testkit both start here.
//!
//! **Boundary.** Knows every crate and wires them; is known by the testkit and the benches only.
//! **Invariant.** Decides nothing that a crate below could decide: it starts, routes requests to their surface, and stops.

mod admin;
pub mod announce;
mod api_files;
mod applications;
mod apps;
pub mod check;
mod collector;
pub mod config;
mod data_folder;
mod function_hosts;
mod health;
mod listener;
mod local_services;
pub mod logs;
mod open_files;
mod pages;
pub mod prometheus;
mod public;
mod serve;
mod stacks;
mod usage_plans;

pub use config::Config;
pub use serve::{ApiAddress, RunningServer, Server, StartError};
pub use stacks::OutputValue;
