//! This machine, as rows. Every call here blocks: it reads `/proc` or what the system has instead.

use super::row::{Measure, Row, percent, whole};
use std::ffi::OsStr;
use std::path::Path;
use std::time::{Instant, SystemTime};
use sysinfo::{
    CpuRefreshKind, Disk, DiskRefreshKind, Disks, Error, InterfaceOperationalState, MemoryRefreshKind, Networks, Pid,
    Process, ProcessRefreshKind, ProcessesToUpdate, System,
};

/// Rows of one kind; a machine with more shows the first by name.
const MAX_DISKS: usize = 8;
const MAX_INTERFACES: usize = 8;
/// Rates over less than this would be noise.
const SHORTEST_LOOK_SECONDS: f64 = 0.01;
/// Names come from the machine and end up in a key, which may have 2,048 bytes.
const MAX_NAME_BYTES: usize = 255;

pub(super) struct Machine {
    system: System,
    disks: Disks,
    networks: Networks,
    /// This process; unknown on platforms without process ids.
    own: Option<Pid>,
    /// Processor time of this process until the last look.
    own_cpu_time_ms: u64,
    /// The last look, from which traffic and processor time are counted.
    looked_at: Instant,
}

impl Machine {
    /// Takes the first look, from which load and traffic are counted.
    pub(super) fn new() -> Result<Self, Error> {
        let mut machine = Self {
            system: System::new()?,
            disks: Disks::new()?,
            networks: Networks::new_with_refreshed_list()?,
            own: sysinfo::get_current_pid().ok(),
            own_cpu_time_ms: 0,
            looked_at: Instant::now(),
        };
        machine.refresh_system();
        machine.own_cpu_time_ms = machine.own_process().map_or(0, Process::accumulated_cpu_time);
        Ok(machine)
    }

    pub(super) fn measure(&mut self, time: SystemTime) -> Vec<Row> {
        self.refresh_system();
        let seconds = self.looked_at.elapsed().as_secs_f64().max(SHORTEST_LOOK_SECONDS);
        self.looked_at = Instant::now();
        let mut rows = vec![self.cpu(), self.memory()];
        rows.extend(self.disks());
        rows.extend(self.networks(seconds));
        rows.extend(self.sluicegate(seconds));
        rows.push(self.processes());
        rows.into_iter().map(|row| row.at(time)).collect()
    }

    fn refresh_system(&mut self) {
        self.system.refresh_cpu_specifics(CpuRefreshKind::nothing().with_usage());
        self.system.refresh_memory_specifics(MemoryRefreshKind::everything());
        // Which processes there are costs one small file each; their threads, users and memory are not read.
        let listed = ProcessRefreshKind::nothing().without_tasks();
        self.system.refresh_processes_specifics(ProcessesToUpdate::All, true, listed);
        if let Some(own) = self.own {
            let measured = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
            self.system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), false, measured);
        }
    }

    fn cpu(&self) -> Row {
        let row = Row::new("cpu", None, "CPU", Measure::Percent(self.system.global_cpu_usage().into()));
        let row = row.with("cores", self.system.cpus().len());
        match System::load_average() {
            Ok(load) => row.with("load_1m", two_decimals(load.one)).with("load_5m", two_decimals(load.five)),
            // There is none on Windows.
            Err(_) => row,
        }
    }

    fn memory(&self) -> Row {
        let (used, total) = (self.system.used_memory(), self.system.total_memory());
        Row::new("memory", None, "Memory", Measure::Percent(percent(used, total)))
            .with("used_bytes", used)
            .with("available_bytes", self.system.available_memory())
            .with("total_bytes", total)
            .with("swap_used_bytes", self.system.used_swap())
            .with("swap_total_bytes", self.system.total_swap())
    }

    fn disks(&mut self) -> Vec<Row> {
        self.disks.refresh_specifics(true, DiskRefreshKind::nothing().with_storage());
        let mut disks: Vec<&Disk> = self.disks.iter().filter(|disk| is_real(disk)).collect();
        disks.sort_by_key(|disk| (disk.mount_point().as_os_str().len(), disk.mount_point()));
        let mut shown: Vec<&Disk> = Vec::new();
        for disk in disks {
            // One device mounted in several places is one disk: the shortest path names it.
            if shown.len() < MAX_DISKS && !shown.iter().any(|known| known.name() == disk.name()) {
                shown.push(disk);
            }
        }
        shown.into_iter().map(disk_row).collect()
    }

    fn networks(&mut self, seconds: f64) -> Vec<Row> {
        self.networks.refresh(true);
        let mut interfaces: Vec<_> = self.networks.iter().filter(|(name, data)| is_connected(name, data)).collect();
        interfaces.sort_by_key(|(name, _)| name.as_os_str());
        interfaces.truncate(MAX_INTERFACES);
        interfaces
            .into_iter()
            .map(|(name, data)| {
                let (received, sent) = (data.received() as f64 / seconds, data.transmitted() as f64 / seconds);
                let name = name.to_string_lossy();
                let label = format!("Network {name}");
                Row::new("network", Some(short(&name)), &label, Measure::BytesPerSecond(received + sent))
                    .with("received_bytes_per_second", whole(received))
                    .with("sent_bytes_per_second", whole(sent))
                    .with("received_bytes", data.total_received())
                    .with("sent_bytes", data.total_transmitted())
            })
            .collect()
    }

    /// This server itself. Its load counts one core as 100 %.
    fn sluicegate(&mut self, seconds: f64) -> Option<Row> {
        let process = self.own_process()?;
        let (cpu_time_ms, rss_bytes, uptime) = (process.accumulated_cpu_time(), process.memory(), process.run_time());
        let cores = cpu_time_ms.saturating_sub(self.own_cpu_time_ms) as f64 / 1000.0 / seconds;
        self.own_cpu_time_ms = cpu_time_ms;
        Some(
            Row::new("process", Some("sluicegate"), "Sluicegate", Measure::Percent(cores * 100.0))
                .with("rss_bytes", rss_bytes)
                .with("uptime_seconds", uptime),
        )
    }

    fn own_process(&self) -> Option<&Process> {
        self.system.process(self.own?)
    }

    fn processes(&self) -> Row {
        Row::new("processes", None, "Processes", Measure::Count(self.system.processes().len() as u64))
    }
}

fn disk_row(disk: &Disk) -> Row {
    let (total, available) = (disk.total_space(), disk.available_space());
    let used = total.saturating_sub(available);
    let mount_point = disk.mount_point().to_string_lossy();
    let label = format!("Disk {mount_point}");
    Row::new("disk", Some(short(&mount_point)), &label, Measure::Percent(percent(used, total)))
        .with("used_bytes", used)
        .with("available_bytes", available)
        .with("total_bytes", total)
        .with("file_system", disk.file_system().to_string_lossy())
}

/// Not the pseudo file systems that sysinfo lets through, nor a single file that a container runtime mounts.
fn is_real(disk: &Disk) -> bool {
    disk.total_space() > 0 && is_folder(disk.mount_point()) && !disk.name().is_empty()
}

fn is_folder(path: &Path) -> bool {
    path.is_dir()
}

fn is_connected(name: &OsStr, data: &sysinfo::NetworkData) -> bool {
    let is_loopback = name == "lo" || name == "lo0";
    !is_loopback && data.operational_state() != InterfaceOperationalState::Down
}

fn short(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_NAME_BYTES)]
}

fn two_decimals(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_between_characters() {
        assert_eq!(short("eth0"), "eth0");
        assert_eq!(short(&"ä".repeat(200)).len(), 254);
    }

    #[test]
    fn every_entity_has_one_row() {
        let mut machine = Machine::new().unwrap();
        let rows = machine.measure(SystemTime::now());
        let mut entities: Vec<_> = rows.iter().map(|row| row.entity_id.clone()).collect();
        entities.sort();
        let count = entities.len();
        entities.dedup();
        assert_eq!(entities.len(), count);
        assert!(count <= 4 + MAX_DISKS + MAX_INTERFACES);
    }
    #[test]
    fn work_of_this_process_shows_as_its_load() {
        let mut machine = Machine::new().unwrap();
        let begin = Instant::now();
        while begin.elapsed().as_millis() < 100 {
            std::hint::spin_loop();
        }
        let rows = machine.measure(SystemTime::now());
        let own = rows.iter().find(|row| row.entity_id == "process:sluicegate").unwrap();
        let own = serde_json::to_value(own).unwrap();
        assert!(own["metric_value"].as_f64().unwrap() > 0.0, "{own}");
    }
}
