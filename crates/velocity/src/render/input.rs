//! `$input`, and `$context`.

use super::{Halt, Render};
use crate::error::RenderErrorKind;
use crate::json;
use crate::scope::Entries;
use crate::value::{Map, Value};
use std::sync::Arc;

impl Render<'_> {
    pub(super) fn call_input(&mut self, name: &str, arguments: &[Value]) -> Result<Value, Halt> {
        match (name, arguments) {
            ("path", [Value::Text(path)]) => self.at_path(&Arc::clone(path)),
            ("json", [Value::Text(path)]) => {
                let mut text = String::new();
                match self.at_path(&Arc::clone(path))? {
                    Value::Null => text.push_str("\"\""),
                    value => self.print_json(&value, &mut text)?,
                }
                self.text(text)
            }
            ("params", []) => self.all_params(),
            ("params", [Value::Text(name)]) => match self.param(name) {
                Some(value) => self.text(value),
                None => Ok(Value::Null),
            },
            _ => Ok(Value::Null),
        }
    }

    /// Observed on API Gateway: an empty body reads as `{}`.
    pub(super) fn raw_body(&mut self) -> Result<Value, Halt> {
        let body = self.scope.body;
        self.text(if body.is_empty() { "{}" } else { body })
    }

    fn at_path(&mut self, path: &str) -> Result<Value, Halt> {
        let root = self.parsed_body()?;
        self.select(&root, path)
    }

    /// Parsed once: what a template sets inside `$input.path('$')` shows in `$input.json('$')`.
    fn parsed_body(&mut self) -> Result<Value, Halt> {
        if let Some(body) = &self.body {
            return Ok(body.clone());
        }
        let body = self.scope.body;
        let text = if body.trim().is_empty() { "{}" } else { body };
        self.read(text.len())?;
        let value = json::read(text, &mut self.heap, &mut self.meter.bytes_left).map_err(|error| {
            // What our own visitor refuses is too large; what serde_json refuses is not JSON.
            let kind = if error.is_data() { RenderErrorKind::Limit } else { RenderErrorKind::BodyNotJson };
            self.failed(kind, format!("the body cannot be read as JSON: {error}"))
        })?;
        self.body = Some(value.clone());
        Ok(value)
    }

    pub(super) fn context(&mut self) -> Result<Value, Halt> {
        if let Some(context) = &self.context {
            return Ok(context.clone());
        }
        let value = json::import(self.scope.context, &mut self.heap, &mut self.meter.bytes_left)
            .map_err(|error| self.over_limit(format!("$context cannot be used: {error}")))?;
        self.context = Some(value.clone());
        Ok(value)
    }

    fn all_params(&mut self) -> Result<Value, Halt> {
        let params = &self.scope.params;
        let mut all = Map::new();
        for (name, entries) in
            [("path", &params.path), ("querystring", &params.querystring), ("header", &params.header)]
        {
            all.insert(Arc::from(name), self.entries(entries)?);
        }
        Ok(self.heap.add_map(all))
    }

    /// Headers are also found under another spelling of their name: clients write them as they like.
    fn param(&self, name: &str) -> Option<String> {
        let params = &self.scope.params;
        let exact =
            |entries: &Entries<'_>| entries.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let header = || params.header.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        exact(&params.path)
            .or_else(|| exact(&params.querystring))
            .or_else(|| exact(&params.header))
            .or_else(|| header().map(|(_, value)| (*value).to_owned()))
    }
}
