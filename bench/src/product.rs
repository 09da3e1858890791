//! The whole server, as an operator starts it: the `sluicegate` binary on an empty data directory.

use crate::Failure;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const ARGUMENTS: &[&str] = &[
    "serve",
    "--listen=127.0.0.1:0",
    "--admin=127.0.0.1:0",
    "--batch-window=0",
    // Nobody but the bench writes.
    "--collector=off",
    "--log-format=json",
    "--log=warn",
];

/// What most scenarios run on it.
const APPLICATION: &[&str] = &["--app=live-metrics"];

pub struct Product {
    child: Ending,
    pub address: SocketAddr,
    /// The path of its WebSocket API.
    pub path: String,
    data: TempDir,
    /// From its start to the line that says so.
    pub ready_after: Duration,
}

impl Product {
    /// Starts `binary`, or the one beside this bench, on an empty data directory, and returns when it is ready.
    pub fn start(binary: Option<&Path>) -> Result<Self, Failure> {
        Self::start_on(data_folder(binary)?, binary)
    }

    /// The same on data that are there.
    pub fn start_on(data: TempDir, binary: Option<&Path>) -> Result<Self, Failure> {
        Self::start_with(data, binary, APPLICATION)
    }

    /// The same with other arguments than those for the bundled application.
    pub fn start_with(data: TempDir, binary: Option<&Path>, arguments: &[&str]) -> Result<Self, Failure> {
        let binary = program(binary)?;
        let begun = Instant::now();
        let mut child = Command::new(&binary)
            .args(ARGUMENTS)
            .args(arguments)
            .arg("--data")
            .arg(data.path())
            .current_dir(data.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| {
                format!(
                    "cannot start {}: {error}; build it with `cargo build --release -p sluicegate`",
                    binary.display()
                )
            })?;
        let output = child.stdout.take().ok_or("the server has no standard output")?;
        // From here on the child ends with this value, whatever happens.
        let (address, path) = (([0, 0, 0, 0], 0).into(), String::new());
        let mut product = Self { child: Ending(child), address, path, data, ready_after: Duration::ZERO };
        let ready = ready_line(BufReader::new(output))?;
        product.ready_after = begun.elapsed();
        product.address = ready["listen"].as_str().ok_or("the ready line has no address")?.parse()?;
        let url = ready["apis"][0]["url"].as_str().ok_or("the ready line has no API")?;
        product.path = url.splitn(4, '/').nth(3).map(|path| format!("/{path}")).ok_or("the API's URL has no path")?;
        Ok(product)
    }

    /// Ends it as an operator does, and returns its data.
    pub fn stop(mut self) -> Result<TempDir, Failure> {
        let asked = Command::new("kill").arg("-TERM").arg(self.pid().to_string()).status()?;
        let ended = self.child.0.wait()?;
        if asked.success() && ended.success() {
            Ok(self.data)
        } else {
            Err(format!("the server ended with {ended}").into())
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.0.id()
    }

    pub fn data(&self) -> &Path {
        self.data.path()
    }
}

/// A child that ends with this value.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        // Its data goes with it, so nothing needs to be flushed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `binary`, or the one beside this bench.
pub fn program(binary: Option<&Path>) -> Result<PathBuf, Failure> {
    match binary {
        Some(given) => Ok(given.to_owned()),
        None => Ok(std::env::current_exe()?.with_file_name("sluicegate")),
    }
}

/// An empty folder beside the binary, because temporary folders are often in memory, where writing durably costs nothing.
pub fn data_folder(binary: Option<&Path>) -> Result<TempDir, Failure> {
    let binary = program(binary)?;
    let beside = binary.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(TempDir::with_prefix_in("bench-data-", beside)?)
}

fn ready_line(output: impl BufRead) -> Result<Value, Failure> {
    for line in output.lines() {
        let Ok(line) = serde_json::from_str::<Value>(&line?) else { continue };
        if line["event"] == "ready" {
            return Ok(line);
        }
    }
    Err("the server ended before it was ready; what it said stands above".into())
}
