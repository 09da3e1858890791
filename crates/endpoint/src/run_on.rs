//! A future that comes to its end even when its caller stops waiting.

use sluicegate_protocol::BoxFuture;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::runtime::Handle;

/// Runs in its caller's task for as long as the caller waits, and in a task of its own from then on. A task from the start
/// would cost two more wake-ups, often of another thread, each time.
pub struct RunOn<T: Send + 'static>(Option<BoxFuture<'static, T>>);

impl<T: Send + 'static> RunOn<T> {
    pub fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(future)))
    }
}

impl<T: Send + 'static> Future for RunOn<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Some(future) = &mut self.0 else { return Poll::Pending };
        let result = std::task::ready!(future.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(result)
    }
}

impl<T: Send + 'static> Drop for RunOn<T> {
    fn drop(&mut self) {
        // Without a runtime nothing can run on; a runtime that is shutting down takes the task and drops it.
        if let (Some(future), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(future);
        }
    }
}
