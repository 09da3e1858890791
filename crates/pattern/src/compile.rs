//! The text of a pattern, read and checked.
//!
//! A pattern is compiled to alternatives; each names fields by their path and gives the tests of each. A field that is given
//! twice counts as it was given last, also where `$or` gives it again: that is how AWS's matcher takes it.

use crate::address::{self, Block};
use crate::error::PatternError;
use crate::limits;
use crate::number::comparable;
use crate::test::{Bound, Test, TextTest};
use crate::text::{AnyCase, Wildcard};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What one alternative asks of an event: tests by the path of their field, its steps joined by dots.
pub(crate) type Alternative = BTreeMap<String, Arc<[Test]>>;

const OR: &str = "$or";

/// Fields of these names cannot stand within `$or`.
const RESERVED: [&str; 23] = [
    "exactly",
    "equals-ignore-case",
    "prefix",
    "suffix",
    "anything-but",
    "exists",
    "wildcard",
    "numeric",
    "cidr",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "regex",
    "not-wildcard",
    "not-equals-ignore-case",
    "date-after",
    "date-on-or-after",
    "date-before",
    "date-on-or-before",
    "in-date-range",
    "ip-address-in-range",
];

pub(crate) fn compile(text: &str) -> Result<Vec<Alternative>, PatternError> {
    let whole: &RawValue = serde_json::from_str(text).map_err(|error| PatternError {
        message: format!("It is not JSON: {}", bare(&error)),
        line: error.line(),
        column: error.column(),
        path: String::new(),
    })?;
    let mut compiler = Compiler { text, path: Vec::new(), alternatives: vec![Alternative::new()] };
    let entries = compiler.object(whole, "A pattern is a JSON object")?;
    compiler.fields(whole, entries, Within::Object)?;
    Ok(compiler.alternatives)
}

struct Compiler<'p> {
    text: &'p str,
    path: Vec<String>,
    alternatives: Vec<Alternative>,
}

/// Where fields stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Object,
    Or,
}

type Raw<'p> = &'p RawValue;
type Checked<T> = Result<T, PatternError>;

impl<'p> Compiler<'p> {
    fn fields(&mut self, object: Raw<'p>, entries: Vec<(String, Raw<'p>)>, within: Within) -> Checked<()> {
        if entries.is_empty() {
            return self.fail(object, "An object of a pattern has at least one field");
        }
        if self.path.len() > limits::DEPTH {
            return self.fail(object, format!("Patterns are at most {} objects deep", limits::DEPTH));
        }
        for (name, value) in entries {
            if name == OR {
                self.or(value)?;
                continue;
            }
            if within == Within::Or && RESERVED.contains(&name.as_str()) {
                return self.fail(value, format!("`{name}` cannot be the name of a field within `$or`"));
            }
            self.path.push(name);
            match kind(value) {
                Kind::Object => {
                    let entries = self.object(value, "")?;
                    self.fields(value, entries, within)?;
                }
                Kind::Array => self.leaf(value)?,
                _ => return self.fail(value, "The value of a field is an object or an array"),
            }
            self.path.pop();
        }
        Ok(())
    }

    /// Each object continues each alternative there is.
    fn or(&mut self, value: Raw<'p>) -> Checked<()> {
        let branches = self.array(value, "The value of `$or` is an array of objects")?;
        if branches.len() < 2 {
            return self.fail(value, "`$or` has at least two objects");
        }
        if branches.len() * self.alternatives.len() > limits::COMBINATIONS {
            return self.fail(value, format!("The `$or`s make more than {} combinations", limits::COMBINATIONS));
        }
        let before = std::mem::take(&mut self.alternatives);
        let mut all = Vec::new();
        for branch in branches {
            self.alternatives.clone_from(&before);
            let entries = self.object(branch, "`$or` is an array of objects")?;
            self.fields(branch, entries, Within::Or)?;
            all.append(&mut self.alternatives);
            if all.len() > limits::COMBINATIONS {
                return self.fail(value, format!("The `$or`s make more than {} combinations", limits::COMBINATIONS));
            }
        }
        self.alternatives = all;
        Ok(())
    }

    fn leaf(&mut self, value: Raw<'p>) -> Checked<()> {
        let elements = self.array(value, "The value of a field is an object or an array")?;
        if elements.is_empty() {
            return self.fail(value, "An array of a pattern has at least one test");
        }
        let tests: Checked<Vec<Test>> = elements.into_iter().map(|element| self.test(element)).collect();
        let (path, tests) = (self.path.join("."), Arc::<[Test]>::from(tests?));
        for alternative in &mut self.alternatives {
            alternative.insert(path.clone(), Arc::clone(&tests));
        }
        Ok(())
    }

    fn test(&self, value: Raw<'p>) -> Checked<Test> {
        Ok(match kind(value) {
            Kind::Text => {
                let text = self.text(value)?;
                match address::parse(&text) {
                    Some(address) => Test::Address(address),
                    None => Test::Text(TextTest::Equal(text)),
                }
            }
            Kind::Number => Test::Number { text: value.get().to_owned(), value: comparable(value.get()) },
            Kind::True => Test::True,
            Kind::False => Test::False,
            Kind::Null => Test::Null,
            Kind::Object => {
                let (operator, operand) = self.only_entry(value)?;
                self.operation(&operator, value, operand)?
            }
            Kind::Array => return self.fail(value, "A test is a value, or an object with an operator"),
        })
    }

    fn operation(&self, operator: &str, whole: Raw<'p>, operand: Raw<'p>) -> Checked<Test> {
        Ok(match operator {
            "exactly" => Test::Text(TextTest::Equal(self.text_of(operand, operator)?)),
            "equals-ignore-case" => Test::Text(self.text_test(operator, operand)?),
            "prefix" | "suffix" if kind(operand) == Kind::Object => {
                let (inner, text) = self.only_entry(operand)?;
                if inner != "equals-ignore-case" {
                    return self.fail(operand, format!("`{operator}` takes a string or `equals-ignore-case`"));
                }
                let any_case = AnyCase::new(&self.text_of(text, &inner)?);
                Test::Text(match operator {
                    "prefix" => TextTest::PrefixInAnyCase(any_case),
                    _ => TextTest::SuffixInAnyCase(any_case),
                })
            }
            "prefix" | "suffix" | "wildcard" => Test::Text(self.text_test(operator, operand)?),
            "anything-but" => Test::Except(self.exceptions(operand)?),
            "numeric" => self.range(operand)?,
            "exists" => match kind(operand) {
                Kind::True => Test::Exists,
                Kind::False => Test::Absent,
                _ => return self.fail(operand, "`exists` takes true or false"),
            },
            "cidr" => match Block::parse(&self.text_of(operand, operator)?) {
                Ok(block) => Test::Block(block),
                Err(message) => return self.fail(operand, format!("`cidr`: {message}")),
            },
            other => return self.fail(whole, format!("There is no operator `{other}`")),
        })
    }

    /// A test with one string.
    fn text_test(&self, operator: &str, operand: Raw<'p>) -> Checked<TextTest> {
        let text = self.text_of(operand, operator)?;
        Ok(match operator {
            "prefix" => TextTest::Prefix(text),
            "suffix" => TextTest::Suffix(text),
            "wildcard" => match Wildcard::parse(&text) {
                Ok(wildcard) => TextTest::Wildcard(wildcard),
                Err(message) => return self.fail(operand, format!("`wildcard`: {message}")),
            },
            _ => TextTest::EqualInAnyCase(AnyCase::new(&text)),
        })
    }

    fn exceptions(&self, operand: Raw<'p>) -> Checked<Vec<Test>> {
        if kind(operand) != Kind::Object {
            return self.excepted_values(operand);
        }
        let (operator, operand) = self.only_entry(operand)?;
        if !["equals-ignore-case", "prefix", "suffix", "wildcard"].contains(&operator.as_str()) {
            return self.fail(operand, format!("`anything-but` takes no `{operator}`"));
        }
        let texts = self.one_or_more(operand)?;
        let test = |text| {
            if operator != "wildcard" && operator != "equals-ignore-case" && self.text_of(text, &operator)?.is_empty() {
                return self.fail(text, format!("`{operator}` in `anything-but` takes no empty string"));
            }
            self.text_test(&operator, text).map(Test::Text)
        };
        texts.into_iter().map(test).collect()
    }

    /// Strings or numbers, not both.
    fn excepted_values(&self, operand: Raw<'p>) -> Checked<Vec<Test>> {
        let values = self.one_or_more(operand)?;
        let first = values.first().map(|value| kind(value));
        let test = |value: Raw<'p>| match kind(value) {
            other if Some(other) != first => self.fail(value, "`anything-but` takes strings or numbers, not both"),
            Kind::Text => Ok(Test::Text(TextTest::Equal(self.text(value)?))),
            Kind::Number => Ok(Test::Number { text: value.get().to_owned(), value: Some(self.number(value)?) }),
            _ => self.fail(value, "`anything-but` takes strings, numbers or an operator"),
        };
        values.into_iter().map(test).collect()
    }

    /// `["=", n]`, `["<", n]`, `[">", n, "<=", n]` and their like.
    fn range(&self, operand: Raw<'p>) -> Checked<Test> {
        let parts = self.array(operand, "`numeric` takes an array such as [\">\", 0, \"<=\", 5]")?;
        let comparison = |place: usize| match (parts.get(place), parts.get(place + 1)) {
            (Some(operator), Some(value)) => Ok((self.text_of(operator, "numeric")?, self.number(value)?)),
            _ => self.fail(operand, "`numeric` takes pairs of an operator and a number"),
        };
        let (operator, value) = comparison(0)?;
        let bound = |open| Some(Bound { value, open });
        let (bottom, mut top) = match operator.as_str() {
            "=" => (bound(false), bound(false)),
            "<" => (None, bound(true)),
            "<=" => (None, bound(false)),
            ">" => (bound(true), None),
            ">=" => (bound(false), None),
            other => return self.fail(operand, format!("`numeric` has no operator `{other}`")),
        };
        if parts.len() > 2 {
            let (operator, value) = comparison(2)?;
            let open = match operator.as_str() {
                "<" => true,
                "<=" => false,
                other => return self.fail(operand, format!("the upper end of a range is `<` or `<=`, not `{other}`")),
            };
            if top.is_some() || parts.len() > 4 {
                return self.fail(operand, "`numeric` has too many elements; a range begins with `>` or `>=`");
            }
            if bottom.is_some_and(|bottom| bottom.value >= value) {
                return self.fail(operand, "the lower end of a range is less than its upper end");
            }
            top = Some(Bound { value, open });
        }
        Ok(Test::Range { bottom, top })
    }

    fn number(&self, value: Raw<'p>) -> Checked<f64> {
        if kind(value) != Kind::Number {
            return self.fail(value, format!("`{}` is no number", value.get()));
        }
        let number = comparable(value.get());
        number.map_or_else(|| self.fail(value, format!("{} has too many digits to be compared", value.get())), Ok)
    }

    fn text_of(&self, value: Raw<'p>, operator: &str) -> Checked<String> {
        match kind(value) {
            Kind::Text => self.text(value),
            _ => self.fail(value, format!("`{operator}` takes a string here")),
        }
    }

    fn text(&self, value: Raw<'p>) -> Checked<String> {
        serde_json::from_str(value.get()).or_else(|error| self.fail(value, format!("It is not JSON: {}", bare(&error))))
    }

    fn one_or_more(&self, value: Raw<'p>) -> Checked<Vec<Raw<'p>>> {
        let values = match kind(value) {
            Kind::Array => self.array(value, "")?,
            _ => vec![value],
        };
        if values.is_empty() {
            return self.fail(value, "The array is empty");
        }
        Ok(values)
    }

    fn array(&self, value: Raw<'p>, otherwise: &str) -> Checked<Vec<Raw<'p>>> {
        serde_json::from_str(value.get()).or_else(|_| self.fail(value, otherwise))
    }

    /// In the order of the text, with names that occur twice.
    fn object(&self, value: Raw<'p>, otherwise: &str) -> Checked<Vec<(String, Raw<'p>)>> {
        serde_json::from_str(value.get()).map(|Entries(entries)| entries).or_else(|_| self.fail(value, otherwise))
    }

    fn only_entry(&self, value: Raw<'p>) -> Checked<(String, Raw<'p>)> {
        let mut entries = self.object(value, "A test is a value, or an object with an operator")?;
        match (entries.pop(), entries.is_empty()) {
            (Some(entry), true) => Ok(entry),
            _ => self.fail(value, "An object with an operator has one key"),
        }
    }

    fn fail<T>(&self, at: Raw<'p>, message: impl Into<String>) -> Checked<T> {
        // A raw value is a part of the text it was read from.
        let offset = (at.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize).min(self.text.len());
        let before = &self.text.as_bytes()[..offset];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
        Err(PatternError {
            message: message.into(),
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
            column: 1 + String::from_utf8_lossy(&before[line_start..]).chars().count(),
            path: self.path.join("."),
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    Array,
    Text,
    Number,
    True,
    False,
    Null,
}

/// Told by the first character, as the text is JSON.
fn kind(value: &RawValue) -> Kind {
    match value.get().as_bytes().first() {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::Text,
        Some(b't') => Kind::True,
        Some(b'f') => Kind::False,
        Some(b'n') => Kind::Null,
        _ => Kind::Number,
    }
}

/// An error without its place, which is told beside it.
fn bare(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split_once(" at line ").map_or(text.clone(), |(message, _)| message.to_owned())
}

struct Entries<'p>(Vec<(String, Raw<'p>)>);

impl<'de: 'p, 'p> Deserialize<'de> for Entries<'p> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;
        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Vec<(String, Raw<'de>)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_map(EntriesVisitor).map(Entries)
    }
}
