//! Names in texts: `{{name}}` stands for a value, `{{id:name}}` for any id, which it names.

use regex::Regex;
use serde_json::Value;
use std::collections::BTreeMap;

/// What all ids of the gateway look like.
const ID: &str = "[A-Za-z0-9_-]{15}=";

/// The names of one run of a case.
#[derive(Clone, Debug, Default)]
pub struct Names(BTreeMap<String, String>);

/// A piece of a text.
enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

impl Names {
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), value.into());
    }

    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub fn get(&self, name: &str) -> Result<&str, String> {
        self.0.get(name).map(String::as_str).ok_or_else(|| format!("nothing is called {{{{{name}}}}} here"))
    }

    /// The text with values for names.
    pub fn fill(&self, text: &str) -> Result<String, String> {
        fill_with(text, |name| self.get(name).map(str::to_owned))
    }

    /// Fills all strings of a JSON value.
    pub fn fill_json(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => Value::String(self.fill(text)?),
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.fill_json(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(name, value)| Ok((self.fill(name)?, self.fill_json(value)?)))
                    .collect::<Result<_, String>>()?,
            ),
            other => other.clone(),
        })
    }

    /// Whether `found` is the text, to the byte; its ids are named.
    pub fn matches_text(&mut self, text: &str, found: &str) -> Result<(), String> {
        let mut pattern = String::from(r"(?s)\A");
        let mut named = Vec::new();
        for piece in pieces(text)? {
            match piece {
                Piece::Text(text) => pattern.push_str(&regex::escape(text)),
                Piece::Name(name) => match name.strip_prefix("id:") {
                    Some(name) => {
                        pattern.push_str(&format!("({ID})"));
                        named.push(name);
                    }
                    None => pattern.push_str(&regex::escape(self.get(name)?)),
                },
            }
        }
        pattern.push_str(r"\z");
        let Some(captures) = compile(&pattern)?.captures(found) else {
            return Err(format!("expected {}, got {}", shorten(text), shorten(found)));
        };
        for (index, name) in named.into_iter().enumerate() {
            let value = captures[index + 1].to_owned();
            self.set(name, value);
        }
        Ok(())
    }

    /// Whether a pattern, with values for names, fits all of `found`.
    pub fn matches_pattern(&self, pattern: &str, found: &str) -> Result<(), String> {
        let filled = fill_with(pattern, |name| self.get(name).map(regex::escape))?;
        let whole = compile(&format!(r"(?s)\A(?:{filled})\z"))?;
        if whole.is_match(found) { Ok(()) } else { Err(format!("expected {filled}, got {}", shorten(found))) }
    }
}

/// The text with what `value` says for each name.
pub fn fill_with(text: &str, value: impl Fn(&str) -> Result<String, String>) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    for piece in pieces(text)? {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Name(name) => filled.push_str(&value(name)?),
        }
    }
    Ok(filled)
}

fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, behind) = after.split_once("}}").ok_or_else(|| format!("a name is not closed in {text}"))?;
        pieces.extend([Piece::Text(before), Piece::Name(name)]);
        rest = behind;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

pub fn compile(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| format!("the pattern {pattern} cannot be read: {error}"))
}

/// A text for a message: long ones are cut.
pub fn shorten(text: &str) -> String {
    const CHARS: usize = 400;
    let mut short: String = text.chars().take(CHARS).collect();
    if short.len() < text.len() {
        short.push_str(&format!("… ({} bytes)", text.len()));
    }
    format!("`{short}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_values_and_ids_get_names() {
        let mut names = Names::default();
        names.set("connection", "AAAAAAAAAAAAAAA=");
        assert_eq!(names.fill("to {{connection}}.").unwrap(), "to AAAAAAAAAAAAAAA=.");
        assert!(names.fill("{{nobody}}").is_err());
        names.matches_text("c {{connection}}, r {{id:request}}", "c AAAAAAAAAAAAAAA=, r BBBBBBBBBBBBBBB=").unwrap();
        assert_eq!(names.get("request").unwrap(), "BBBBBBBBBBBBBBB=");
        assert!(names.matches_text("r {{request}}", "r CCCCCCCCCCCCCCC=").is_err());
        names.matches_pattern("[a-z]+ {{request}}", "abc BBBBBBBBBBBBBBB=").unwrap();
        assert!(names.matches_pattern("[a-z]+", "abc1").is_err());
    }
}
