//! Where the one who invokes and the process meet: at most one event waits, at most one is being worked on.

use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

/// An event for the process.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) request: Arc<Request>,
    /// How long the process may work on it, from the moment it takes it.
    pub(crate) allowed: Duration,
    /// Told when the process takes it.
    pub(crate) taken: oneshot::Sender<Instant>,
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// What an invocation asks for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) request_id: Arc<str>,
    pub(crate) payload: Bytes,
    /// As the caller named the function.
    pub(crate) arn: Arc<str>,
    /// JSON.
    pub(crate) client_context: Option<Arc<str>>,
    pub(crate) trace_id: Option<Arc<str>>,
}

/// What the process makes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Result(Bytes),
    /// The body as it was reported; it names the error.
    Error(Bytes),
    TooLarge,
}

/// How far the start of the process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    Starting,
    /// It has asked for an event.
    Ready,
    /// It has reported why it cannot start.
    Failed(Bytes),
}

/// Why the process may not do what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The id is not that of the current invocation.
    InvalidRequestId,
    /// Not now.
    InvalidStateTransition,
}

#[derive(Debug)]
pub(crate) struct Exchange {
    state: Mutex<State>,
    offered: Notify,
    readiness: watch::Sender<Readiness>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    offer: Option<Work>,
}

#[derive(Debug)]
enum Phase {
    Starting,
    /// `invocation/next` is open.
    Asking,
    Working {
        request_id: Arc<str>,
        answer: oneshot::Sender<Answer>,
    },
    /// The answer is being read; a broken one may be sent again.
    Answering,
    /// Answered, and not asked again yet.
    Answered {
        request_id: Arc<str>,
        /// When the invocation would have had to end: a process that has not asked again by then is stuck.
        until: Instant,
    },
    Failed,
}

/// The right to answer the current invocation. Given back unless the answer is complete.
pub(crate) struct Answering<'a> {
    exchange: &'a Exchange,
    current: Option<(Arc<str>, oneshot::Sender<Answer>)>,
}

/// An event the process has taken.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) request: Arc<Request>,
    /// Milliseconds since the epoch.
    pub(crate) deadline_ms: u64,
}

impl Exchange {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State { phase: Phase::Starting, offer: None }),
            offered: Notify::new(),
            readiness: watch::Sender::new(Readiness::Starting),
        }
    }

    // For the one who invokes.

    pub(crate) fn readiness(&self) -> watch::Receiver<Readiness> {
        self.readiness.subscribe()
    }

    /// Lays an event out for the process; whoever offers has the process to itself.
    pub(crate) fn offer(&self, work: Work) {
        self.state().offer = Some(work);
        self.offered.notify_one();
    }

    /// Takes an event back that the process has not taken.
    pub(crate) fn retract(&self) -> Option<Work> {
        self.state().offer.take()
    }

    /// Whether it works on nothing and waits for an event.
    pub(crate) fn is_asking(&self) -> bool {
        matches!(self.state().phase, Phase::Asking)
    }

    /// Whether it has answered long ago and still not asked for the next event.
    pub(crate) fn is_stuck(&self, now: Instant) -> bool {
        matches!(self.state().phase, Phase::Answered { until, .. } if until < now)
    }

    // For the process.

    /// Waits for an event, for as long as it takes.
    pub(crate) async fn next(&self) -> Result<Taken, Refusal> {
        self.begin_asking()?;
        loop {
            let offered = self.offered.notified();
            if let Some(taken) = self.take() {
                return Ok(taken);
            }
            offered.await;
        }
    }

    fn begin_asking(&self) -> Result<(), Refusal> {
        let mut state = self.state();
        match state.phase {
            // Asking twice is asking anew: the first connection may be lost.
            Phase::Starting | Phase::Answered { .. } | Phase::Asking => state.phase = Phase::Asking,
            Phase::Working { .. } | Phase::Answering | Phase::Failed => return Err(Refusal::InvalidStateTransition),
        }
        drop(state);
        self.readiness.send_if_modified(|readiness| {
            let starts = *readiness == Readiness::Starting;
            if starts {
                *readiness = Readiness::Ready;
            }
            starts
        });
        Ok(())
    }

    fn take(&self) -> Option<Taken> {
        let mut state = self.state();
        if !matches!(state.phase, Phase::Asking) {
            return None;
        }
        let Work { request, allowed, taken, answer } = state.offer.take()?;
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        state.phase = Phase::Working { request_id: Arc::clone(&request.request_id), answer };
        // Nobody listens when the invoker has given up meanwhile; then it ends the process.
        let _ = taken.send(Instant::now());
        Some(Taken { request, deadline_ms: (since_epoch + allowed).as_millis() as u64 })
    }

    /// Begins an answer to the invocation `request_id`.
    pub(crate) fn answering(&self, request_id: &str) -> Result<Answering<'_>, Refusal> {
        let mut state = self.state();
        match std::mem::replace(&mut state.phase, Phase::Answering) {
            Phase::Working { request_id: current, answer } if *current == *request_id => {
                Ok(Answering { exchange: self, current: Some((current, answer)) })
            }
            other => {
                let answered_before =
                    matches!(&other, Phase::Answered { request_id: last, .. } if **last == *request_id);
                let refusal = match &other {
                    Phase::Answering => Refusal::InvalidStateTransition,
                    _ if answered_before => Refusal::InvalidStateTransition,
                    _ => Refusal::InvalidRequestId,
                };
                state.phase = other;
                Err(refusal)
            }
        }
    }

    /// The process cannot start.
    pub(crate) fn fail(&self, report: Bytes) -> Result<(), Refusal> {
        let mut state = self.state();
        if !matches!(state.phase, Phase::Starting) {
            return Err(Refusal::InvalidStateTransition);
        }
        state.phase = Phase::Failed;
        drop(state);
        self.readiness.send_replace(Readiness::Failed(report));
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answering<'_> {
    /// Hands the answer to the invoker. `grace` is how long the process may take until it asks again.
    pub(crate) fn complete(mut self, answer: Answer, grace: Duration) {
        let Some((request_id, sender)) = self.current.take() else { return };
        self.exchange.state().phase = Phase::Answered { request_id, until: Instant::now() + grace };
        let _ = sender.send(answer);
    }
}

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        if let Some((request_id, answer)) = self.current.take() {
            self.exchange.state().phase = Phase::Working { request_id, answer };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(id: &str) -> (Work, oneshot::Receiver<Answer>) {
        let request = Request {
            request_id: id.into(),
            payload: Bytes::from_static(b"{}"),
            arn: "arn".into(),
            client_context: None,
            trace_id: None,
        };
        let (taken, _) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        (Work { request: Arc::new(request), allowed: Duration::from_secs(3), taken, answer }, answered)
    }

    #[tokio::test]
    async fn a_process_takes_one_event_and_answers_it_once() {
        let exchange = Exchange::new();
        assert_eq!(exchange.answering("a").err(), Some(Refusal::InvalidRequestId), "before the first event");
        let (offer, answered) = work("a");
        exchange.offer(offer);
        let taken = exchange.next().await.unwrap();
        assert_eq!(&*taken.request.request_id, "a");
        assert!(matches!(exchange.next().await, Err(Refusal::InvalidStateTransition)), "not before it has answered");
        assert_eq!(exchange.answering("b").err(), Some(Refusal::InvalidRequestId));
        // An answer that breaks off may be repeated.
        drop(exchange.answering("a").unwrap());
        let answering = exchange.answering("a").unwrap();
        assert_eq!(exchange.answering("a").err(), Some(Refusal::InvalidStateTransition), "two at once");
        answering.complete(Answer::Result(Bytes::from_static(b"1")), Duration::ZERO);
        assert_eq!(answered.await, Ok(Answer::Result(Bytes::from_static(b"1"))));
        assert_eq!(exchange.answering("a").err(), Some(Refusal::InvalidStateTransition), "twice");
        assert!(exchange.is_stuck(Instant::now() + Duration::from_secs(1)));
        assert_eq!(exchange.fail(Bytes::new()).err(), Some(Refusal::InvalidStateTransition), "it has started");
    }

    #[tokio::test]
    async fn an_event_that_was_not_taken_can_be_taken_back() {
        let exchange = Exchange::new();
        let (offer, _answered) = work("a");
        exchange.offer(offer);
        assert_eq!(&*exchange.retract().unwrap().request.request_id, "a");
        assert!(exchange.retract().is_none());
        let waiting = tokio::time::timeout(Duration::from_millis(1), exchange.next()).await;
        assert!(waiting.is_err() && exchange.is_asking());
    }
}
