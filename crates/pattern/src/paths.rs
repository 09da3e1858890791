//! The fields that a filter looks at, as a tree, so that one reading of an event finds them and skips the rest.

use std::collections::HashMap;

/// A step of the paths.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// The number of the path that ends here.
    pub(crate) field: Option<usize>,
    next: HashMap<String, Step>,
}

impl Step {
    pub(crate) fn add(&mut self, path: &str, field: usize) {
        let mut step = self;
        for name in path.split('.') {
            step = step.next.entry(name.to_owned()).or_default();
        }
        step.field = Some(field);
    }

    /// Behind the name of an event's field. A dot within it is as good as one between two names.
    pub(crate) fn behind(&self, name: &str) -> Option<&Self> {
        name.split('.').try_fold(self, |step, name| step.next.get(name))
    }

    pub(crate) fn is_last(&self) -> bool {
        self.next.is_empty()
    }
}
