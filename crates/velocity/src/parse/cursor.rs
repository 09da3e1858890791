//! A place in the text, and how to move on from it.

use super::Fault;
use crate::limits::MAX_PARSE_WORK;

pub(super) struct Cursor<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    /// Set inside a string literal, whose characters no longer stand where they stood: the place of its quote.
    pub(super) literal_at: Option<usize>,
    pub(super) work: usize,
}

impl<'t> Cursor<'t> {
    /// The place in the whole template to report for a place in this text.
    pub(super) fn origin(&self, at: usize) -> usize {
        self.literal_at.unwrap_or(at)
    }

    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    pub(super) fn eat(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.at += expected.len();
        }
        found
    }

    pub(super) fn eat_while(&mut self, keep: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let length = rest.find(|c| !keep(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    pub(super) fn eat_whitespace(&mut self) {
        self.eat_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
    }

    /// What follows the next `end`, which is eaten too; `None` if there is none.
    pub(super) fn eat_past(&mut self, end: &str) -> Option<&'t str> {
        let rest = self.rest();
        let length = rest.find(end)?;
        self.at += length + end.len();
        Some(&rest[..length])
    }

    /// Blanks and the line's end after a directive belong to the directive; blanks without a line's end do not.
    pub(super) fn eat_line_end(&mut self) {
        let rest = self.rest();
        let after = rest.trim_start_matches([' ', '\t']);
        let ending = ["\r\n", "\n", "\r"].into_iter().find(|ending| after.starts_with(ending));
        if let Some(ending) = ending {
            self.at += rest.len() - after.len() + ending.len();
        }
    }

    pub(super) fn spend(&mut self, work: usize) -> Result<(), Fault> {
        self.work += work;
        if self.work <= MAX_PARSE_WORK {
            return Ok(());
        }
        Err(Fault::fatal(self.origin(self.at), "the template is too tangled to parse", "split it, or nest less"))
    }
}

pub(super) fn starts_identifier(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

/// Velocity's identifiers may hold hyphens: `$a-b` is one name.
pub(super) fn continues_identifier(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}
