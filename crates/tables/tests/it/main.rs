//! The tables through their two doors: HTTP requests and calls inside the process.

// The lint's allowance for tests does not reach the functions that tests share.
#![allow(clippy::unwrap_used)]

mod bad_input;
mod definitions;
mod items;
mod open_and_close;
mod permissions;
mod records;
mod remedies;
mod stream_api;
mod world;
