//! Patterns as their authors meet them: text in, a yes, a no or a refusal out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bounds;
mod cases;
mod properties;
