//! Strings. A quote inside is written twice; a backslash is only a backslash, but for `\u0041` in double quotes; what
//! stands in double quotes is a template of its own.

use super::cursor::Cursor;
use super::{Fault, Parser};
use crate::syntax::Expression;
use std::borrow::Cow;

impl Parser<'_> {
    pub(super) fn string(&mut self) -> Result<Expression, Fault> {
        let start = self.cursor.at;
        let quote = if self.cursor.peek() == Some('"') { '"' } else { '\'' };
        let Some(end) = closing_quote(self.cursor.rest(), quote) else {
            self.cursor.spend(self.cursor.rest().len())?;
            return Err(self.fault(start, "the string is not closed", format!("close it with {quote}")));
        };
        self.cursor.spend(end)?;
        let raw = &self.cursor.text[start + 1..start + end];
        self.cursor.at = start + end + 1;
        let doubled = [quote, quote].iter().collect::<String>();
        if quote == '\'' {
            return Ok(Expression::Text(raw.replace(&doubled, "'").into()));
        }
        let content = unescape(raw).replace(&doubled, "\"");
        if !content.contains(['$', '#']) {
            return Ok(Expression::Text(content.into()));
        }
        self.nested(|parser| parser.interpolated(&content, start)).map(Expression::Interpolated)
    }

    fn interpolated(&mut self, content: &str, start: usize) -> Result<Vec<crate::syntax::Node>, Fault> {
        let cursor = Cursor { text: content, at: 0, literal_at: Some(self.origin(start)), work: self.cursor.work };
        let mut inner = Parser { cursor, depth: self.depth };
        let nodes = inner.whole_text();
        self.cursor.work = inner.cursor.work;
        nodes
    }
}

/// Where the string ends that begins with `quote`. Doubled quotes belong to it, unless nothing closes it after them.
fn closing_quote(text: &str, quote: char) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = quote as u8;
    let mut fallback = None;
    let mut at = 1;
    while at < bytes.len() {
        if bytes[at] != quote {
            at += 1;
        } else if bytes.get(at + 1) == Some(&quote) {
            fallback = Some(at);
            at += 2;
        } else {
            return Some(at);
        }
    }
    fallback
}

fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains("\\u") {
        return Cow::Borrowed(raw);
    }
    let mut units: Vec<u16> = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(found) = rest.find("\\u") {
        units.extend(rest[..found].encode_utf16());
        let digits = rest.get(found + 2..found + 6).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) {
            Some(unit) => {
                units.push(unit);
                rest = &rest[found + 6..];
            }
            None => {
                units.extend("\\u".encode_utf16());
                rest = &rest[found + 2..];
            }
        }
    }
    units.extend(rest.encode_utf16());
    Cow::Owned(String::from_utf16_lossy(&units))
}
