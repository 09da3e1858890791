//! JSONPath, parsed: the part of it that templates use, as the library behind API Gateway (Jayway JsonPath) reads it.

use crate::limits::MAX_PATH_BYTES;
use crate::syntax::Comparison;
use std::sync::Arc;

#[derive(Debug, PartialEq)]
pub(crate) struct Path {
    pub(crate) segments: Vec<Segment>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Segment {
    pub(crate) reach: Reach,
    pub(crate) selector: Selector,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Children,
    /// After `..`.
    Descendants,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Selector {
    Name(Arc<str>),
    /// `['a','b']`: a map of these only.
    Names(Vec<Arc<str>>),
    Index(i64),
    Indexes(Vec<i64>),
    Slice {
        from: Option<i64>,
        to: Option<i64>,
    },
    Every,
    /// `[?(…)]`: any of these, each of which is all of its tests.
    Filter(Vec<Vec<Test>>),
}

/// `@.a.b == literal`, `@.a`, `!@.a`.
#[derive(Debug, PartialEq)]
pub(crate) struct Test {
    pub(crate) steps: Vec<Selector>,
    pub(crate) expected: Expected,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Expected {
    Present,
    Absent,
    Compared(Comparison, Literal),
}

#[derive(Debug, PartialEq)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Number(f64),
    Text(Arc<str>),
}

impl Path {
    /// Whether the path leads to one place at most, so that its answer is a value and not a list of them.
    pub(crate) fn is_definite(&self) -> bool {
        self.segments.iter().all(|segment| {
            segment.reach == Reach::Children
                && matches!(segment.selector, Selector::Name(_) | Selector::Names(_) | Selector::Index(_))
        })
    }

    /// A path that begins with neither `$` nor `[` is taken from the root.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_PATH_BYTES {
            return Err(format!("is longer than {MAX_PATH_BYTES} bytes"));
        }
        let text = text.trim();
        let rooted = match text.strip_prefix('$') {
            Some(rest) => rest.to_owned(),
            None if text.starts_with('[') => text.to_owned(),
            None => format!(".{text}"),
        };
        let mut reader = Reader { rest: &rooted, is_in_filter: false };
        let mut segments = Vec::new();
        while !reader.rest.is_empty() {
            segments.push(reader.segment()?);
        }
        Ok(Self { segments })
    }
}

struct Reader<'t> {
    rest: &'t str,
    /// Filters do not nest: nobody writes that, and a path is read on the stack.
    is_in_filter: bool,
}

impl<'t> Reader<'t> {
    fn eat(&mut self, expected: &str) -> bool {
        let rest = self.rest.strip_prefix(expected);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn eat_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn expect(&mut self, expected: &str) -> Result<(), String> {
        self.eat_blanks();
        if self.eat(expected) { Ok(()) } else { Err(format!("lacks {expected} before {:?}", self.rest)) }
    }

    fn segment(&mut self) -> Result<Segment, String> {
        let reach = if self.eat("..") { Reach::Descendants } else { Reach::Children };
        let is_dotted = reach == Reach::Descendants || self.eat(".");
        let selector = if self.eat("[") {
            self.bracket()?
        } else if is_dotted {
            self.dotted()?
        } else {
            return Err(format!("has {:?} where . or [ must stand", self.rest));
        };
        Ok(Segment { reach, selector })
    }

    fn dotted(&mut self) -> Result<Selector, String> {
        if self.eat("*") {
            return Ok(Selector::Every);
        }
        let name = self.name(|c| matches!(c, '.' | '['));
        if name.is_empty() { Err("ends in a dot".to_owned()) } else { Ok(Selector::Name(name.into())) }
    }

    fn name(&mut self, ends: impl Fn(char) -> bool) -> &'t str {
        let (name, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        name
    }

    fn bracket(&mut self) -> Result<Selector, String> {
        self.eat_blanks();
        if self.eat("*") {
            self.expect("]")?;
            return Ok(Selector::Every);
        }
        if self.eat("?(") {
            if self.is_in_filter {
                return Err("has a filter inside a filter".to_owned());
            }
            self.is_in_filter = true;
            let filter = self.any_of()?;
            self.is_in_filter = false;
            self.expect(")")?;
            self.expect("]")?;
            return Ok(Selector::Filter(filter));
        }
        if self.rest.starts_with(['\'', '"']) {
            return self.names();
        }
        self.indexes()
    }

    fn names(&mut self) -> Result<Selector, String> {
        let mut names = vec![self.quoted()?];
        loop {
            self.eat_blanks();
            if self.eat("]") {
                break;
            }
            self.expect(",")?;
            self.eat_blanks();
            names.push(self.quoted()?);
        }
        Ok(if names.len() == 1 { Selector::Name(Arc::clone(&names[0])) } else { Selector::Names(names) })
    }

    fn indexes(&mut self) -> Result<Selector, String> {
        let Some((inside, rest)) = self.rest.split_once(']') else {
            return Err("has a [ that is not closed".to_owned());
        };
        self.rest = rest;
        let number = |text: &str| {
            text.trim().parse::<i64>().map_err(|_| format!("has [{inside}], which is no index, name, slice or filter"))
        };
        if let Some((from, to)) = inside.split_once(':') {
            let end = |text: &str| if text.trim().is_empty() { Ok(None) } else { number(text).map(Some) };
            return Ok(Selector::Slice { from: end(from)?, to: end(to)? });
        }
        if inside.contains(',') {
            return Ok(Selector::Indexes(inside.split(',').map(number).collect::<Result<_, _>>()?));
        }
        number(inside).map(Selector::Index)
    }

    fn quoted(&mut self) -> Result<Arc<str>, String> {
        let quote = if self.eat("'") {
            '\''
        } else if self.eat("\"") {
            '"'
        } else {
            return Err(format!("lacks a quoted name before {:?}", self.rest));
        };
        let mut name = String::new();
        let mut characters = self.rest.char_indices();
        while let Some((at, c)) = characters.next() {
            if c == quote {
                self.rest = &self.rest[at + c.len_utf8()..];
                return Ok(name.into());
            }
            let taken = if c == '\\' { characters.next().map_or(c, |(_, escaped)| escaped) } else { c };
            name.push(taken);
        }
        Err("has a quoted name that is not closed".to_owned())
    }

    fn any_of(&mut self) -> Result<Vec<Vec<Test>>, String> {
        let mut any = vec![vec![self.test()?]];
        loop {
            self.eat_blanks();
            if self.eat("||") {
                any.push(vec![self.test()?]);
            } else if self.eat("&&") {
                let test = self.test()?;
                if let Some(all) = any.last_mut() {
                    all.push(test);
                }
            } else {
                return Ok(any);
            }
        }
    }

    fn test(&mut self) -> Result<Test, String> {
        self.eat_blanks();
        let is_negated = self.eat("!");
        self.expect("@")?;
        let mut steps = Vec::new();
        loop {
            if self.eat("[") {
                steps.push(self.bracket()?);
            } else if self.eat(".") {
                let name = self.name(|c| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '$'));
                steps.push(Selector::Name(name.into()));
            } else {
                break;
            }
        }
        self.eat_blanks();
        let expected = match self.comparison() {
            _ if is_negated => Expected::Absent,
            Some(comparison) => Expected::Compared(comparison, self.literal()?),
            None => Expected::Present,
        };
        Ok(Test { steps, expected })
    }

    fn comparison(&mut self) -> Option<Comparison> {
        let spellings = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        spellings.into_iter().find(|(spelling, _)| self.eat(spelling)).map(|(_, comparison)| comparison)
    }

    fn literal(&mut self) -> Result<Literal, String> {
        self.eat_blanks();
        if self.rest.starts_with(['\'', '"']) {
            return self.quoted().map(Literal::Text);
        }
        let word = self.name(|c| !c.is_alphanumeric() && !matches!(c, '.' | '-' | '+'));
        match word {
            "true" => Ok(Literal::Bool(true)),
            "false" => Ok(Literal::Bool(false)),
            "null" => Ok(Literal::Null),
            number => number
                .parse()
                .map(Literal::Number)
                .map_err(|_| format!("compares with {number:?}, which is no literal")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_said() {
        for (text, expected) in [
            ("$.", "dot"),
            ("$[", "not closed"),
            ("$[x]", "[x]"),
            ("$['a", "not closed"),
            ("$x", "where . or ["),
            ("$[?(1==1)]", "lacks @"),
            ("$[?(@.a==)]", "literal"),
            ("$[?(@.a]", "lacks )"),
            ("$[?(@[?(@.a)])]", "inside a filter"),
        ] {
            let message = Path::parse(text).expect_err(text);
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
