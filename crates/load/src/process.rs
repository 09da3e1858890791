//! CPU time and memory of a process, from the operating system.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes of a process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Held by nobody else: what ending the process would free.
    pub private: u64,
    /// Present in memory, shared pages included.
    pub resident: u64,
}

/// User and system time of every thread that lives. In nanoseconds from the scheduler: `utime` and `stime` count in ticks of
/// 10 ms, too coarse for a run of half a second.
pub fn cpu(pid: u32) -> io::Result<Duration> {
    let mut nanoseconds = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the listing and the look.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        nanoseconds += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanoseconds))
}

pub fn memory(pid: u32) -> io::Result<Memory> {
    let text = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("smaps_rollup"))?;
    let kilobytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0)
    };
    Ok(Memory {
        private: 1024 * (kilobytes("Private_Clean") + kilobytes("Private_Dirty")),
        resident: 1024 * kilobytes("Rss"),
    })
}

/// Memory once it has stopped moving: allocators give back what a handshake needed only after a while.
pub fn settled_memory(pid: u32) -> io::Result<Memory> {
    const LOOK_EVERY: Duration = Duration::from_millis(200);
    const STILL_LOOKS: u32 = 3;
    const AT_MOST: Duration = Duration::from_secs(5);
    const STILL_BYTES: u64 = 16 * 1024;

    let (begun, mut last, mut still) = (Instant::now(), memory(pid)?, 0);
    while still < STILL_LOOKS && begun.elapsed() < AT_MOST {
        std::thread::sleep(LOOK_EVERY);
        let now = memory(pid)?;
        still = if now.private.abs_diff(last.private) <= STILL_BYTES { still + 1 } else { 0 };
        last = now;
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_time_and_memory() {
        let me = std::process::id();
        let mut number = 1u64;
        while cpu(me).unwrap().is_zero() {
            number = std::hint::black_box(number.wrapping_mul(3));
        }
        let memory = memory(me).unwrap();
        assert!(memory.private > 0 && memory.resident >= memory.private, "{memory:?}");
    }
}
