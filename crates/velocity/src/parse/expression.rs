//! Conditions and values: what stands between the brackets of a directive.

use super::cursor::{continues_identifier, starts_identifier};
use super::{Fault, Parser};
use crate::number::{Arithmetic, Number};
use crate::syntax::{Comparison, Expression, Operator};

/// Binary operators from loosest to tightest; within a level the longer spelling comes first.
const LEVELS: [&[(&str, Operator)]; 6] = [
    &[("||", Operator::Or), ("or", Operator::Or)],
    &[("&&", Operator::And), ("and", Operator::And)],
    &[
        ("==", Operator::Compare(Comparison::Equal)),
        ("eq", Operator::Compare(Comparison::Equal)),
        ("!=", Operator::Compare(Comparison::NotEqual)),
        ("ne", Operator::Compare(Comparison::NotEqual)),
    ],
    &[
        ("<=", Operator::Compare(Comparison::LessOrEqual)),
        ("le", Operator::Compare(Comparison::LessOrEqual)),
        (">=", Operator::Compare(Comparison::GreaterOrEqual)),
        ("ge", Operator::Compare(Comparison::GreaterOrEqual)),
        ("<", Operator::Compare(Comparison::Less)),
        ("lt", Operator::Compare(Comparison::Less)),
        (">", Operator::Compare(Comparison::Greater)),
        ("gt", Operator::Compare(Comparison::Greater)),
    ],
    &[("+", Operator::Arithmetic(Arithmetic::Add)), ("-", Operator::Arithmetic(Arithmetic::Subtract))],
    &[
        ("*", Operator::Arithmetic(Arithmetic::Multiply)),
        ("/", Operator::Arithmetic(Arithmetic::Divide)),
        ("%", Operator::Arithmetic(Arithmetic::Remainder)),
    ],
];

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Result<Expression, Fault> {
        self.level(0)
    }

    fn level(&mut self, level: usize) -> Result<Expression, Fault> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let first = self.level(level + 1)?;
        let mut rest = Vec::new();
        while let Some(operator) = self.eat_operator(operators)? {
            rest.push((operator, self.level(level + 1)?));
        }
        Ok(if rest.is_empty() { first } else { Expression::Chain { first: Box::new(first), rest } })
    }

    fn eat_operator(&mut self, operators: &[(&str, Operator)]) -> Result<Option<Operator>, Fault> {
        self.cursor.spend(1)?;
        self.cursor.eat_whitespace();
        let word = self.word();
        for (spelling, operator) in operators {
            let is_word = spelling.starts_with(|c: char| c.is_ascii_alphabetic());
            let found = if is_word { word == *spelling } else { self.cursor.rest().starts_with(spelling) };
            if found {
                self.cursor.at += spelling.len();
                return Ok(Some(*operator));
            }
        }
        Ok(None)
    }

    fn unary(&mut self) -> Result<Expression, Fault> {
        self.cursor.eat_whitespace();
        let is_not = self.word() == "not" || (self.cursor.peek() == Some('!') && !self.cursor.rest().starts_with("!="));
        if !is_not {
            return self.primary();
        }
        self.cursor.at += if self.cursor.peek() == Some('!') { "!".len() } else { "not".len() };
        Ok(Expression::Not(Box::new(self.nested(Self::unary)?)))
    }

    /// A value without operators: what an index or an argument may be, and more.
    pub(super) fn primary(&mut self) -> Result<Expression, Fault> {
        self.cursor.spend(1)?;
        self.cursor.eat_whitespace();
        let start = self.cursor.at;
        match self.cursor.peek() {
            Some('$') => match self.try_reference()? {
                Some(reference) => Ok(Expression::Reference(reference)),
                None => Err(self.unexpected(start)),
            },
            Some('"' | '\'') => self.string(),
            Some('[') => self.nested(Self::list),
            Some('{') => self.nested(Self::map),
            Some('(') => self.nested(Self::group),
            Some(c) if c.is_ascii_digit() || c == '-' || c == '.' => self.number(),
            Some(_) => self.keyword(),
            None => Err(self.unexpected(start)),
        }
    }

    fn keyword(&mut self) -> Result<Expression, Fault> {
        let word = self.word();
        let value = match word {
            "true" => Expression::Bool(true),
            "false" => Expression::Bool(false),
            "null" => Expression::Null,
            _ => return Err(self.unexpected(self.cursor.at)),
        };
        self.cursor.at += word.len();
        Ok(value)
    }

    fn group(&mut self) -> Result<Expression, Fault> {
        let start = self.cursor.at;
        self.cursor.at += 1;
        let inner = self.expression()?;
        self.cursor.eat_whitespace();
        if self.cursor.eat(")") {
            return Ok(Expression::Group(Box::new(inner)));
        }
        Err(self.fault(start, "the bracket is not closed", "close it with )"))
    }

    fn list(&mut self) -> Result<Expression, Fault> {
        self.cursor.at += 1;
        self.cursor.eat_whitespace();
        if self.cursor.eat("]") {
            return Ok(Expression::List(Vec::new()));
        }
        let first = self.primary()?;
        self.cursor.eat_whitespace();
        if self.cursor.eat("..") {
            let last = self.primary()?;
            self.cursor.eat_whitespace();
            if self.cursor.eat("]") {
                return Ok(Expression::Range(Box::new((first, last))));
            }
            return Err(self.fault(self.cursor.at, "the range is not closed", "write [1..10]"));
        }
        let mut elements = vec![first];
        if self.cursor.eat(",") {
            elements.append(&mut self.separated("]")?);
        } else if !self.cursor.eat("]") {
            return Err(self.fault(
                self.cursor.at,
                "the list is not closed",
                "separate elements with , and close it with ]",
            ));
        }
        Ok(Expression::List(elements))
    }

    fn map(&mut self) -> Result<Expression, Fault> {
        let remedy = "write {\"key\": value, \"other\": value}";
        self.cursor.at += 1;
        let mut entries = Vec::new();
        self.cursor.eat_whitespace();
        if self.cursor.eat("}") {
            return Ok(Expression::Map(entries));
        }
        loop {
            let key = self.primary()?;
            self.cursor.eat_whitespace();
            if !self.cursor.eat(":") {
                return Err(self.fault(self.cursor.at, "the map's key has no value", remedy));
            }
            entries.push((key, self.primary()?));
            self.cursor.eat_whitespace();
            if self.cursor.eat("}") {
                return Ok(Expression::Map(entries));
            }
            if !self.cursor.eat(",") {
                return Err(self.fault(self.cursor.at, "the map is not closed", remedy));
            }
        }
    }

    /// Values separated by commas, up to and with `close`.
    pub(super) fn separated(&mut self, close: &str) -> Result<Vec<Expression>, Fault> {
        let mut values = Vec::new();
        self.cursor.eat_whitespace();
        if self.cursor.eat(close) {
            return Ok(values);
        }
        loop {
            values.push(self.primary()?);
            self.cursor.eat_whitespace();
            if self.cursor.eat(close) {
                return Ok(values);
            }
            if !self.cursor.eat(",") {
                let message = format!("expected , or {close}");
                return Err(self.fault(
                    self.cursor.at,
                    message,
                    "calculate with #set first: arguments are plain values",
                ));
            }
        }
    }

    fn number(&mut self) -> Result<Expression, Fault> {
        let start = self.cursor.at;
        self.cursor.eat("-");
        self.cursor.eat_while(|c| c.is_ascii_digit());
        let mut is_integer = true;
        if self.cursor.rest().starts_with('.') && !self.cursor.rest().starts_with("..") {
            is_integer = false;
            self.cursor.at += 1;
            self.cursor.eat_while(|c| c.is_ascii_digit());
        }
        let mantissa_end = self.cursor.at;
        if self.cursor.eat("e") || self.cursor.eat("E") {
            let _sign = self.cursor.eat("+") || self.cursor.eat("-");
            if self.cursor.eat_while(|c| c.is_ascii_digit()).is_empty() {
                self.cursor.at = mantissa_end;
            } else {
                is_integer = false;
            }
        }
        let text = &self.cursor.text[start..self.cursor.at];
        let integer = if is_integer { text.parse().ok().map(Number::Integer) } else { None };
        let number = integer.or_else(|| text.parse().ok().map(Number::Double));
        number.map(Expression::Number).ok_or_else(|| self.unexpected(start))
    }

    /// The word that begins here, not eaten.
    pub(super) fn word(&self) -> &str {
        let rest = self.cursor.rest();
        if !rest.starts_with(starts_identifier) {
            return "";
        }
        &rest[..rest.find(|c| !continues_identifier(c)).unwrap_or(rest.len())]
    }

    fn unexpected(&self, at: usize) -> Fault {
        let found = self.cursor.text[at..].chars().next();
        let found = found.map_or("the template's end".to_owned(), |c| format!("{c:?}"));
        let remedy = "write a $reference, 'text', a number, true, false, [list] or {map}";
        self.fault(at, format!("expected a value, found {found}"), remedy)
    }
}
