//! The embedded engine: `dynoxide-rs` over one SQLite file.

use super::{Engine, dispatch};
use crate::refusal::Refusal;
use crate::surface::operation::Operation;
use dynoxide::{Database, DynoxideError};
use parking_lot::RwLock;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Calls run side by side as far as reading requests and writing answers goes; the engine itself lets one in at a time.
pub(crate) struct Embedded {
    file: PathBuf,
    /// `None` only while, or because, the file could not be opened again after a panic.
    database: RwLock<Option<Database>>,
}

impl Embedded {
    pub(crate) fn open(file: &Path) -> Result<Self, DynoxideError> {
        Ok(Self { file: file.to_owned(), database: RwLock::new(Some(database(file)?)) })
    }

    fn with_database<T>(&self, call: impl FnOnce(&Database) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let outcome = {
            let guard = self.database.read();
            let Some(database) = guard.as_ref() else {
                drop(guard);
                return Err(self.reopen());
            };
            catch_unwind(AssertUnwindSafe(|| call(database)))
        };
        outcome.unwrap_or_else(|_| Err(self.reopen()))
    }

    /// A panic inside the engine poisons its lock, and every later call would fail. Closing the connection rolls back what
    /// the call had begun, and a fresh one serves the next call.
    fn reopen(&self) -> Refusal {
        let mut guard = self.database.write();
        guard.take();
        match database(&self.file) {
            Ok(fresh) => {
                tracing::error!("the table engine panicked; its connection was replaced");
                *guard = Some(fresh);
            }
            Err(error) => tracing::error!(%error, "the table engine panicked and its file could not be opened again"),
        }
        Refusal::internal()
    }
}

fn database(file: &Path) -> Result<Database, DynoxideError> {
    let path = file
        .to_str()
        .ok_or_else(|| DynoxideError::InternalServerError(format!("the path {} is not valid UTF-8", file.display())))?;
    Database::new(path)
}

impl Engine for Embedded {
    fn run(&self, operation: Operation, request: &str) -> Result<String, Refusal> {
        self.with_database(|database| dispatch::run(database, operation, request))
    }

    fn sweep_expired(&self) -> Result<usize, Refusal> {
        self.with_database(|database| {
            database.sweep_ttl().map_err(|error| dispatch::refusal(Operation::DeleteItem, error))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_inside_the_engine_fails_its_own_call_only() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Embedded::open(&folder.path().join("tables.db")).unwrap();
        let refused = engine.with_database(|_| -> Result<(), Refusal> { panic!("as meant by this test") }).unwrap_err();
        assert_eq!(refused.status, 500);
        assert_eq!(engine.run(Operation::ListTables, "{}").unwrap(), r#"{"TableNames":[]}"#);
    }
}
