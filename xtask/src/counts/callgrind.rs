//! Counting: every scenario runs twice under callgrind, and the difference of the two is divided by the difference in runs.

use super::baseline::Circumstances;
use super::verdict::Count;
use crate::workspace::{root, run};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

const PACKAGE: &str = "sluicegate-counts";
/// Runs before those that are counted, in both programs, so that what happens once does not show.
const EARLIER_RUNS: u64 = 20;
/// Keeps glibc to the same routines on every machine: those for AVX2, which callgrind knows. Names a library does not know
/// are ignored.
const TUNABLES: &str =
    "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-ERMS,-FSRM:glibc.cpu.x86_non_temporal_threshold=0xc0000";

/// Builds the scenarios and counts each.
pub(super) fn count() -> Result<Vec<Count>, String> {
    check_valgrind()?;
    println!("building what is counted (minutes for the first time) ...");
    build()?;
    let listed = run(&program(), &[])?;
    let scenarios: Vec<_> = listed.lines().filter_map(|line| line.split_once(' ')).collect();
    std::fs::create_dir_all(folder()).map_err(|error| format!("{}: {error}", folder().display()))?;
    let (waiting, counted) = (Mutex::new(scenarios.iter()), Mutex::new(Vec::new()));
    let next = || waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).next();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((name, runs)) = next() {
                    let count = count_one(name, runs);
                    counted.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push((*name, count));
                }
            });
        }
    });
    let mut counted = counted.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    counted.sort_by_key(|(name, _)| scenarios.iter().position(|(listed, _)| listed == name));
    counted.into_iter().map(|(_, count)| count).collect()
}

fn count_one(name: &str, runs: &str) -> Result<Count, String> {
    let runs: u64 = runs.parse().map_err(|_| format!("{name}: {runs} is no number of runs"))?;
    // The longer one last: its profile stays to be looked at.
    let (before, after) = (instructions(name, EARLIER_RUNS)?, instructions(name, EARLIER_RUNS + runs)?);
    let difference = after.checked_sub(before).filter(|difference| *difference >= runs);
    let difference =
        difference.ok_or_else(|| format!("{name}: {after} instructions with {runs} more runs, {before} before"))?;
    Ok(Count { scenario: name.to_owned(), instructions: difference / runs })
}

/// All instructions of a program that makes so many runs.
fn instructions(name: &str, runs: u64) -> Result<u64, String> {
    let profile = folder().join(format!("{name}.out"));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .args([&program(), name, &runs.to_string()])
        // Nothing of whoever calls shall reach the program.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GLIBC_TUNABLES", TUNABLES)
        .current_dir(root())
        .output()
        .map_err(|error| format!("cannot run valgrind: {error}"))?;
    if !output.status.success() {
        return Err(format!("valgrind with {name} failed:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    let text = std::fs::read_to_string(&profile).map_err(|error| format!("{}: {error}", profile.display()))?;
    let total = text.lines().rev().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    total.ok_or_else(|| format!("{}: there are no totals in it", profile.display()))
}

pub(super) fn circumstances() -> Result<Circumstances, String> {
    let rustc = run("rustc", &["-vV"])?;
    let target = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or("unknown");
    let libc = run("getconf", &["GNU_LIBC_VERSION"]).unwrap_or_else(|_| "unknown libc".to_owned());
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    // Callgrind hides what is wider than AVX2.
    let vectors = if processor.split_whitespace().any(|flag| flag == "avx2") { "AVX2" } else { "no AVX2" };
    Ok(Circumstances {
        compiler: rustc.lines().next().unwrap_or_default().to_owned(),
        target: target.to_owned(),
        libc: libc.trim().to_owned(),
        vectors: vectors.to_owned(),
    })
}

fn check_valgrind() -> Result<(), String> {
    let found = Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success());
    if found { Ok(()) } else { Err("instructions are counted with valgrind: run scripts/install-valgrind".to_owned()) }
}

fn build() -> Result<(), String> {
    let status = Command::new("cargo")
        .args(["build", "--quiet", "--locked", "--profile", "counts", "--package", PACKAGE])
        // Whoever builds with flags of their own gets the same code here.
        .env_remove("RUSTFLAGS")
        .current_dir(root())
        .status()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{PACKAGE} cannot be built")) }
}

fn program() -> String {
    target().join("counts").join(PACKAGE).display().to_string()
}

fn folder() -> std::path::PathBuf {
    target().join("callgrind")
}

/// Where cargo builds to.
fn target() -> std::path::PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(Path::new(&folder)))
}
