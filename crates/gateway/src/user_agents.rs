//! User agents, stored once: thousands of clients share a handful.

use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::Arc;

/// Beyond this many different ones nothing is shared any more: they are made up.
const MAX_SHARED: usize = 1024;

#[derive(Default)]
pub(crate) struct UserAgents(Mutex<HashSet<Arc<str>>>);

impl UserAgents {
    pub(crate) fn shared(&self, agent: &str) -> Arc<str> {
        let mut known = self.0.lock();
        if let Some(shared) = known.get(agent) {
            return shared.clone();
        }
        let shared: Arc<str> = agent.into();
        if known.len() >= MAX_SHARED {
            known.retain(|agent| Arc::strong_count(agent) > 1);
        }
        if known.len() < MAX_SHARED {
            known.insert(shared.clone());
        }
        shared
    }
}
