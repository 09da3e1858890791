//! Named limits of local processes.

use std::time::Duration;

/// Until a process asks for its first event; Lambda's limit. After it the process is started once more, within the
/// invocation.
pub(crate) const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// Processes of one function, unless it reserves less. Invocations beyond it wait for one.
pub const DEFAULT_MAX_PROCESSES: usize = 32;
/// Invocations that may wait for a process of one function; one more is throttled.
pub(crate) const MAX_WAITING: usize = 1_000;
/// How long an invocation may wait for a process until it is throttled.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(30);
/// A process without work is ended after this long; on AWS it is some minutes.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// How often idle processes and memory are looked at.
pub(crate) const WATCH_INTERVAL: Duration = Duration::from_millis(500);
/// Between SIGTERM and SIGKILL. Lambda gives 500 ms at most to functions without external extensions.
pub(crate) const TERM_GRACE: Duration = Duration::from_millis(500);
/// How long a process that has answered may take to ask for the next event, before another process is taken instead.
pub(crate) const TAKE_PATIENCE: Duration = Duration::from_millis(100);
/// Connections that one process may have to its Runtime API.
pub(crate) const API_CONNECTIONS: usize = 16;
/// A report of an error.
pub(crate) const ERROR_REPORT_BYTES: usize = 256 * 1024;
/// Open files of a process; Lambda's limit.
pub(crate) const OPEN_FILES: u64 = 1_024;
/// Processes and threads of one process and its descendants, which Lambda limits to 1,024; processes are what is counted here.
pub(crate) const MAX_DESCENDANTS: usize = 1_024;
/// Starts that failed in a row until the next is put off.
pub(crate) const FREE_FAILURES: u32 = 2;
/// By how much, at first; it doubles with each further failure.
pub(crate) const FIRST_BACKOFF: Duration = Duration::from_millis(200);
pub(crate) const MAX_BACKOFF: Duration = Duration::from_secs(10);
/// One line of output; the rest of a longer one is the next line. CloudWatch's limit for an event.
pub(crate) const LINE_BYTES: usize = 256 * 1024;
/// Output that a process may write at once, and how much in each second after that. One that prints more has to wait.
pub(crate) const OUTPUT_BURST_BYTES: u64 = 8 * 1024 * 1024;
pub(crate) const OUTPUT_BYTES_PER_SECOND: u64 = 2 * 1024 * 1024;
/// Lines of one function in the server's own log in each second; the files have them all.
pub(crate) const SHOWN_LINES_PER_SECOND: u32 = 1_000;
/// What `LogType=Tail` returns.
pub(crate) const TAIL_BYTES: usize = 4 * 1024;
/// A log file is closed at this size and the next one opened.
pub(crate) const LOG_FILE_BYTES: u64 = 10 * 1024 * 1024;
/// Log files of one function beside the one that is written.
pub(crate) const OLD_LOG_FILES: usize = 4;
/// Bytes of log lines that may wait for the disk, over all functions. Beyond it lines are dropped.
pub(crate) const LOG_QUEUE_BYTES: usize = 16 * 1024 * 1024;
