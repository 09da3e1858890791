//! The whole server, as an operator starts it: the `sluicegate` binary on an empty data directory.

use crate::Failure;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const ARGUMENTS: &[&str] = &[
    "serve",
    "--listen=127.0.0.1:0",
    "--admin=127.0.0.1:0",
    "--app=live-metrics",
    "--batch-window=0",
    // Nobody but the bench writes.
    "--collector=off",
    "--log-format=json",
    "--log=warn",
];

pub struct Product {
    child: Child,
    pub address: SocketAddr,
    /// The path of its WebSocket API.
    pub path: String,
    data: TempDir,
}

impl Product {
    /// Starts `binary`, or the one beside this bench, and returns when it is ready.
    pub fn start(binary: Option<&Path>) -> Result<Self, Failure> {
        let binary = binary.map_or_else(beside_this, |given| Ok(given.to_owned()))?;
        // Beside the binary, because temporary folders are often in memory, where writing durably costs nothing.
        let folder = binary.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let data = TempDir::with_prefix_in("bench-data-", folder)?;
        let mut child = Command::new(&binary)
            .args(ARGUMENTS)
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
        let mut product = Self { child, address: ([0, 0, 0, 0], 0).into(), path: String::new(), data };
        let ready = ready_line(BufReader::new(output))?;
        product.address = ready["listen"].as_str().ok_or("the ready line has no address")?.parse()?;
        let url = ready["apis"][0]["url"].as_str().ok_or("the ready line has no API")?;
        product.path = url.splitn(4, '/').nth(3).map(|path| format!("/{path}")).ok_or("the API's URL has no path")?;
        Ok(product)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn data(&self) -> &Path {
        self.data.path()
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        // Its data goes with it, so nothing needs to be flushed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn beside_this() -> Result<PathBuf, Failure> {
    Ok(std::env::current_exe()?.with_file_name("sluicegate"))
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
