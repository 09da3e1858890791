//! Values as text: Java's `toString`, and JSON.

use super::{Halt, Render};
use crate::json::quoted;
use crate::limits::MAX_VALUE_DEPTH;
use crate::value::{Origin, Value};
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Java,
    Json,
}

impl Render<'_> {
    /// As the value stands in the template's output.
    pub(super) fn print(&mut self, value: &Value, out: &mut String) -> Result<(), Halt> {
        self.write(value, Style::Java, 0, out)
    }

    pub(super) fn printed(&mut self, value: &Value) -> Result<Arc<str>, Halt> {
        if let Value::Text(text) = value {
            return Ok(Arc::clone(text));
        }
        let mut text = String::new();
        self.print(value, &mut text)?;
        Ok(text.into())
    }

    pub(super) fn print_json(&mut self, value: &Value, out: &mut String) -> Result<(), Halt> {
        self.write(value, Style::Json, 0, out)
    }

    fn write(&mut self, value: &Value, style: Style, depth: usize, out: &mut String) -> Result<(), Halt> {
        self.step()?;
        if depth > MAX_VALUE_DEPTH {
            return Err(self.over_limit(format!("the value nests deeper than {MAX_VALUE_DEPTH}, or holds itself")));
        }
        match value {
            Value::Null => self.push(out, "null"),
            Value::Bool(value) => self.push(out, if *value { "true" } else { "false" }),
            Value::Number(number) => self.push(out, &number.to_string()),
            Value::Text(text) if style == Style::Json => self.push(out, &quoted(text)),
            Value::Text(text) => self.push(out, text),
            Value::List(id) => {
                let list = self.heap.list(*id);
                // Whatever a list from JSON holds prints as JSON, too.
                let style = if list.origin == Origin::Json { Style::Json } else { style };
                let elements = list.elements.clone();
                self.make_values(elements.len())?;
                self.push(out, "[")?;
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        self.push(out, if style == Style::Json { "," } else { ", " })?;
                    }
                    self.write(element, style, depth + 1, out)?;
                }
                self.push(out, "]")
            }
            Value::Map(id) => {
                let entries: Vec<_> =
                    self.heap.map(*id).iter().map(|(key, value)| (Arc::clone(key), value.clone())).collect();
                self.make_values(2 * entries.len())?;
                self.push(out, "{")?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    let comma = if style == Style::Json { "," } else { ", " };
                    self.push(out, if index > 0 { comma } else { "" })?;
                    self.write_entry(key, value, style, depth, out)?;
                }
                self.push(out, "}")
            }
            Value::Entry(entry) => {
                let (key, value) = entry.as_ref();
                self.write_entry(key, value, style, depth, out)
            }
            Value::Block(block) => self.block(&Arc::clone(block), out),
            // Java prints a class name and an address here; nobody can depend on it.
            Value::Loop(_) | Value::Input | Value::Utility => Ok(()),
        }
    }

    fn write_entry(
        &mut self,
        key: &str,
        value: &Value,
        style: Style,
        depth: usize,
        out: &mut String,
    ) -> Result<(), Halt> {
        match style {
            Style::Json => self.push(out, &quoted(key))?,
            Style::Java => self.push(out, key)?,
        }
        self.push(out, if style == Style::Json { ":" } else { "=" })?;
        self.write(value, style, depth + 1, out)
    }
}
