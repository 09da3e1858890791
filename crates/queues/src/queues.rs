//! The handle to all queues and topics, and what the rest of the server does with queues.

use crate::clock::Clock;
use crate::messages::{self, NewMessage, Portion, Received};
use crate::names::{self, Place};
use crate::records::{self, QueueRecord};
use crate::refusal::{INVALID_VALUE, OVER_LIMIT, Refusal};
use crate::settings::QueueSettings;
use crate::store::{Store, StoreError, WorkError};
use crate::sweep;
use crate::waiting::Waiting;
use metrics::counter;
use parking_lot::Mutex;
use rusqlite::Connection;
use sluicegate_endpoint::Credentials;
use sluicegate_protocol::Deliver;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

const FILE: &str = "queues.db";

/// How queues and topics are kept.
pub struct Options {
    /// Everything is stored in one file in this directory.
    pub data_dir: PathBuf,
    pub region: String,
    /// Twelve digits.
    pub account: String,
    /// What URLs of queues begin with where nobody dialled anything: `http://127.0.0.1:8080`.
    pub base_url: String,
    /// Who may sign requests of the HTTP surface. None: a signature must be there, but is not verified.
    pub credentials: Credentials,
    /// Takes messages of topics to functions.
    pub functions: Arc<dyn Deliver>,
    pub clock: Clock,
}

#[derive(Debug, thiserror::Error)]
#[error("the queues in {} cannot be opened: {cause}", path.display())]
pub struct OpenError {
    path: PathBuf,
    cause: StoreError,
}

/// All queues and topics of a data directory. Clones are handles to the same ones.
#[derive(Clone)]
pub struct Queues(Arc<Inner>);

pub(crate) struct Inner {
    store: Store,
    waiting: Waiting,
    pub(crate) place: Place,
    pub(crate) credentials: Credentials,
    pub(crate) functions: Arc<dyn Deliver>,
    clock: Clock,
    stopping: watch::Sender<bool>,
    sweeping: Mutex<Option<JoinHandle<()>>>,
}

/// What a receiver asks for.
#[derive(Clone, Copy, Debug)]
pub struct Receive {
    /// Messages.
    pub most: usize,
    /// Of their bodies and attributes together; a first message is given whatever its size.
    pub most_bytes: usize,
    /// Seconds; `None` is what the queue says.
    pub visibility_timeout: Option<i64>,
    /// How long to wait for a first message; `None` is what the queue says.
    pub wait: Option<Duration>,
}

/// What was done so that a queue is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueChange {
    None,
    Created,
    Changed,
}

/// What the rest of the server must know about a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueDescription {
    pub arn: String,
    pub url: String,
    pub settings: QueueSettings,
}

impl Queues {
    /// Opens the file below `options.data_dir`, and makes it if it is not there. Needs a Tokio runtime.
    pub async fn open(options: Options) -> Result<Self, OpenError> {
        let path = options.data_dir.join(FILE);
        let file = path.clone();
        let opened = tokio::task::spawn_blocking(move || open_store(&file)).await;
        let store = match opened {
            Ok(Ok(store)) => store,
            Ok(Err(cause)) => return Err(OpenError { path, cause }),
            Err(panic) => return Err(OpenError { path, cause: StoreError::Thread(std::io::Error::other(panic)) }),
        };
        let inner = Arc::new(Inner {
            store,
            waiting: Waiting::new(),
            place: Place { region: options.region, account: options.account, base_url: options.base_url },
            credentials: options.credentials,
            functions: options.functions,
            clock: options.clock,
            stopping: watch::Sender::new(false),
            sweeping: Mutex::default(),
        });
        *inner.sweeping.lock() = Some(tokio::spawn(sweep::run(Arc::downgrade(&inner))));
        Ok(Self(inner))
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.0
    }

    /// Makes a queue, or gives the one that is there these settings; its messages stay.
    pub async fn ensure_queue(&self, name: &str, settings: QueueSettings) -> Result<QueueChange, Refusal> {
        names::check_queue(name)?;
        let name = name.to_owned();
        let now = self.0.now();
        self.0.run(move |connection| records::ensure(connection, &name, &settings, now)).await
    }

    pub async fn describe(&self, queue: &str) -> Result<QueueDescription, Refusal> {
        let record = self.0.queue(queue).await?;
        Ok(QueueDescription {
            arn: self.0.place.queue_arn(&record.name),
            url: self.0.place.queue_url(&record.name),
            settings: record.settings,
        })
    }

    /// The name of a queue that could be here.
    pub fn queue_of_arn<'a>(&self, arn: &'a str) -> Option<&'a str> {
        self.0.place.queue_of_arn(arn)
    }

    /// The name of a topic that could be here.
    pub fn topic_of_arn<'a>(&self, arn: &'a str) -> Option<&'a str> {
        self.0.place.topic_of_arn(arn)
    }

    /// Puts a message into a queue; it is on disk when this returns.
    pub async fn send(&self, queue: &str, message: NewMessage) -> Result<(), Refusal> {
        self.0.send(queue, vec![message]).await?.into_iter().collect()
    }

    /// Takes messages out of sight of other receivers.
    pub async fn receive(&self, queue: &str, receive: Receive) -> Result<Vec<Received>, Refusal> {
        self.0.receive(queue, receive).await
    }

    /// Like [`receive`](Self::receive), and waits no longer once `stopped` is true. To drop the future instead could lose
    /// sight of messages that it has just received.
    pub async fn receive_unless(
        &self,
        queue: &str,
        receive: Receive,
        stopped: &mut watch::Receiver<bool>,
    ) -> Result<Vec<Received>, Refusal> {
        self.0.receive_unless(queue, receive, stopped).await
    }

    /// Deletes messages that were received; returns how many were still there.
    pub async fn delete(&self, queue: &str, receipt_handles: Vec<String>) -> Result<usize, Refusal> {
        let results = self.0.delete(queue, receipt_handles).await?;
        Ok(results.into_iter().filter(|result| matches!(result, Ok(true))).count())
    }

    /// Hides received messages for so many seconds from now; zero shows them at once. Those that are gone are left out.
    pub async fn hide(&self, queue: &str, receipt_handles: Vec<String>, seconds: i64) -> Result<(), Refusal> {
        let hidden = receipt_handles.into_iter().map(|handle| (handle, seconds)).collect();
        self.0.hide(queue, hidden).await.map(drop)
    }

    /// Sends waiting receivers away and lets go of the file. Calls through other handles are refused from now on.
    pub async fn close(self) {
        self.stop_waiting();
        if let Some(sweeping) = self.0.sweeping.lock().take() {
            sweeping.abort();
        }
        let inner = Arc::clone(&self.0);
        let _ = tokio::task::spawn_blocking(move || inner.store.close()).await;
    }

    /// Whoever waits for messages gets an empty answer at once, now and from now on.
    pub fn stop_waiting(&self) {
        self.0.stopping.send_replace(true);
    }
}

fn open_store(file: &Path) -> Result<Store, StoreError> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(StoreError::Folder)?;
    }
    Store::open(file)
}

impl Inner {
    /// Milliseconds since the epoch.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now_ms()
    }

    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, WorkError> + Send + 'static,
    {
        self.store.run(work).await
    }

    pub(crate) async fn queue(&self, name: &str) -> Result<QueueRecord, Refusal> {
        let name = name.to_owned();
        self.run(move |connection| records::find(connection, &name)).await
    }

    /// What became of each message, in their order.
    pub(crate) async fn send(
        &self,
        queue: &str,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<(), Refusal>>, Refusal> {
        let (name, now) = (queue.to_owned(), self.now());
        let results = self
            .run(move |connection| {
                let queue = records::find(connection, &name)?;
                let one = |message: &NewMessage| {
                    let most = queue.settings.maximum_bytes;
                    if message.bytes() as i64 > most {
                        return Ok(Err(too_long(most)));
                    }
                    messages::insert(connection, &queue, message, now).map(Ok)
                };
                messages.iter().map(one).collect::<Result<Vec<_>, WorkError>>()
            })
            .await?;
        self.sent(queue, results.iter().filter(|result| result.is_ok()).count());
        Ok(results)
    }

    /// So many messages are in a queue now that were not there.
    pub(crate) fn sent(&self, queue: &str, messages: usize) {
        counter!("sluicegate_queue_messages_sent_total", "queue" => queue.to_owned()).increment(messages as u64);
        self.waiting.wake(queue, messages);
    }

    pub(crate) async fn receive(&self, queue: &str, receive: Receive) -> Result<Vec<Received>, Refusal> {
        // Who stops all receivers stops this one.
        self.receive_unless(queue, receive, &mut self.stopping.subscribe()).await
    }

    async fn receive_unless(
        &self,
        queue: &str,
        receive: Receive,
        stopped: &mut watch::Receiver<bool>,
    ) -> Result<Vec<Received>, Refusal> {
        let mut stopping = self.stopping.subscribe();
        let mut waits: Option<(Instant, _)> = None;
        // Dropped however this ends, by a caller that goes away too.
        let mut leaving = None;
        loop {
            let waiting = self.waiting.at(queue);
            // From before the look on: a wake-up for one of several receivers must not be lost while they all look.
            let mut woken = pin!(waiting.notified());
            woken.as_mut().enable();
            let turn = if waits.is_some() { self.waiting.turn().await } else { None };
            let (look, default_wait) = self.look(queue, receive).await.inspect_err(|refusal| {
                if refusal.is_missing() {
                    self.waiting.forget(queue);
                }
            })?;
            drop(turn);
            if look.is_unfinished && !*stopping.borrow() {
                // Others have had their turn meanwhile.
                continue;
            }
            let wait = receive.wait.unwrap_or(default_wait);
            if !look.received.is_empty() || !wait.is_zero() {
                leaving.get_or_insert_with(|| self.waiting.leaving(queue));
            }
            if !look.received.is_empty() || wait.is_zero() {
                return Ok(look.received);
            }
            let until = match &waits {
                Some((until, _)) => *until,
                None => {
                    let place = self.waiting.place().ok_or_else(|| {
                        Refusal::new(&OVER_LIMIT, "Too many receivers wait for messages; wait for fewer seconds.")
                    })?;
                    let until = Instant::now() + wait;
                    waits = Some((until, place));
                    until
                }
            };
            let shown = look.next_visible.map(|at| Duration::from_millis((at - self.now()).max(1).unsigned_abs()));
            let wake = shown.map_or(until, |shown| until.min(Instant::now() + shown));
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stopping| *stopping) => return Ok(Vec::new()),
                _ = stopped.wait_for(|stopped| *stopped) => return Ok(Vec::new()),
                () = woken => {}
                () = sleep_until(wake) => {}
            }
            if Instant::now() >= until {
                // One last look, for what was sent in this very moment, and without another wait.
                let _turn = self.waiting.turn().await;
                return Ok(self.look(queue, receive).await?.0.received);
            }
        }
    }

    async fn look(&self, queue: &str, receive: Receive) -> Result<(messages::Look, Duration), Refusal> {
        let (name, now, arn) = (queue.to_owned(), self.now(), self.place.queue_arn(queue));
        let Receive { most, most_bytes, visibility_timeout, .. } = receive;
        let portion = Portion { most, most_bytes, visibility: visibility_timeout };
        let (look, wait) = self
            .run(move |connection| {
                let queue = records::find(connection, &name)?;
                let look = messages::receive(connection, &queue, &arn, portion, now)?;
                Ok((look, queue.settings.receive_wait))
            })
            .await?;
        if !look.received.is_empty() {
            let received = look.received.len() as u64;
            counter!("sluicegate_queue_messages_received_total", "queue" => queue.to_owned()).increment(received);
        }
        if let Some((dead, moved)) = &look.given_up {
            counter!("sluicegate_queue_messages_dead_total", "queue" => queue.to_owned()).increment(*moved as u64);
            self.waiting.wake(dead, *moved);
        }
        Ok((look, Duration::from_secs(wait.unsigned_abs())))
    }

    /// For each handle, in their order, whether its message was still there.
    pub(crate) async fn delete(
        &self,
        queue: &str,
        handles: Vec<String>,
    ) -> Result<Vec<Result<bool, Refusal>>, Refusal> {
        let name = queue.to_owned();
        let results = self
            .run(move |connection| {
                let queue = records::find(connection, &name)?;
                let one = |handle: &String| match records::receipt(connection, &queue, handle)? {
                    Ok(receipt) => messages::delete(connection, &queue, receipt).map(Ok),
                    Err(refusal) => Ok(Err(refusal)),
                };
                handles.iter().map(one).collect::<Result<Vec<_>, WorkError>>()
            })
            .await?;
        let deleted = results.iter().filter(|result| matches!(result, Ok(true))).count() as u64;
        counter!("sluicegate_queue_messages_deleted_total", "queue" => queue.to_owned()).increment(deleted);
        Ok(results)
    }

    /// Handles and seconds; what became of each, in their order.
    pub(crate) async fn hide(
        &self,
        queue: &str,
        hidden: Vec<(String, i64)>,
    ) -> Result<Vec<Result<(), Refusal>>, Refusal> {
        let (name, now) = (queue.to_owned(), self.now());
        let results = self
            .run(move |connection| {
                let queue = records::find(connection, &name)?;
                let one = |(handle, seconds): &(String, i64)| {
                    let receipt = match records::receipt(connection, &queue, handle)? {
                        Ok(receipt) => receipt,
                        Err(refusal) => return Ok(Err(refusal)),
                    };
                    match messages::hide(connection, &queue, receipt, *seconds, now) {
                        Ok(()) => Ok(Ok(())),
                        Err(WorkError::Refused(refusal)) => Ok(Err(refusal)),
                        Err(failed) => Err(failed),
                    }
                };
                hidden.iter().map(one).collect::<Result<Vec<_>, WorkError>>()
            })
            .await?;
        // Those that are not shown at once are shown at another time than receivers know.
        self.waiting.wake(queue, results.iter().filter(|result| result.is_ok()).count());
        Ok(results)
    }

    /// Receivers of a queue that is gone learn it.
    pub(crate) fn forget(&self, queue: &str) {
        self.waiting.forget(queue);
    }
}

fn too_long(most: i64) -> Refusal {
    let message = format!("One or more parameters are invalid. Reason: Message must be shorter than {most} bytes.");
    Refusal::new(&INVALID_VALUE, message)
}
