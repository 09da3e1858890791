//! Why a text is no pattern, and why a text is no event.

use crate::limits;

/// A pattern that AWS refuses too, and where in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid filter pattern definition. {message} (line {line}, column {column}{})", within(.path))]
pub struct PatternError {
    pub message: String,
    /// Within the text of the pattern, from one.
    pub line: usize,
    pub column: usize,
    /// The field, its steps joined by dots; empty at the top.
    pub path: String,
}

fn within(path: &str) -> String {
    match path {
        "" => String::new(),
        path => format!(", in `{path}`"),
    }
}

/// Why patterns are no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// `number` counts from one.
    #[error("pattern {number}: {error}")]
    Pattern { number: usize, error: PatternError },
    #[error("there are {0} patterns; a filter has at most {most}", most = limits::PATTERNS)]
    TooMany(usize),
    #[error("pattern {number} has {characters} characters; at most {most} are taken", most = limits::PATTERN_CHARS)]
    TooLong { number: usize, characters: usize },
}

/// The text is no JSON object.
#[derive(Debug, thiserror::Error)]
#[error("the event is no JSON object: {0}")]
pub struct NotAnEvent(#[from] pub(crate) serde_json::Error);
