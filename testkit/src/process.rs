//! The real binary as a child process, for what only a process can show: signals, exit codes, `kill -9`.

use crate::patiently;
use serde_json::Value;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// A child that is killed when the test ends before it does.
pub struct ServerProcess {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    ready: Value,
}

impl ServerProcess {
    /// Runs `serve` on free ports over `data` with further arguments, and waits for its ready line.
    pub async fn start(binary: impl AsRef<OsStr>, data: &Path, arguments: &[&str]) -> Self {
        let mut child = command(binary, data)
            .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-format", "json"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary cannot be run");
        let mut stdout = BufReader::new(child.stdout.take().expect("standard output is piped")).lines();
        let line = patiently("the ready line", stdout.next_line()).await.expect("standard output cannot be read");
        let line = line.expect("the server ended before it was ready");
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line}"));
        Self { child, stdout, ready }
    }

    /// Runs `serve` with arguments that keep it from starting, and returns its exit code and what it said.
    pub async fn refused(binary: impl AsRef<OsStr>, data: &Path, arguments: &[&str]) -> (Option<i32>, String) {
        let running = command(binary, data).args(arguments).stderr(Stdio::piped()).stdout(Stdio::null()).output();
        let output = patiently("the server to refuse", running).await.expect("the binary cannot be run");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    pub fn ready(&self) -> &Value {
        &self.ready
    }

    pub fn listen(&self) -> SocketAddr {
        self.address("listen")
    }

    pub fn admin(&self) -> SocketAddr {
        self.address("admin")
    }

    fn address(&self, name: &str) -> SocketAddr {
        self.ready[name].as_str().and_then(|text| text.parse().ok()).expect("the ready line names an address")
    }

    /// Asks the process to end, as an operator does.
    pub async fn terminate(&self) {
        self.signal("TERM").await;
    }

    async fn signal(&self, name: &str) {
        let pid = self.child.id().expect("the process has ended already").to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().await.expect("there is no kill");
        assert!(sent.success(), "kill -{name} {pid} failed");
    }

    /// Ends the process without a word, as a crash does.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("the process cannot be killed");
    }

    /// Waits for the end; returns the status and what was still written to standard output.
    pub async fn ended(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        let status = patiently("the process to end", async {
            let _ = self.stdout.get_mut().read_to_string(&mut rest).await;
            self.child.wait().await
        })
        .await;
        (status.expect("the process cannot be waited for"), rest)
    }
}

/// `serve` in a folder and an environment where no configuration lies around.
fn command(binary: impl AsRef<OsStr>, data: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SLUICEGATE_")) {
        command.env_remove(name);
    }
    command.arg("serve").arg("--data").arg(data).current_dir(data).stdin(Stdio::null()).kill_on_drop(true);
    command
}
