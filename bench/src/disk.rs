//! What the disk itself asks for a durable write: the part of every change that no server can save.
//!
//! The table engine commits by writing the changed pages into a log that it has used before, and `fdatasync`. So does this
//! probe, in the same folder. It is asked between the runs that it stands beside: a shared disk changes within seconds.

use crate::Failure;
use crate::report::Fsync;
use crate::statistics::percentile;
use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;
use std::time::Instant;

/// A page of the table engine with the header that its log gives it.
const FRAME_BYTES: usize = 4096 + 24;
/// As long as the engine's log gets before it is begun again.
const LOG_FRAMES: usize = 1000;
/// Pages of one commit, in turns: a row's page, and now and then one of an index.
const COMMITS: [usize; 2] = [1, 2];
/// Commits at a time.
const WRITES: usize = 100;

pub struct Disk {
    log: File,
    /// Frames since the log was begun again.
    written: usize,
    times_ms: Vec<f64>,
}

impl Disk {
    pub fn new(folder: &Path) -> Result<Self, Failure> {
        let mut log = File::create(folder.join("fsync.probe"))?;
        // Written once before: growing a file costs more than filling it.
        log.write_all(&vec![0; FRAME_BYTES * (LOG_FRAMES + COMMITS.len())])?;
        log.sync_all()?;
        log.rewind()?;
        Ok(Self { log, written: 0, times_ms: Vec::new() })
    }

    /// Adds some commits to the sample.
    pub fn probe(&mut self) -> Result<(), Failure> {
        let pages = [b'x'; FRAME_BYTES * COMMITS.len()];
        for frames in COMMITS.into_iter().cycle().take(WRITES) {
            if self.written >= LOG_FRAMES {
                self.log.rewind()?;
                self.written = 0;
            }
            let begun = Instant::now();
            self.log.write_all(&pages[..frames * FRAME_BYTES])?;
            self.log.sync_data()?;
            self.times_ms.push(begun.elapsed().as_secs_f64() * 1000.0);
            self.written += frames;
        }
        Ok(())
    }

    /// The figures since the last call.
    pub fn figures(&mut self) -> Fsync {
        let mut times = std::mem::take(&mut self.times_ms);
        Fsync { p50_ms: percentile(&mut times, 0.5), p99_ms: percentile(&mut times, 0.99), writes: times.len() }
    }
}
