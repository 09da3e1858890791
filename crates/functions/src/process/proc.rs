//! What the kernel tells of processes, through `/proc`; elsewhere than on Linux it tells nothing, and ceilings do not hold.

use rustix::process::{Pid, Signal, kill_process};
use std::collections::HashMap;
use std::fs;

/// What the processes of one group have together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) processes: usize,
    /// Memory of their own: what they share with others, such as the text of Node, is not counted.
    pub(crate) bytes: u64,
}

/// The usage of each of these groups.
pub(crate) fn usage(groups: impl IntoIterator<Item = u32>) -> HashMap<u32, Usage> {
    let mut usage: HashMap<u32, Usage> = groups.into_iter().map(|group| (group, Usage::default())).collect();
    for pid in pids() {
        let Some(of_group) = group_of(pid).and_then(|group| usage.get_mut(&group)) else { continue };
        of_group.processes += 1;
        of_group.bytes += memory_of(pid);
    }
    usage
}

/// Private memory, in RAM and swapped out, in bytes.
pub(crate) fn memory_of(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kilobytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>().ok())
    };
    ["RssAnon", "RssShmem", "VmSwap"].into_iter().filter_map(kilobytes).sum::<u64>() * 1024
}

/// Ends all processes that carry `mark` in their environment: those that have left their group, as daemons do.
pub(crate) fn kill_marked(mark: &str) {
    let own = std::process::id();
    for pid in pids().filter(|pid| *pid != own) {
        let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { continue };
        let carries = environment.windows(mark.len()).any(|window| window == mark.as_bytes());
        if let (true, Some(process)) = (carries, i32::try_from(pid).ok().and_then(Pid::from_raw)) {
            let _ = kill_process(process, Signal::KILL);
        }
    }
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The fifth field of `stat`; the second, a name in parentheses, may hold anything.
fn group_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(2)?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_in_its_group_and_has_memory() {
        let own = group_of(std::process::id()).unwrap();
        let usage = usage([own, u32::MAX]);
        assert!(usage[&own].processes >= 1 && usage[&own].bytes > 100_000, "{usage:?}");
        assert_eq!(usage[&u32::MAX], Usage::default());
    }
}
