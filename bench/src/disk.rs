//! What the disk itself asks for a durable write: the part of every change that no server can save.

use crate::Failure;
use crate::statistics::median;
use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;
use std::time::Instant;

/// A page of the table engine.
const PAGE_BYTES: usize = 4096;
const WRITES: usize = 200;

/// The median time of an overwrite of one page and `fsync`, in milliseconds, in `folder`.
pub fn fsync_ms(folder: &Path) -> Result<f64, Failure> {
    let mut file = File::create(folder.join("fsync.probe"))?;
    let page = [b'x'; PAGE_BYTES];
    // Written once before, as a log that is reused: growing a file costs more than filling it.
    file.write_all(&page)?;
    file.sync_all()?;
    let mut times = Vec::with_capacity(WRITES);
    for _ in 0..WRITES {
        let begun = Instant::now();
        file.rewind()?;
        file.write_all(&page)?;
        file.sync_all()?;
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(median(times))
}
