//! Methods of numbers. Templates reach Java's static ones through any number: `#set($Integer = 0)`, then
//! `$Integer.parseInt("42")`.

use super::{Halt, Render};
use crate::number::Number;
use crate::value::Value;

impl Render<'_> {
    pub(super) fn call_number(&mut self, number: Number, name: &str, arguments: &[Value]) -> Result<Value, Halt> {
        let integer = |value: i128| Value::Number(Number::Integer(value));
        Ok(match (name, arguments) {
            // Java's conversion of a double stops at the type's border; of an integer it wraps.
            ("intValue", []) => integer(match number {
                Number::Integer(value) => i128::from(value as i32),
                Number::Double(value) => i128::from(value as i32),
            }),
            ("longValue", []) => integer(match number {
                Number::Integer(value) => i128::from(value as i64),
                Number::Double(value) => i128::from(value as i64),
            }),
            ("doubleValue" | "floatValue", []) => Value::Number(Number::Double(number.as_double())),
            ("hashCode", []) => integer(i128::from(number.as_integer() as i32)),
            ("compareTo", [Value::Number(other)]) => integer(number.compare(*other) as i128),
            ("toString", [Value::Number(number)]) => {
                let text = number.to_string();
                self.text(text)?
            }
            ("parseInt" | "parseLong", [Value::Text(text)]) => {
                self.parsed(text, name, |text| text.parse().ok().map(Number::Integer))?
            }
            ("parseDouble", [Value::Text(text)]) => self.parsed(text, name, double)?,
            ("valueOf", [Value::Number(number)]) => Value::Number(*number),
            ("valueOf", [Value::Text(text)]) => match number {
                Number::Integer(_) => self.parsed(text, name, |text| text.parse().ok().map(Number::Integer))?,
                Number::Double(_) => self.parsed(text, name, double)?,
            },
            _ => Value::Null,
        })
    }

    fn parsed(&mut self, text: &str, method: &str, parse: fn(&str) -> Option<Number>) -> Result<Value, Halt> {
        self.read(text.len())?;
        parse(text).map(Value::Number).ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            self.bad_call(format!("{method} cannot read {shown:?} as a number; check it with matches() first"))
        })
    }
}

fn double(text: &str) -> Option<Number> {
    text.trim().parse().ok().map(Number::Double)
}
