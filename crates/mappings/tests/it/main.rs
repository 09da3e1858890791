//! Mappings on real tables.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod failures;
mod filtering;
mod mapping;
mod queue;
mod world;
