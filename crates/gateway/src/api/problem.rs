//! What is wrong with a definition: where, what, and how to mend it.

use std::fmt;

/// One problem. A definition is checked to its end, so that all of them are reported at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Such as `API chat, route sendMessage, integration i1, requestTemplates.$default, line 3`.
    pub place: String,
    pub message: String,
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.place, self.message, self.remedy)
    }
}

/// A definition that cannot be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Problems {}

/// Where the checker is, and what it found so far.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    place: Vec<String>,
    problems: Vec<Problem>,
}

impl Checker {
    /// Runs `check` one place further in.
    pub(crate) fn at<T>(&mut self, place: impl Into<String>, check: impl FnOnce(&mut Self) -> T) -> T {
        self.place.push(place.into());
        let result = check(self);
        self.place.pop();
        result
    }

    pub(crate) fn problem(&mut self, message: impl Into<String>, remedy: impl Into<String>) {
        let (place, message, remedy) = (self.place.join(", "), message.into(), remedy.into());
        self.problems.push(Problem { place, message, remedy });
    }

    /// The value, unless anything was found.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, Problems> {
        if self.problems.is_empty() { Ok(value) } else { Err(Problems(self.problems)) }
    }
}
