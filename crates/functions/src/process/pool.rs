//! The processes of one function: who takes the next event, when a process is started, and when one is ended.

use super::description::LATEST;
use super::instance::{Ended, Instance, PATIENCE, Run, Start};
use super::keeper::Keeper;
use super::launch::Launch;
use super::limits::{FIRST_BACKOFF, FREE_FAILURES, INIT_TIMEOUT, MAX_BACKOFF, MAX_DESCENDANTS, MAX_WAIT, MAX_WAITING};
use super::log::{FunctionLog, now_iso};
use super::proc::Usage;
use super::runtime_api::{Answer, Request};
use crate::invocation::Throttled;
use crate::outcome::{Completed, Failed, LogTail, Reported};
use metrics::{counter, gauge};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;
use tokio::sync::{Semaphore, SemaphorePermit, TryAcquireError};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{info, warn};

/// Processes that an event may be offered to, until it is given up: each of them ended before it took it.
const MAX_OFFERS: usize = 4;

#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) plan: Plan,
    log: Arc<FunctionLog>,
    keeper: Option<Keeper>,
    /// One for each process that may be at work.
    places: Semaphore,
    waiting: AtomicUsize,
    /// Without work; the one that was used last is the last.
    idle: Mutex<Vec<Idle>>,
    /// All that have not ended.
    all: Mutex<Vec<Arc<Instance>>>,
    failures: Mutex<Failures>,
    stopping: AtomicBool,
    /// Set when the function has changed or is gone.
    retired: OnceLock<Retired>,
}

/// Who takes the events that a retired pool has not begun with: nobody if the function is gone.
#[derive(Debug)]
struct Retired(Option<Arc<Pool>>);

/// A place to work.
enum Place<'a> {
    Taken { _permit: SemaphorePermit<'a> },
    None,
    Elsewhere(Arc<Pool>),
}

/// What a pool is made of. Pools of equal plans do the same.
#[derive(Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) function: Arc<str>,
    pub(crate) launch: Launch,
    pub(crate) timeout: Duration,
    pub(crate) memory_mb: u32,
    pub(crate) max_processes: usize,
    pub(crate) idle_timeout: Duration,
    /// Stands in the environment of every process of this server.
    pub(crate) mark: Arc<str>,
}

#[derive(Debug)]
struct Idle {
    instance: Arc<Instance>,
    since: Instant,
}

/// Processes that ended before they had answered anything, in a row.
#[derive(Debug, Default)]
struct Failures {
    in_a_row: u32,
    not_before: Option<Instant>,
}

/// Why there is no process for an event.
enum NoProcess {
    Throttled,
    Failed(Reported),
}

/// A process to offer an event to, and how long it may take to ask for it.
struct Chosen {
    instance: Arc<Instance>,
    patience: Duration,
    /// How long its start took, if it was started for this event.
    init: Option<Duration>,
    allowed: Duration,
}

impl Pool {
    pub(crate) fn new(plan: Plan, log: Arc<FunctionLog>, keeper: Option<Keeper>) -> Self {
        let places = Semaphore::new(plan.max_processes);
        Self {
            plan,
            log,
            keeper,
            places,
            waiting: AtomicUsize::new(0),
            idle: Mutex::default(),
            all: Mutex::default(),
            failures: Mutex::default(),
            stopping: AtomicBool::new(false),
            retired: OnceLock::new(),
        }
    }

    /// Runs the function once. `Err` is for those who may come back: nothing was run.
    pub(crate) async fn invoke(mut self: Arc<Self>, request: Request) -> Result<Completed, Throttled> {
        let request = Arc::new(request);
        loop {
            let next = match self.place().await {
                Place::Taken { .. } => return self.work(&request).await,
                Place::None => return Err(Throttled),
                Place::Elsewhere(next) => next,
            };
            self = next;
        }
    }

    async fn work(&self, request: &Arc<Request>) -> Result<Completed, Throttled> {
        let mut fresh = false;
        for _ in 0..MAX_OFFERS {
            let chosen = match self.choose(request, fresh).await {
                Ok(chosen) => chosen,
                Err(NoProcess::Throttled) => return Err(Throttled),
                Err(NoProcess::Failed(reported)) => return Ok(reported.into()),
            };
            match self.offer(request, chosen).await {
                Some(completed) => return Ok(completed),
                None => fresh = true,
            }
        }
        Ok(self.exit_error(&request.request_id, Ended::Exited(0)).into())
    }

    /// A place to work, at once or after waiting with a bounded number of others.
    async fn place(&self) -> Place<'_> {
        if self.stopping.load(Ordering::Acquire) {
            return Place::None;
        }
        match self.places.try_acquire() {
            Ok(permit) => return Place::Taken { _permit: permit },
            Err(TryAcquireError::Closed) => return self.elsewhere(),
            Err(TryAcquireError::NoPermits) => {}
        }
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= MAX_WAITING {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            return Place::None;
        }
        // Also when whoever waits here is dropped.
        let _waits = Waits(&self.waiting);
        match timeout(MAX_WAIT, self.places.acquire()).await {
            Ok(Ok(permit)) => Place::Taken { _permit: permit },
            Ok(Err(_closed)) => self.elsewhere(),
            Err(_elapsed) => Place::None,
        }
    }

    fn elsewhere(&self) -> Place<'_> {
        match self.retired.get() {
            Some(Retired(Some(next))) => Place::Elsewhere(Arc::clone(next)),
            Some(Retired(None)) | None => Place::None,
        }
    }

    /// Lets running invocations finish, and sends all others to the next pool of the function. Processes end as soon as they
    /// have no work.
    pub(crate) fn retire(&self, next: Option<Arc<Pool>>) {
        let mut idle = self.idle();
        // Only its first end counts; a pool is retired once.
        let _ = self.retired.set(Retired(next));
        self.places.close();
        let ending: Vec<_> = idle.drain(..).collect();
        drop(idle);
        ending.into_iter().for_each(|idle| stop_soon(idle.instance));
    }

    /// Keeps a process that has no work, for the next event.
    fn keep(&self, instance: Arc<Instance>, at: End) {
        let mut idle = self.idle();
        if self.retired.get().is_some() {
            drop(idle);
            return stop_soon(instance);
        }
        let kept = Idle { instance, since: Instant::now() };
        match at {
            End::First => idle.insert(0, kept),
            End::Last => idle.push(kept),
        }
    }

    async fn choose(&self, request: &Request, fresh: bool) -> Result<Chosen, NoProcess> {
        let allowed = self.plan.timeout;
        if !fresh && let Some(chosen) = self.take_idle() {
            return Ok(chosen);
        }
        // A process that has answered and goes on working keeps its place: then there is none for another.
        if self.all().len() >= self.plan.max_processes.max(1) * 2 {
            return Err(NoProcess::Throttled);
        }
        self.start_for(request).await.map(|(instance, init, allowed_now)| Chosen {
            instance,
            patience: INIT_TIMEOUT,
            init: Some(init),
            allowed: allowed_now.unwrap_or(allowed),
        })
    }

    fn take_idle(&self) -> Option<Chosen> {
        let mut idle = self.idle();
        idle.retain(|idle| !idle.instance.has_ended());
        let asking = idle.iter().rposition(|idle| idle.instance.is_asking());
        let last = idle.len().checked_sub(1);
        let taken = idle.remove(asking.or(last)?);
        drop(idle);
        Some(Chosen { instance: taken.instance, patience: PATIENCE, init: None, allowed: self.plan.timeout })
    }

    /// `None`: the process did not take the event.
    async fn offer(&self, request: &Arc<Request>, chosen: Chosen) -> Option<Completed> {
        let Chosen { instance, patience, init, allowed } = chosen;
        let start = format!("START RequestId: {} Version: {LATEST}", request.request_id);
        let (result, duration, keep) = match instance.run(request, allowed, patience, &start).await {
            Run::NotTaken => {
                if !instance.has_ended() {
                    // It still works on something; later it may be of use again.
                    self.keep(instance, End::First);
                }
                return None;
            }
            Run::Answered(answer, duration) => (self.answered(answer), duration, true),
            Run::Ended(ended, duration) => (Err(self.exit_error(&request.request_id, ended)), duration, false),
            Run::TimedOut => {
                instance.kill();
                instance.wait().await;
                (Err(self.timed_out(&request.request_id)), allowed, false)
            }
        };
        self.note_success_or_failure(keep);
        let tail =
            instance.output.end(&self.closing(&request.request_id, &instance, duration, init, result.as_ref().err()));
        if keep && !instance.has_ended() {
            self.keep(instance, End::Last);
        }
        Some(Completed { result, log_tail: LogTail::Lines(tail) })
    }

    fn answered(&self, answer: Answer) -> Result<bytes::Bytes, Reported> {
        match answer {
            Answer::Result(result) if result.is_empty() => Ok(bytes::Bytes::from_static(b"null")),
            Answer::Result(result) => Ok(result),
            Answer::Error(report) => Err(Reported::by_the_function(report)),
            Answer::TooLarge => Err(Failed::too_large().into()),
        }
    }

    fn exit_error(&self, request_id: &str, ended: Ended) -> Reported {
        Failed::new("exit", "Runtime.ExitError", format!("RequestId: {request_id} Error: {ended}")).into()
    }

    fn timed_out(&self, request_id: &str) -> Reported {
        Failed::timed_out(request_id, self.plan.timeout).into()
    }

    /// What Lambda writes behind an invocation.
    fn closing(
        &self,
        request_id: &str,
        instance: &Instance,
        duration: Duration,
        init: Option<Duration>,
        failed: Option<&Reported>,
    ) -> Vec<String> {
        let milliseconds = duration.as_secs_f64() * 1000.0;
        let mut report = format!(
            "REPORT RequestId: {request_id}\tDuration: {milliseconds:.2} ms\tBilled Duration: {:.0} ms\tMemory Size: {} MB\tMax \
             Memory Used: {} MB",
            milliseconds.ceil(),
            self.plan.memory_mb,
            instance.peak_memory_mb(),
        );
        if let Some(init) = init {
            report.push_str(&format!("\tInit Duration: {:.2} ms", init.as_secs_f64() * 1000.0));
        }
        let mut lines = Vec::with_capacity(3);
        match failed.map(|failed| failed.kind) {
            Some("timeout") => {
                lines.push(format!(
                    "{} {request_id} Task timed out after {:.2} seconds",
                    now_iso(),
                    duration.as_secs_f64()
                ));
                report.push_str("\tStatus: timeout");
            }
            Some("exit") => {
                lines.extend(failed.map(|failed| failed.error.message.clone()));
                report.push_str("\tStatus: error\tError Type: Runtime.ExitError");
            }
            Some(_) | None => {}
        }
        lines.push(format!("END RequestId: {request_id}"));
        lines.push(report);
        lines
    }

    /// Starts a process. One that takes too long is started once more, and then has the function's own timeout for all.
    async fn start_for(&self, request: &Request) -> Result<(Arc<Instance>, Duration, Option<Duration>), NoProcess> {
        self.wait_out_backoff().await;
        let instance = self.start().await?;
        match instance.ready(INIT_TIMEOUT).await {
            Start::Ready(init) => return Ok((instance, init, None)),
            Start::TimedOut => {
                instance.output.platform(&format!(
                    "INIT_REPORT Init Duration: {:.2} ms\tPhase: init\tStatus: timeout",
                    INIT_TIMEOUT.as_secs_f64() * 1000.0
                ));
                instance.kill();
            }
            failed => return Err(self.failed_start(request, &instance, failed)),
        }
        let begun = Instant::now();
        let instance = self.start().await?;
        match instance.ready(self.plan.timeout).await {
            Start::Ready(init) => {
                let left = self.plan.timeout.saturating_sub(begun.elapsed());
                Ok((instance, init, Some(left)))
            }
            failed => Err(self.failed_start(request, &instance, failed)),
        }
    }

    async fn start(&self) -> Result<Arc<Instance>, NoProcess> {
        let Plan { function, launch, mark, timeout, .. } = &self.plan;
        let log_stream = log_stream(mark);
        counter!("sluicegate_function_process_starts_total", "function" => function.to_string()).increment(1);
        let started = Instance::start(launch, Arc::clone(&self.log), &log_stream, self.keeper.clone(), *timeout).await;
        let instance = match started {
            Ok(instance) => Arc::new(instance),
            Err(error) => {
                warn!(%function, %error, "a process cannot be started");
                self.note_success_or_failure(false);
                let message = format!("The process cannot be started: {error}");
                return Err(NoProcess::Failed(Failed::new("start", "Runtime.InvalidEntrypoint", message).into()));
            }
        };
        instance.output.platform(&format!("INIT_START Runtime Version: {}", launch.runtime_version));
        let mut all = self.all();
        all.retain(|instance| !instance.has_ended());
        all.push(Arc::clone(&instance));
        gauge!("sluicegate_function_processes", "function" => function.to_string()).set(all.len() as f64);
        drop(all);
        if self.stopping.load(Ordering::Acquire) {
            instance.kill();
        }
        Ok(instance)
    }

    fn failed_start(&self, request: &Request, instance: &Instance, start: Start) -> NoProcess {
        self.note_success_or_failure(false);
        let id = &request.request_id;
        let reported = match start {
            Start::Failed(report) => Reported::by_the_function(report),
            Start::Ended(ended) => self.exit_error(id, ended),
            Start::TimedOut | Start::Ready(_) => self.timed_out(id),
        };
        instance
            .output
            .platform(&format!("INIT_REPORT Phase: init\tStatus: error\tError Type: {}", reported.error.error_type));
        instance.kill();
        NoProcess::Failed(reported)
    }

    async fn wait_out_backoff(&self) {
        let not_before = self.failures().not_before;
        if let Some(not_before) = not_before.filter(|not_before| *not_before > Instant::now()) {
            sleep_until(not_before).await;
        }
    }

    fn note_success_or_failure(&self, success: bool) {
        let mut failures = self.failures();
        if success {
            *failures = Failures::default();
            return;
        }
        failures.in_a_row = failures.in_a_row.saturating_add(1);
        if let Some(beyond) = failures.in_a_row.checked_sub(FREE_FAILURES + 1) {
            let delay = FIRST_BACKOFF.saturating_mul(2_u32.saturating_pow(beyond)).min(MAX_BACKOFF);
            failures.not_before = Some(Instant::now() + delay);
            warn!(
                function = %self.plan.function,
                failures = failures.in_a_row,
                "its processes end before they have answered anything; the next one is started in {} ms at the earliest",
                delay.as_millis()
            );
        }
    }

    /// Ends processes that have had no work for long.
    pub(crate) fn reap(&self, now: Instant) {
        let expired = |idle: &Idle| now.saturating_duration_since(idle.since) >= self.plan.idle_timeout;
        let mut over = Vec::new();
        self.idle().retain(|idle| {
            let ends = expired(idle) || idle.instance.has_ended();
            if ends {
                over.push(Arc::clone(&idle.instance));
            }
            !ends
        });
        for instance in over.into_iter().filter(|instance| !instance.has_ended()) {
            info!(function = %self.plan.function, pid = instance.pid(), "an idle process is ended");
            stop_soon(instance);
        }
        let mut all = self.all();
        all.retain(|instance| !instance.has_ended());
        gauge!("sluicegate_function_processes", "function" => self.plan.function.to_string()).set(all.len() as f64);
    }

    pub(crate) fn groups(&self) -> Vec<u32> {
        self.all().iter().filter(|instance| !instance.has_ended()).map(|instance| instance.pid()).collect()
    }

    /// Ends processes that have become too large or too many, and those that have answered and never ask for more.
    pub(crate) fn enforce(&self, usage: &HashMap<u32, Usage>) {
        let function = self.plan.function.to_string();
        let ceiling = u64::from(self.plan.memory_mb) * 1024 * 1024;
        let mut memory = 0;
        for instance in self.all().iter().filter(|instance| !instance.has_ended()) {
            let Some(used) = usage.get(&instance.pid()) else { continue };
            instance.note_memory(used.bytes);
            memory += used.bytes;
            if instance.is_stuck(Instant::now()) {
                warn!(
                    function,
                    pid = instance.pid(),
                    "a process has answered and does not ask for the next event; it is ended"
                );
                instance.kill();
            } else if used.bytes > ceiling {
                warn!(
                    function,
                    pid = instance.pid(),
                    bytes = used.bytes,
                    memory_mb = self.plan.memory_mb,
                    "a process needs more memory than the function has; it is ended"
                );
                instance.kill();
            } else if used.processes > MAX_DESCENDANTS {
                warn!(
                    function,
                    pid = instance.pid(),
                    processes = used.processes,
                    "a function has started too many processes; they are ended"
                );
                instance.kill();
            }
        }
        gauge!("sluicegate_function_memory_bytes", "function" => function).set(memory as f64);
    }

    /// Ends all processes, and starts none any more.
    pub(crate) async fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.idle().clear();
        let all: Vec<_> = self.all().drain(..).collect();
        let stopping: Vec<_> =
            all.into_iter().map(|instance| tokio::spawn(async move { instance.stop().await })).collect();
        for one in stopping {
            let _ = one.await;
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Instance>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where in the order of idle processes; the last is taken first.
enum End {
    First,
    Last,
}

fn stop_soon(instance: Arc<Instance>) {
    tokio::spawn(async move { instance.stop().await });
}

struct Waits<'a>(&'a AtomicUsize);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// `2026/03/04/[$LATEST]` and 32 hexadecimal digits, of which the first half is the mark of the server.
fn log_stream(mark: &str) -> String {
    let today = OffsetDateTime::from(SystemTime::now()).date();
    let (year, month, day) = (today.year(), u8::from(today.month()), today.day());
    format!("{year:04}/{month:02}/{day:02}/[{LATEST}]{mark}{:016x}", fastrand::u64(..))
}
