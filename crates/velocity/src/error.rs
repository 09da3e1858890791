//! What can go wrong, with its place in the template.

use std::fmt;

/// A template that cannot be parsed. Lines and columns count from 1; columns count characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}; {remedy}")]
pub struct TemplateError {
    pub line: usize,
    pub column: usize,
    pub message: String,
    /// How to mend it.
    pub remedy: String,
}

/// A rendering that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderError {
    pub line: usize,
    pub column: usize,
    pub kind: RenderErrorKind,
    pub message: String,
}

/// Why a rendering was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenderErrorKind {
    /// `$input.json` or `$input.path` was asked of a body that is not JSON. AWS answers this with status 400 and
    /// "Could not parse request body into json".
    BodyNotJson,
    /// A method refused its arguments, where Java would throw.
    Call,
    /// A limit of [`crate::limits`] was reached.
    Limit,
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for RenderError {}

/// Line and column of a byte offset, counted from 1.
pub(crate) fn place(text: &str, at: usize) -> (usize, usize) {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
