//! The server, through its doors: command line, ports, signals.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admin;
mod api_files;
mod check;
mod command_line;
mod functions;
mod http;
mod load;
mod main_job;
mod pages;
mod process;
mod reference;
