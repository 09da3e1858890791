//! The machine the figures are from, and how busy others keep it.

use serde::Serialize;
use sluicegate_load::process::cpu;
use std::fs;
use std::io;
use std::time::{Duration, Instant};

/// The kernel counts processor time in hundredths of a second, whatever its own tick (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_bytes: u64,
    pub kernel: String,
}

/// How busy the machine was at one moment.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Load {
    /// The load average over a minute: threads that want to run.
    pub average: f64,
    /// The share of all cores that was in use for half a second without this bench.
    pub busy: f64,
}

impl Machine {
    pub fn look() -> io::Result<Self> {
        let value = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_once(':'));
            line.map_or_else(String::new, |(_, value)| value.trim().to_owned())
        };
        let memory = value(&fs::read_to_string("/proc/meminfo")?, "MemTotal");
        Ok(Self {
            processor: value(&fs::read_to_string("/proc/cpuinfo")?, "model name"),
            cores: cores(),
            memory_bytes: memory.trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
        })
    }
}

impl Load {
    pub fn look() -> io::Result<Self> {
        let average = fs::read_to_string("/proc/loadavg")?;
        let average = average.split(' ').next().and_then(|minute| minute.parse().ok()).unwrap_or(0.0);
        let watch = Watch::begin()?;
        std::thread::sleep(Duration::from_millis(500));
        Ok(Self { average, busy: watch.others(Duration::ZERO)? })
    }
}

/// Watches what everybody else does while a run is under way.
pub struct Watch {
    begun: Instant,
    busy: f64,
    own: Duration,
}

impl Watch {
    pub fn begin() -> io::Result<Self> {
        Ok(Self { begun: Instant::now(), busy: busy_seconds()?, own: cpu(std::process::id())? })
    }

    /// The share of all cores that went neither to this process nor to the server, which used `server`.
    pub fn others(&self, server: Duration) -> io::Result<f64> {
        let own = cpu(std::process::id())? - self.own;
        let foreign = busy_seconds()? - self.busy - own.as_secs_f64() - server.as_secs_f64();
        Ok((foreign / self.begun.elapsed().as_secs_f64() / cores() as f64).max(0.0))
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Seconds that all cores together did not idle. What a hypervisor took away counts as used.
fn busy_seconds() -> io::Result<f64> {
    const IDLE: usize = 3;
    const WAITING_FOR_DISK: usize = 4;
    const STEAL: usize = 7;
    let text = fs::read_to_string("/proc/stat")?;
    let columns = text.lines().next().unwrap_or_default().split_whitespace().skip(1).take(STEAL + 1).enumerate();
    let used = columns.filter(|(column, _)| *column != IDLE && *column != WAITING_FOR_DISK);
    Ok(used.filter_map(|(_, ticks)| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SECOND)
}
