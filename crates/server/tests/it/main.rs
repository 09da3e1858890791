//! The server, through its doors: command line, ports, signals.

mod admin;
mod api_files;
mod command_line;
mod http;
mod main_job;
mod pages;
mod process;
mod reference;
