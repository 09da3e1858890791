//! Values as text: Java's `toString`, and JSON.

use super::{Halt, Render};
use crate::json::quoted;
use crate::value::{ListId, MapId, Origin, Value};
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Java,
    Json,
}

impl Style {
    fn comma(self) -> &'static str {
        match self {
            Self::Java => ", ",
            Self::Json => ",",
        }
    }
}

impl Render<'_> {
    /// As the value stands in the template's output.
    pub(super) fn print(&mut self, value: &Value, out: &mut String) -> Result<(), Halt> {
        self.write(value, Style::Java, out)
    }

    pub(super) fn print_json(&mut self, value: &Value, out: &mut String) -> Result<(), Halt> {
        self.write(value, Style::Json, out)
    }

    pub(super) fn printed(&mut self, value: &Value) -> Result<Arc<str>, Halt> {
        if let Value::Text(text) = value {
            return Ok(Arc::clone(text));
        }
        let mut text = String::new();
        self.print(value, &mut text)?;
        Ok(text.into())
    }

    fn write(&mut self, value: &Value, style: Style, out: &mut String) -> Result<(), Halt> {
        self.enter()?;
        let result = self.write_here(value, style, out);
        self.leave();
        result
    }

    fn write_here(&mut self, value: &Value, style: Style, out: &mut String) -> Result<(), Halt> {
        match value {
            Value::Null => self.push(out, "null"),
            Value::Bool(value) => self.push(out, if *value { "true" } else { "false" }),
            Value::Number(number) => self.push(out, &number.to_string()),
            Value::Text(text) => self.write_text(text, style, out),
            Value::List(id) => self.write_list(*id, style, out),
            Value::Map(id) => self.write_map(*id, style, out),
            Value::Entry(id) => {
                let (key, value) = self.heap.entry(*id);
                let key = self.printed(&key)?;
                self.write_entry(&key, &value, style, out)
            }
            Value::Block(block) => self.block(&Arc::clone(block), out),
            // Java prints a class name and an address here; nobody can depend on it.
            Value::Loop(_) | Value::Input | Value::Utility => Ok(()),
        }
    }

    fn write_text(&mut self, text: &str, style: Style, out: &mut String) -> Result<(), Halt> {
        match style {
            Style::Java => self.push(out, text),
            Style::Json => self.push(out, &quoted(text)),
        }
    }

    fn write_list(&mut self, id: ListId, style: Style, out: &mut String) -> Result<(), Halt> {
        let list = self.heap.list(id);
        // Whatever a list from JSON holds prints as JSON, too.
        let style = if list.origin == Origin::Json { Style::Json } else { style };
        let elements = list.elements.clone();
        self.make_values(elements.len())?;
        self.push(out, "[")?;
        for (index, element) in elements.iter().enumerate() {
            self.push(out, if index > 0 { style.comma() } else { "" })?;
            self.write(element, style, out)?;
        }
        self.push(out, "]")
    }

    fn write_map(&mut self, id: MapId, style: Style, out: &mut String) -> Result<(), Halt> {
        let map = self.heap.map(id);
        let entries: Vec<_> = map.iter().map(|(key, value)| (Arc::clone(key), value.clone())).collect();
        self.make_values(2 * entries.len())?;
        self.push(out, "{")?;
        for (index, (key, value)) in entries.iter().enumerate() {
            self.push(out, if index > 0 { style.comma() } else { "" })?;
            self.write_entry(key, value, style, out)?;
        }
        self.push(out, "}")
    }

    fn write_entry(&mut self, key: &str, value: &Value, style: Style, out: &mut String) -> Result<(), Halt> {
        self.write_text(key, style, out)?;
        self.push(out, if style == Style::Json { ":" } else { "=" })?;
        self.write(value, style, out)
    }
}
