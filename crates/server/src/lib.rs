//! The composition root: configuration in, a running server out. The binary and the testkit both start here.
//!
//! **Boundary.** Knows every crate and wires them; is known by the testkit and the benches only.
//! **Invariant.** Decides nothing that a crate below could decide: it starts, routes requests to their surface, and stops.

mod admin;
pub mod announce;
mod api_files;
mod applications;
mod apps;
mod changes;
pub mod check;
mod collector;
pub mod config;
mod converge;
mod data_folder;
mod directory;
mod function_hosts;
mod health;
mod listener;
mod local_services;
pub mod logs;
mod open_files;
mod origins;
mod pages;
pub mod prometheus;
mod public;
mod serve;
mod stacks;
mod usage_plans;
mod wanted;
mod watch;

pub use changes::{Change, Reloaded};
pub use config::Config;
pub use converge::Refusal;
pub use directory::{ApiAddress, Published};
pub use serve::{RunningServer, Server, StartError};
pub use stacks::OutputValue;
pub use watch::Watch;
