//! Patterns together, compiled.

use crate::compile::{Alternative, compile};
use crate::decide::{Condition, meets};
use crate::error::{FilterError, NotAnEvent};
use crate::event::Fields;
use crate::limits;
use crate::paths::Step;
use std::fmt;
use std::sync::Arc;

/// Patterns of which an event must match one. Cloning shares it.
#[derive(Clone)]
pub struct Filter(Arc<Compiled>);

struct Compiled {
    paths: Step,
    fields: usize,
    alternatives: Vec<Vec<Condition>>,
    /// As they were written.
    patterns: Vec<String>,
}

impl Filter {
    /// Refuses what AWS refuses, and says where in which pattern. Without any pattern nothing matches.
    pub fn compile<P: AsRef<str>>(patterns: &[P]) -> Result<Self, FilterError> {
        if patterns.len() > limits::PATTERNS {
            return Err(FilterError::TooMany(patterns.len()));
        }
        let mut alternatives = Vec::new();
        for (number, pattern) in (1..).zip(patterns) {
            alternatives.extend(alternatives_of(pattern.as_ref(), number)?);
        }
        let patterns = patterns.iter().map(|pattern| pattern.as_ref().to_owned()).collect();
        Ok(Self(Arc::new(Compiled::new(alternatives, patterns))))
    }

    /// Whether an event, a JSON object, matches one of the patterns.
    pub fn matches(&self, event: &str) -> Result<bool, NotAnEvent> {
        let Compiled { paths, fields, alternatives, .. } = &*self.0;
        let fields = Fields::read(event, paths, *fields)?;
        Ok(alternatives.iter().any(|conditions| meets(&fields, conditions)))
    }

    pub fn patterns(&self) -> &[String] {
        &self.0.patterns
    }
}

/// By what was written: two filters of the same patterns are the same.
impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.patterns() == other.patterns()
    }
}

impl Eq for Filter {}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.patterns()).finish()
    }
}

fn alternatives_of(pattern: &str, number: usize) -> Result<Vec<Alternative>, FilterError> {
    let characters = pattern.chars().count();
    if characters > limits::PATTERN_CHARS {
        return Err(FilterError::TooLong { number, characters });
    }
    compile(pattern).map_err(|error| FilterError::Pattern { number, error })
}

impl Compiled {
    fn new(alternatives: Vec<Alternative>, patterns: Vec<String>) -> Self {
        let mut names: Vec<&String> = alternatives.iter().flat_map(|alternative| alternative.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let mut paths = Step::default();
        for (field, name) in names.iter().enumerate() {
            paths.add(name, field);
        }
        let condition = |(path, tests): (&String, &Arc<_>)| {
            let field = names.binary_search(&path).ok()?;
            Some(Condition { field, tests: Arc::clone(tests) })
        };
        let compiled =
            alternatives.iter().map(|alternative| alternative.iter().filter_map(condition).collect()).collect();
        Self { paths, fields: names.len(), alternatives: compiled, patterns }
    }
}
