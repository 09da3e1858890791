//! Templates in, stacks or problems out: through the one door that users have.
//!
//! A case is a file or folder in `cases/` with what is expected beside it: `chat.yaml` and `chat.expected`. `WRITE_EXPECTED=1`
//! writes the latter, to be read before it is committed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cases;
mod disk;
mod hostile;
mod intrinsics;
mod options;
mod properties;
