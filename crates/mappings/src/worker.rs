//! A thread for one mapping, within the runtime it was started from: timers and sockets are the runtime's, everything else
//! happens here.

use std::future::Future;
use std::io;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// A thread at work; dropping this ends its work at the next point where it waits.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Held for its end: the thread sees it being dropped.
    alive: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

/// The work ended in a panic.
#[derive(Debug)]
pub(crate) struct Panicked;

impl Worker {
    pub(crate) fn start(work: impl Future<Output = ()> + Send + 'static) -> io::Result<Self> {
        let (alive, dropped) = oneshot::channel::<()>();
        let (end, ended) = oneshot::channel();
        let runtime = Handle::current();
        std::thread::Builder::new().name("mapping".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    _ = dropped => {}
                    () = work => {}
                }
            });
            // Not sent after a panic. Nobody may be waiting for it.
            let _ = end.send(());
        })?;
        Ok(Self { alive, ended })
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.alive.is_closed()
    }

    /// Waits until the work is done.
    pub(crate) async fn ended(self) -> Result<(), Panicked> {
        self.ended.await.map_err(|_| Panicked)
    }
}
