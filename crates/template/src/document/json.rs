//! JSON with positions. Strings and numbers are serde_json's; only their places, and the braces around them, are found here.

use super::{Builder, Entry, Kind, Node, Unreadable};
use std::collections::HashSet;

type Place = (usize, usize);

pub(super) fn parse(text: &str, builder: &mut Builder) -> Result<Node, Unreadable> {
    let mut reader = Reader { text, at: 0, line: 1, line_start: 0, counted_to: 0, counted: 0, builder };
    reader.skip_whitespace();
    let root = reader.value(None, 0)?;
    reader.skip_whitespace();
    match reader.peek() {
        None => Ok(root),
        Some(_) => Err(reader.error("something follows the end of the document", "remove it")),
    }
}

struct Reader<'t, 'b> {
    text: &'t str,
    at: usize,
    line: usize,
    line_start: usize,
    /// Up to which byte of the line characters were counted, and how many: a line may be as long as the file.
    counted_to: usize,
    counted: usize,
    builder: &'b mut Builder,
}

impl Reader<'_, '_> {
    /// `key` is where the key of this value stands.
    fn value(&mut self, key: Option<super::At>, depth: usize) -> Result<Node, Unreadable> {
        let place = self.place();
        match self.peek() {
            Some(open @ (b'{' | b'[')) => {
                self.builder.check_depth(depth + 1, place)?;
                let at = match key {
                    Some(at) => at,
                    None => self.builder.at(place)?,
                };
                self.at += 1;
                let kind = if open == b'{' { self.map(depth + 1)? } else { self.list(depth + 1)? };
                Ok(Node { at, kind })
            }
            Some(b'"') => {
                let at = self.builder.at(place)?;
                Ok(Node { at, kind: Kind::Text(self.string()?) })
            }
            Some(_) => {
                let at = self.builder.at(place)?;
                let literal = self.literal();
                let kind = match literal {
                    "null" => Kind::Null,
                    "true" => Kind::Bool(true),
                    "false" => Kind::Bool(false),
                    // serde_json decides; the digits are kept.
                    _ if serde_json::from_str::<serde_json::Number>(literal).is_ok() => {
                        Kind::Number(literal.to_owned())
                    }
                    _ => return Err(self.error_at(place, "this is no JSON value", "write text in double quotes")),
                };
                Ok(Node { at, kind })
            }
            None => Err(self.error("the document ends where a value should be", "complete it")),
        }
    }

    fn map(&mut self, depth: usize) -> Result<Kind, Unreadable> {
        let (mut entries, mut keys) = (Vec::new(), HashSet::new());
        self.skip_whitespace();
        if self.take(b'}') {
            return Ok(Kind::Map(entries));
        }
        loop {
            self.skip_whitespace();
            let place = self.place();
            if self.peek() != Some(b'"') {
                return Err(self.error("a key in double quotes should be here", "remove a comma, or add the key"));
            }
            let at = self.builder.at(place)?;
            let key = self.string()?;
            self.skip_whitespace();
            if !self.take(b':') {
                return Err(self.error("a `:` should follow the key", "add it"));
            }
            self.skip_whitespace();
            let value = self.value(Some(at), depth)?;
            self.builder.add(&mut entries, &mut keys, Entry { key, at, value });
            self.skip_whitespace();
            if self.take(b'}') {
                return Ok(Kind::Map(entries));
            }
            if !self.take(b',') {
                return Err(self.error("a `,` or `}` should be here", "add it"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Kind, Unreadable> {
        let mut items = Vec::new();
        self.skip_whitespace();
        if self.take(b']') {
            return Ok(Kind::List(items));
        }
        loop {
            self.skip_whitespace();
            items.push(self.value(None, depth)?);
            self.skip_whitespace();
            if self.take(b']') {
                return Ok(Kind::List(items));
            }
            if !self.take(b',') {
                return Err(self.error("a `,` or `]` should be here", "add it"));
            }
        }
    }

    fn string(&mut self) -> Result<String, Unreadable> {
        let (place, start) = (self.place(), self.at);
        let mut end = start + 1;
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(end) {
            match byte {
                b'"' => {
                    self.at = end + 1;
                    let parsed = serde_json::from_str(&self.text[start..=end]);
                    return parsed.map_err(|_| {
                        self.error_at(place, "this string is not JSON", "escape control characters and backslashes")
                    });
                }
                b'\\' => end += 2,
                _ => end += 1,
            }
        }
        Err(self.error_at(place, "this string never ends", "close it with a double quote"))
    }

    fn literal(&mut self) -> &str {
        let start = self.at;
        let ends = |c: char| c.is_whitespace() || ",:[]{}\"".contains(c);
        self.at += self.text[start..].find(ends).unwrap_or(self.text.len() - start);
        &self.text[start..self.at]
    }

    fn skip_whitespace(&mut self) {
        while let Some(byte @ (b' ' | b'\t' | b'\r' | b'\n')) = self.peek() {
            self.at += 1;
            if byte == b'\n' {
                self.line += 1;
                self.line_start = self.at;
                (self.counted_to, self.counted) = (self.at, 0);
            }
        }
    }

    fn take(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn place(&mut self) -> Place {
        debug_assert!(self.counted_to >= self.line_start);
        self.counted += self.text.get(self.counted_to..self.at).map_or(0, |text| text.chars().count());
        self.counted_to = self.at;
        (self.line, self.counted + 1)
    }

    fn error(&mut self, message: &str, remedy: &str) -> Unreadable {
        let place = self.place();
        self.error_at(place, message, remedy)
    }

    fn error_at(&self, place: Place, message: &str, remedy: &str) -> Unreadable {
        self.builder.unreadable(place, format!("not JSON: {message}"), remedy)
    }
}
