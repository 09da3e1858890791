//! What a change of what is served came to, for whoever made it.

use serde::Serialize;
use sluicegate_functions::FunctionChanges;
use sluicegate_mappings::MappingChanges;
use std::fmt;
use std::time::Duration;

/// Changes that a line names; it counts the others.
const MAX_NAMED: usize = 8;

/// One thing that became different.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `API`, `function`, `table`, `mapping`, …
    pub kind: &'static str,
    pub name: String,
    /// `added`, `changed`, `removed`, or more precisely.
    pub change: String,
}

/// A change of what is served that went through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    pub changes: Vec<Change>,
    /// Whether outputs or addresses are not what they were.
    pub is_announced_anew: bool,
    pub took: Duration,
}

/// Collected while a change is under way.
#[derive(Debug, Default)]
pub(crate) struct Changes(Vec<Change>);

impl Changes {
    pub(crate) fn add(&mut self, kind: &'static str, name: impl Into<String>, change: impl Into<String>) {
        self.0.push(Change { kind, name: name.into(), change: change.into() });
    }

    pub(crate) fn functions(&mut self, changes: FunctionChanges) {
        let FunctionChanges { added, changed, removed } = changes;
        self.named("function", [(added, "added"), (changed, "changed"), (removed, "removed")]);
    }

    pub(crate) fn mappings(&mut self, changes: MappingChanges) {
        let MappingChanges { started, changed, stopped } = changes;
        self.named("mapping", [(started, "started"), (changed, "changed"), (stopped, "stopped")]);
    }

    fn named(&mut self, kind: &'static str, all: [(Vec<String>, &str); 3]) {
        for (names, change) in all {
            names.into_iter().for_each(|name| self.add(kind, name, change));
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Change> {
        self.0
    }
}

impl fmt::Display for Reloaded {
    /// `function chat-Send changed, table chat-Rooms created`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.changes.is_empty() {
            return f.write_str("nothing has changed");
        }
        for (number, Change { kind, name, change }) in self.changes.iter().take(MAX_NAMED).enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            write!(f, "{comma}{kind} {name} {change}")?;
        }
        match self.changes.len().saturating_sub(MAX_NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
