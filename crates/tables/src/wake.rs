//! Readers of a stream sleep until something is written to their table.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::watch;

/// One counter per table that is read; a write raises it.
#[derive(Clone, Default)]
pub(crate) struct Wake {
    tables: Arc<Mutex<HashMap<String, watch::Sender<u64>>>>,
}

impl Wake {
    pub(crate) fn subscribe(&self, table: &str) -> watch::Receiver<u64> {
        let mut tables = self.tables.lock();
        // Tables come and go; what nobody reads any more is forgotten here.
        tables.retain(|name, sender| name == table || sender.receiver_count() > 0);
        tables.entry(table.to_owned()).or_default().subscribe()
    }

    /// To be called after the write has returned: whoever wakes up will find it.
    pub(crate) fn written(&self, table: &str) {
        if let Some(sender) = self.tables.lock().get(table) {
            raise(sender);
        }
    }

    /// For writes whose tables are not known.
    pub(crate) fn written_somewhere(&self) {
        self.tables.lock().values().for_each(raise);
    }
}

fn raise(sender: &watch::Sender<u64>) {
    sender.send_modify(|count| *count = count.wrapping_add(1));
}
