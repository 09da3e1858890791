//! Keys of an issuer, kept fresh: fetched by one request at a time, not too often, and kept when a fetch fails.

use super::SharedKey;
use super::keys::Keys;
use super::source::Source;
use arc_swap::ArcSwapOption;
use jsonwebtoken::Algorithm;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Keys older than this are fetched anew before they are used, so that withdrawn ones disappear.
const MAX_AGE_MS: u64 = 10 * 60 * 1000;
/// Between two fetches, whatever tokens name: strangers must not make us ask the issuer for each of theirs.
const MIN_REFRESH_INTERVAL_MS: u64 = 10 * 1000;
/// Keys are used this long while fetching fails; then nobody gets in.
const MAX_STALE_MS: u64 = 24 * 60 * 60 * 1000;

pub(super) struct KeyCache {
    source: Source,
    current: ArcSwapOption<Fetched>,
    /// When a fetch was last begun. Held while one is under way.
    last_attempt_ms: Mutex<Option<u64>>,
}

struct Fetched {
    keys: Keys,
    at_ms: u64,
}

impl KeyCache {
    /// A file must be readable from the start; an address may come up later.
    pub(super) fn new(source: Source) -> Result<Self, String> {
        source.check()?;
        Ok(Self { source, current: ArcSwapOption::empty(), last_attempt_ms: Mutex::new(None) })
    }

    /// The key that a token names, if the issuer has it.
    pub(super) async fn key(&self, id: Option<&str>, algorithm: Algorithm, now_ms: u64) -> Option<SharedKey> {
        let find = |fetched: &Arc<Fetched>| {
            let usable = now_ms.saturating_sub(fetched.at_ms) < MAX_STALE_MS;
            usable.then(|| fetched.keys.find(id, algorithm)).flatten()
        };
        if let Some(fetched) = self.current.load_full()
            && let Some(key) = find(&fetched)
        {
            if now_ms.saturating_sub(fetched.at_ms) < MAX_AGE_MS {
                return Some(key);
            }
            // Aged: whoever comes first fetches; the others need not wait for that.
            let Ok(last_attempt) = self.last_attempt_ms.try_lock() else { return Some(key) };
            self.refresh(last_attempt, now_ms).await;
        } else {
            self.refresh(self.last_attempt_ms.lock().await, now_ms).await;
        }
        self.current.load_full().as_ref().and_then(find)
    }

    async fn refresh(&self, mut last_attempt: tokio::sync::MutexGuard<'_, Option<u64>>, now_ms: u64) {
        // While we waited for the lock another may have fetched what we need.
        if last_attempt.is_some_and(|last| now_ms.saturating_sub(last) < MIN_REFRESH_INTERVAL_MS) {
            return;
        }
        *last_attempt = Some(now_ms);
        match self.source.fetch().await.and_then(|json| Keys::parse(&json)) {
            Ok(keys) => self.current.store(Some(Arc::new(Fetched { keys, at_ms: now_ms }))),
            Err(error) => tracing::warn!(source = %self.source, %error, "keys could not be fetched; earlier ones stay"),
        }
    }
}
