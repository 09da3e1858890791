//! The members of a request, whichever protocol it came in. Numbers may be text: the older protocol knows only text.

use crate::refusal::Refusal;
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// A JSON object of a request, or of an entry of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a>(pub(crate) &'a Map<String, Value>);

impl<'a> Request<'a> {
    fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn text(self, name: &str) -> Result<Option<&'a str>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(Refusal::value(other, name, "Must be a string")),
        }
    }

    /// Present and not empty.
    pub(crate) fn required_text(self, name: &str) -> Result<&'a str, Refusal> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| Refusal::missing(name))
    }

    pub(crate) fn integer(self, name: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        integer(value).filter(|number| range.contains(number)).map(Some).ok_or_else(|| {
            let reason = format!("Must be between {} and {}, if provided", range.start(), range.end());
            let written = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Refusal::value(written, name, &reason)
        })
    }

    pub(crate) fn map(self, name: &str) -> Result<Option<&'a Map<String, Value>>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(_) => Err(Refusal::value("given", name, "Must be a map")),
        }
    }

    pub(crate) fn list(self, name: &str) -> Result<&'a [Value], Refusal> {
        match self.get(name) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(Refusal::value("given", name, "Must be a list")),
        }
    }

    pub(crate) fn texts(self, name: &str) -> Result<Vec<&'a str>, Refusal> {
        let text = |value: &'a Value| value.as_str().ok_or_else(|| Refusal::value(value, name, "Must be a string"));
        self.list(name)?.iter().map(text).collect()
    }
}

/// A number, or one as text.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}
