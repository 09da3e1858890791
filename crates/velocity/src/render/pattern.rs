//! Regular expressions: Java's syntax as far as a linear-time engine can run it, so no look-around, no back references.

use super::{Halt, Render};
use crate::limits::{MAX_REGEX_BYTES, MAX_REGEX_PROGRAM_BYTES};
use crate::value::Value;
use regex::{Captures, Regex, RegexBuilder};
use std::sync::Arc;

/// What finding a match and copying it out costs beside its bytes.
const STEPS_PER_MATCH: u64 = 4;

impl Render<'_> {
    fn pattern(&mut self, text: &str, pattern: &str) -> Result<Regex, Halt> {
        // A pass over the text costs more than reading it, and more the longer the pattern is.
        self.read(text.len().saturating_mul(1 + pattern.len() / 8))?;
        if let Some(compiled) = self.patterns.get(pattern) {
            return Ok(compiled.clone());
        }
        if pattern.len() > MAX_REGEX_BYTES {
            return Err(self.over_limit(format!("a regular expression is longer than {MAX_REGEX_BYTES} bytes")));
        }
        self.make(MAX_REGEX_PROGRAM_BYTES)?;
        let compiled = RegexBuilder::new(pattern).size_limit(MAX_REGEX_PROGRAM_BYTES).build().map_err(|error| {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            self.bad_call(format!("the regular expression {pattern:?} cannot be used: {reason}"))
        })?;
        self.patterns.insert(Arc::from(pattern), compiled.clone());
        Ok(compiled)
    }

    pub(super) fn matches(&mut self, text: &str, pattern: &str) -> Result<Value, Halt> {
        let whole = format!("^(?:{pattern})$");
        Ok(Value::Bool(self.pattern(text, &whole)?.is_match(text)))
    }

    pub(super) fn replace_pattern(&mut self, text: &str, pattern: &str, to: &str, most: usize) -> Result<Value, Halt> {
        let pattern = self.pattern(text, pattern)?;
        let mut result = String::new();
        let mut copied = 0;
        for found in pattern.captures_iter(text).take(most) {
            self.steps(STEPS_PER_MATCH)?;
            let Some(whole) = found.get(0) else { continue };
            self.push(&mut result, &text[copied..whole.start()])?;
            self.substitute(&found, to, &mut result)?;
            copied = whole.end();
        }
        self.push(&mut result, &text[copied..])?;
        self.text(result)
    }

    /// Java's replacement text: `$1` and `${name}` are groups, a backslash takes the next character as it is.
    fn substitute(&mut self, found: &Captures<'_>, to: &str, result: &mut String) -> Result<(), Halt> {
        let mut rest = to;
        while let Some(at) = rest.find(['\\', '$']) {
            self.push(result, &rest[..at])?;
            let after = &rest[at + 1..];
            let (text, length) = if rest[at..].starts_with('\\') {
                let length = after.chars().next().map_or(0, char::len_utf8);
                (Some(&after[..length]), length)
            } else {
                group(found, after)
            };
            let Some(text) = text else {
                return Err(
                    self.bad_call(format!("the replacement {to:?} names a group that is not there; write \\$ for $"))
                );
            };
            self.push(result, text)?;
            rest = &after[length..];
        }
        self.push(result, rest)
    }

    /// Java's `split`: with limit 0, empty strings at the end are dropped.
    pub(super) fn split(&mut self, text: &str, pattern: &str, limit: i128) -> Result<Value, Halt> {
        let pattern = self.pattern(text, pattern)?;
        let mut parts = Vec::new();
        let mut start = 0;
        for found in pattern.find_iter(text) {
            self.steps(STEPS_PER_MATCH)?;
            if limit > 0 && parts.len() as i128 == limit - 1 {
                break;
            }
            // A match of nothing at the start splits nothing off.
            if found.end() == 0 || (found.is_empty() && found.start() == text.len()) {
                continue;
            }
            parts.push(self.text(&text[start..found.start()])?);
            start = found.end();
        }
        parts.push(self.text(&text[start..])?);
        while limit == 0 && parts.len() > 1 && matches!(parts.last(), Some(Value::Text(last)) if last.is_empty()) {
            parts.pop();
        }
        self.new_list(parts)
    }
}

/// The group that a replacement names after `$`, and how long its name is.
fn group<'t>(found: &Captures<'t>, name: &str) -> (Option<&'t str>, usize) {
    let text = |group: Option<regex::Match<'t>>| group.map_or("", |group| group.as_str());
    if let Some((inside, _)) = name.strip_prefix('{').and_then(|inside| inside.split_once('}')) {
        return (found.name(inside).map(|group| group.as_str()), inside.len() + 2);
    }
    // As many digits as still name a group, one at least.
    let digits = name.bytes().take_while(u8::is_ascii_digit).count();
    let number = |length: usize| name[..length].parse::<usize>().ok().filter(|group| *group < found.len());
    match (1..=digits).rev().find_map(|length| number(length).map(|group| (group, length))) {
        Some((group, length)) => (Some(text(found.get(group))), length),
        None => (None, 0),
    }
}
