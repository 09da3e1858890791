//! Methods of strings. Places count UTF-16 units, as in Java.

use super::{Halt, Render};
use crate::number::Number;
use crate::value::Value;
use std::sync::Arc;

impl Render<'_> {
    pub(super) fn call_text(&mut self, text: &Arc<str>, name: &str, arguments: &[Value]) -> Result<Value, Halt> {
        self.read(text.len())?;
        Ok(match (name, arguments) {
            ("length", []) => Value::from(text.encode_utf16().count()),
            ("isEmpty", []) => Value::Bool(text.is_empty()),
            ("isBlank", []) => Value::Bool(text.trim().is_empty()),
            ("trim", []) => self.text(text.trim_matches(|c: char| c <= ' '))?,
            ("toLowerCase", []) => self.text(text.to_lowercase())?,
            ("toUpperCase", []) => self.text(text.to_uppercase())?,
            ("hashCode", []) => Value::from(hash_code(text)),
            ("intern", []) => Value::Text(Arc::clone(text)),
            ("equalsIgnoreCase", [Value::Text(other)]) => Value::Bool(text.to_lowercase() == other.to_lowercase()),
            ("equalsIgnoreCase", [_]) => Value::Bool(false),
            ("compareTo", [Value::Text(other)]) => Value::from(compare(text, other)),
            ("compareToIgnoreCase", [Value::Text(other)]) => {
                Value::from(compare(&text.to_lowercase(), &other.to_lowercase()))
            }
            ("contains", [Value::Text(part)]) => Value::Bool(text.contains(&**part)),
            ("startsWith", [Value::Text(part)]) => Value::Bool(text.starts_with(&**part)),
            ("endsWith", [Value::Text(part)]) => Value::Bool(text.ends_with(&**part)),
            ("concat", [Value::Text(other)]) => self.text([&**text, other].concat())?,
            ("charAt", [Value::Number(at)]) => self.substring(text, *at, at_after(*at))?,
            ("substring", [Value::Number(from)]) => self.substring(text, *from, None)?,
            ("substring" | "subSequence", [Value::Number(from), Value::Number(to)]) => {
                self.substring(text, *from, Some(*to))?
            }
            ("indexOf", [Value::Text(part)]) => place(text, text.find(&**part)),
            ("indexOf", [Value::Text(part), Value::Number(from)]) => {
                let from = byte_place(text, usize::try_from(from.as_integer()).unwrap_or(0)).unwrap_or(text.len());
                place(text, text[from..].find(&**part).map(|found| from + found))
            }
            ("lastIndexOf", [Value::Text(part)]) => place(text, text.rfind(&**part)),
            ("replace", [Value::Text(from), Value::Text(to)]) => self.replace(text, from, to)?,
            ("replaceAll", [Value::Text(pattern), Value::Text(to)]) => {
                self.replace_pattern(text, pattern, to, usize::MAX)?
            }
            ("replaceFirst", [Value::Text(pattern), Value::Text(to)]) => self.replace_pattern(text, pattern, to, 1)?,
            ("matches", [Value::Text(pattern)]) => self.matches(text, pattern)?,
            ("split", [Value::Text(pattern)]) => self.split(text, pattern, 0)?,
            ("split", [Value::Text(pattern), Value::Number(limit)]) => self.split(text, pattern, limit.as_integer())?,
            ("valueOf", [value]) => {
                let text = self.printed(value)?;
                self.text(text)?
            }
            _ => Value::Null,
        })
    }

    fn substring(&mut self, text: &str, from: Number, to: Option<Number>) -> Result<Value, Halt> {
        let length = text.encode_utf16().count();
        let (from, to) = (from.as_integer(), to.map_or(length as i128, Number::as_integer));
        match (usize::try_from(from), usize::try_from(to)) {
            (Ok(from), Ok(to)) if from <= to && to <= length => {
                let units: Vec<u16> = text.encode_utf16().skip(from).take(to - from).collect();
                self.text(String::from_utf16_lossy(&units))
            }
            _ => {
                Err(self.bad_call(format!("{from} to {to} is outside the string of {length}; ask its length() first")))
            }
        }
    }

    fn replace(&mut self, text: &str, from: &str, to: &str) -> Result<Value, Halt> {
        let found = if from.is_empty() { text.chars().count() + 1 } else { text.matches(from).count() };
        self.steps(found as u64 / 4)?;
        // Counted before it is made: the result may be far larger than both strings.
        self.make(found.saturating_mul(to.len()).saturating_add(text.len()))?;
        self.text(text.replace(from, to))
    }
}

fn at_after(at: Number) -> Option<Number> {
    Some(Number::Integer(at.as_integer().saturating_add(1)))
}

/// Java's `hashCode` of a string.
fn hash_code(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// Java's `compareTo`: the difference at the first place that differs, or of the lengths.
fn compare(left: &str, right: &str) -> i32 {
    let (mut left, mut right) = (left.encode_utf16(), right.encode_utf16());
    loop {
        match (left.next(), right.next()) {
            (Some(left), Some(right)) if left == right => {}
            (Some(left), Some(right)) => return i32::from(left) - i32::from(right),
            (Some(_), None) => return i32::try_from(left.count()).unwrap_or(i32::MAX).saturating_add(1),
            (None, Some(_)) => {
                return i32::try_from(right.count()).unwrap_or(i32::MAX).saturating_add(1).saturating_neg();
            }
            (None, None) => return 0,
        }
    }
}

fn place(text: &str, byte: Option<usize>) -> Value {
    byte.map_or(Value::from(-1), |byte| Value::from(text[..byte].encode_utf16().count()))
}

/// The byte at which a UTF-16 place stands; `None` past the end.
fn byte_place(text: &str, units: usize) -> Option<usize> {
    let mut passed = 0;
    for (byte, c) in text.char_indices() {
        if passed >= units {
            return Some(byte);
        }
        passed += c.len_utf16();
    }
    (passed >= units).then_some(text.len())
}
