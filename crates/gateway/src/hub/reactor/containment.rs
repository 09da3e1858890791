//! A panic in what a reactor reports to ends one connection, never the thread with all the others.

use crate::peer::Peer;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The report ended in a panic, which has been logged.
#[derive(Debug)]
pub(super) struct Panicked;

pub(super) fn contain(peer: &Peer, report: impl FnOnce()) -> Result<(), Panicked> {
    // What the report was about is closed by the caller, so nobody sees it half changed.
    catch_unwind(AssertUnwindSafe(report)).map_err(|_| {
        tracing::error!(connection = %peer.id, stage = %peer.stage, "a panic in the gateway: the connection is closed");
        Panicked
    })
}
