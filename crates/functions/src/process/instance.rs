//! One process: started, given one event after the other, ended.

use super::keeper::Keeper;
use super::launch::Launch;
use super::limits::{TAKE_PATIENCE, TERM_GRACE};
use super::log::FunctionLog;
use super::output::Output;
use super::proc;
use super::runtime_api::{self, Answer, Exchange, Readiness, Request, Work};
use rustix::process::{Pid, Signal, kill_process_group};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::process::Child;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// How long an answer may be on its way when its process has ended already.
const LATE_ANSWER: Duration = Duration::from_millis(100);
/// How long the output of an ended process is read on, when something still holds its other end.
const LATE_OUTPUT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Instance {
    pid: u32,
    exchange: Arc<Exchange>,
    pub(crate) output: Arc<Output>,
    ended: watch::Receiver<Option<Ended>>,
    started: Instant,
    /// The most memory it was seen to have, in bytes.
    peak_memory: AtomicU64,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Exited(i32),
    Killed(i32),
}

/// How a start went.
#[derive(Clone, Debug)]
pub(crate) enum Start {
    Ready(Duration),
    /// Reported by the process.
    Failed(bytes::Bytes),
    Ended(Ended),
    TimedOut,
}

/// What became of an event.
#[derive(Debug)]
pub(crate) enum Run {
    Answered(Answer, Duration),
    Ended(Ended, Duration),
    TimedOut,
    /// The process never saw it; another one can have it.
    NotTaken,
}

impl Instance {
    /// Starts a process. It is not ready yet.
    pub(crate) async fn start(
        launch: &Launch,
        log: Arc<FunctionLog>,
        log_stream: &str,
        keeper: Option<Keeper>,
        grace: Duration,
    ) -> std::io::Result<Self> {
        let listener = runtime_api::listen().await?;
        let address = runtime_api::address(&listener)?;
        let exchange = Arc::new(Exchange::new());
        let (child, pipe) = launch.start(address, log_stream)?;
        // Only a process that was waited for has none.
        let pid = child.id().ok_or(std::io::ErrorKind::NotFound)?;
        if let Some(keeper) = &keeper {
            keeper.started(pid);
        }
        let output = Arc::new(Output::new(OwnedFd::from(pipe), log)?);
        let reading = tokio::spawn({
            let output = Arc::clone(&output);
            async move { output.read_on().await }
        });
        let serving = tokio::spawn(runtime_api::serve(listener, Arc::clone(&exchange), address, grace));
        let (tell, ended) = watch::channel(None);
        tokio::spawn(wait(child, pid, log_stream.to_owned(), keeper, tell, serving, reading));
        Ok(Self { pid, exchange, output, ended, started: Instant::now(), peak_memory: AtomicU64::new(0) })
    }

    /// Waits until it asks for its first event, at most `limit`.
    pub(crate) async fn ready(&self, limit: Duration) -> Start {
        let (mut readiness, mut ended) = (self.exchange.readiness(), self.ended.clone());
        let waiting = async {
            tokio::select! {
                biased;
                Ok(readiness) = readiness.wait_for(|readiness| *readiness != Readiness::Starting) => match &*readiness {
                    Readiness::Failed(report) => Start::Failed(report.clone()),
                    Readiness::Ready | Readiness::Starting => Start::Ready(self.started.elapsed()),
                },
                Ok(end) = ended.wait_for(Option::is_some) => Start::Ended(end.unwrap_or(Ended::Exited(0))),
            }
        };
        timeout(limit, waiting).await.unwrap_or(Start::TimedOut)
    }

    /// Gives it an event and waits for what becomes of it. `patience` is how long it may take to ask for it.
    pub(crate) async fn run(
        &self,
        request: &Arc<Request>,
        allowed: Duration,
        patience: Duration,
        start_line: &str,
    ) -> Run {
        let (taken, mut was_taken) = oneshot::channel();
        let (answer, mut answered) = oneshot::channel();
        let mut ended = self.ended.clone();
        self.exchange.offer(Work { request: Arc::clone(request), allowed, taken, answer });
        let since = tokio::select! {
            biased;
            Ok(since) = &mut was_taken => since,
            () = has_ended(&mut ended) => match self.exchange.retract() {
                Some(_) => return Run::NotTaken,
                None => Instant::now(),
            },
            () = sleep(patience) => match self.exchange.retract() {
                Some(_) => return Run::NotTaken,
                // Just now; then this was sent.
                None => was_taken.await.unwrap_or_else(|_| Instant::now()),
            },
        };
        self.output.begin(&request.request_id, start_line);
        tokio::select! {
            biased;
            Ok(answer) = &mut answered => Run::Answered(answer, since.elapsed()),
            () = has_ended(&mut ended) => match timeout(LATE_ANSWER, answered).await {
                Ok(Ok(answer)) => Run::Answered(answer, since.elapsed()),
                _ => Run::Ended((*ended.borrow()).unwrap_or(Ended::Exited(0)), since.elapsed()),
            },
            () = tokio::time::sleep_until(since + allowed) => Run::TimedOut,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn is_asking(&self) -> bool {
        self.exchange.is_asking()
    }

    pub(crate) fn is_stuck(&self, now: Instant) -> bool {
        self.exchange.is_stuck(now)
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// The most memory it was seen to have, in whole MB; looked up now if it was never looked at.
    pub(crate) fn peak_memory_mb(&self) -> u64 {
        let seen = self.peak_memory.load(Ordering::Relaxed);
        let bytes = if seen == 0 { self.note_memory(proc::memory_of(self.pid)) } else { seen };
        bytes.div_ceil(1024 * 1024)
    }

    pub(crate) fn note_memory(&self, bytes: u64) -> u64 {
        self.peak_memory.fetch_max(bytes, Ordering::Relaxed).max(bytes)
    }

    /// Ends it and its descendants at once.
    pub(crate) fn kill(&self) {
        if !self.has_ended() {
            signal(self.pid, Signal::KILL);
        }
    }

    /// Asks it to end, and ends it if it does not.
    pub(crate) async fn stop(&self) {
        if !self.has_ended() {
            signal(self.pid, Signal::TERM);
        }
        if timeout(TERM_GRACE, self.wait()).await.is_err() {
            self.kill();
            self.wait().await;
        }
    }

    pub(crate) async fn wait(&self) {
        has_ended(&mut self.ended.clone()).await;
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn has_ended(ended: &mut watch::Receiver<Option<Ended>>) {
    // The sender tells before it goes.
    let _ = ended.wait_for(Option::is_some).await;
}

/// To the process and all in its group. Who is gone is gone.
fn signal(group: u32, signal: Signal) {
    if let Some(group) = i32::try_from(group).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, signal);
    }
}

/// Waits for the end of the process and leaves nothing of it behind.
async fn wait(
    mut child: Child,
    pid: u32,
    log_stream: String,
    keeper: Option<Keeper>,
    tell: watch::Sender<Option<Ended>>,
    serving: JoinHandle<()>,
    mut reading: JoinHandle<()>,
) {
    let status = child.wait().await;
    // What it has started ends with it; the number of the group stays taken for as long as somebody is in it.
    signal(pid, Signal::KILL);
    let _ = tokio::task::spawn_blocking(move || proc::kill_marked(&log_stream)).await;
    // What it printed last is to be in the log before anybody says how it ended.
    if timeout(LATE_OUTPUT, &mut reading).await.is_err() {
        reading.abort();
    }
    if let Some(keeper) = keeper {
        keeper.ended(pid);
    }
    tell.send_replace(Some(status.map_or(Ended::Exited(-1), Ended::from)));
    sleep(LATE_ANSWER * 2).await;
    serving.abort();
}

impl From<ExitStatus> for Ended {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exited(code),
            (None, number) => Self::Killed(number.unwrap_or_default()),
        }
    }
}

impl std::fmt::Display for Ended {
    /// As Lambda's platform, which is written in Go, words it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(0) => f.write_str("Runtime exited without providing a reason"),
            Self::Exited(code) => write!(f, "Runtime exited with error: exit status {code}"),
            Self::Killed(number) => {
                let name = match Signal::from_named_raw(*number) {
                    Some(Signal::KILL) => "killed",
                    Some(Signal::SEGV) => "segmentation fault",
                    Some(Signal::ABORT) => "aborted",
                    Some(Signal::TERM) => "terminated",
                    Some(Signal::INT) => "interrupt",
                    Some(Signal::BUS) => "bus error",
                    Some(Signal::FPE) => "floating point exception",
                    Some(Signal::ILL) => "illegal instruction",
                    _ => return write!(f, "Runtime exited with error: signal: signal {number}"),
                };
                write!(f, "Runtime exited with error: signal: {name}")
            }
        }
    }
}

/// Until a process that has just answered asks again.
pub(crate) const PATIENCE: Duration = TAKE_PATIENCE;
