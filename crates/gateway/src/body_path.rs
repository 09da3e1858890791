//! Paths into a JSON body: `.data.room`, `['data'][0].x`; and how AWS writes what they find as text.

use serde_json::Value;
use std::borrow::Cow;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BodyPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(usize),
}

impl BodyPath {
    /// Reads a path that starts with `.` or `[`; the empty one is the body itself. `None` when it is no path.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let (mut steps, mut rest) = (Vec::new(), path);
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let (index, after) = inner.split_once(']')?;
                let name = index.strip_prefix('\'').and_then(|name| name.strip_suffix('\''));
                let name = name.or_else(|| index.strip_prefix('"').and_then(|name| name.strip_suffix('"')));
                steps.push(match name {
                    Some(name) => Step::Member(name.to_owned()),
                    None => Step::Element(index.parse().ok()?),
                });
                rest = after;
            } else {
                let inner = rest.strip_prefix('.')?;
                let end = inner.find(['.', '[']).unwrap_or(inner.len());
                if end == 0 {
                    return None;
                }
                steps.push(Step::Member(inner[..end].to_owned()));
                rest = &inner[end..];
            }
        }
        Some(Self(steps))
    }

    /// What is there, as text; `None` where there is nothing, or null.
    pub(crate) fn text(&self, body: &Value) -> Option<String> {
        let found = self.0.iter().try_fold(body, |value, step| match step {
            Step::Member(name) => value.get(name),
            Step::Element(index) => value.get(index),
        })?;
        (!found.is_null()).then(|| stringified(found).into_owned())
    }
}

/// Arrays come out as `[one, two]`; JSON null counts as not found.
fn stringified(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => Cow::Borrowed(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(stringified).collect();
            Cow::Owned(format!("[{}]", items.join(", ")))
        }
        other => Cow::Owned(other.to_string()),
    }
}
