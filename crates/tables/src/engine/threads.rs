//! The threads that engine and stream reads run on.
//!
//! Both are synchronous: on a Tokio worker one slow scan would hold back every socket of that worker. They also need more
//! stack than a Tokio thread has, since the engine evaluates expressions by recursion.

use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// The engine recurses over expressions, whose nesting [`MAX_DEPTH`](crate::surface::expression_depth::MAX_DEPTH) bounds, and
/// over values. 4 KB of `a=:a OR a=:a OR …` still builds a tree five hundred levels deep, at up to 10 KB a level in a debug
/// build. Pages that are never touched cost address space only.
const STACK_BYTES: usize = 32 * 1024 * 1024;

/// Calls that may wait for a thread. When they are that many, the next one is refused with an error that SDKs retry: at
/// the embedded engine's rate this is a fifth of a second of work.
const QUEUED_CALLS: usize = 1024;

type Job = Box<dyn FnOnce() + Send>;

/// A fixed set of threads behind a bounded queue.
pub(crate) struct Threads {
    name: &'static str,
    queue: Arc<Queue>,
    handles: Mutex<Vec<JoinHandle<()>>>,
}

/// Jobs in the order they came. One job wakes one thread.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

/// Why a call came back without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotRun {
    QueueFull,
    Stopped,
    Panicked,
}

impl Threads {
    pub(crate) fn start(name: &'static str, count: usize) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let handles = (0..count)
            .map(|number| {
                let queue = Arc::clone(&queue);
                std::thread::Builder::new()
                    .name(format!("{name}-{number}"))
                    .stack_size(STACK_BYTES)
                    .spawn(move || work(&queue))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { name, queue, handles: Mutex::new(handles) })
    }

    /// Runs `call` on one of the threads. Dropping the future does not stop a call that was queued.
    pub(crate) async fn run<T: Send + 'static>(&self, call: impl FnOnce() -> T + Send + 'static) -> Result<T, NotRun> {
        let (answer, result) = oneshot::channel();
        let depth = self.queue.push(Box::new(move || {
            let _ = answer.send(call());
        }))?;
        metrics::gauge!("sluicegate_table_queue_depth", "threads" => self.name).set(depth as f64);
        result.await.map_err(|_| NotRun::Panicked)
    }

    /// Lets queued calls finish and the threads end. Blocks.
    pub(crate) fn stop(&self) {
        self.queue.close();
        for handle in self.handles.lock().drain(..) {
            // A panic was logged by the thread's own hook and must not stop the shutdown.
            let _ = handle.join();
        }
    }
}

impl Queue {
    /// Adds a job; returns how many wait now.
    fn push(&self, job: Job) -> Result<usize, NotRun> {
        let depth = {
            let mut waiting = self.waiting.lock();
            if waiting.closed {
                return Err(NotRun::Stopped);
            }
            if waiting.jobs.len() == QUEUED_CALLS {
                return Err(NotRun::QueueFull);
            }
            waiting.jobs.push_back(job);
            waiting.jobs.len()
        };
        // With the lock free, so that the thread does not wake up only to wait for it.
        self.changed.notify_one();
        Ok(depth)
    }

    /// The next job, however long it takes to come; `None` when the queue is closed and empty.
    fn next(&self) -> Option<Job> {
        let mut waiting = self.waiting.lock();
        loop {
            if let Some(job) = waiting.jobs.pop_front() {
                return Some(job);
            }
            if waiting.closed {
                return None;
            }
            self.changed.wait(&mut waiting);
        }
    }

    fn close(&self) {
        self.waiting.lock().closed = true;
        self.changed.notify_all();
    }
}

fn work(queue: &Queue) {
    while let Some(job) = queue.next() {
        // The caller sees its channel closed; the thread serves the next call.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_queue_refuses_and_recovers() {
        let threads = Arc::new(Threads::start("test", 1).unwrap());
        let (release, gate) = std::sync::mpsc::channel::<()>();
        let busy = tokio::spawn({
            let threads = Arc::clone(&threads);
            async move { threads.run(move || gate.recv().is_ok()).await }
        });
        let mut waiting = Vec::new();
        let refused = loop {
            let threads = Arc::clone(&threads);
            let mut call = Box::pin(async move { threads.run(|| true).await });
            match std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx))).await {
                std::task::Poll::Ready(result) => break result,
                std::task::Poll::Pending => waiting.push(call),
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(refused, Err(NotRun::QueueFull));
        assert!(waiting.len() <= QUEUED_CALLS + 1);

        release.send(()).unwrap();
        assert_eq!(busy.await.unwrap(), Ok(true));
        for call in waiting {
            assert_eq!(call.await, Ok(true));
        }
    }

    #[tokio::test]
    async fn a_panic_costs_its_own_call_only() {
        let threads = Threads::start("test", 1).unwrap();
        assert_eq!(threads.run(|| -> u8 { panic!("as meant by this test") }).await, Err(NotRun::Panicked));
        assert_eq!(threads.run(|| 7).await, Ok(7));
        threads.stop();
        assert_eq!(threads.run(|| 7).await, Err(NotRun::Stopped));
    }
}
