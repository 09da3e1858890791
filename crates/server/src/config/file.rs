//! `sluicegate.toml`: flat keys, each the name of a setting. Unknown keys and wrong values are located by line and column.

use super::credentials::{self, Written};
use super::problem::suggestion;
use super::sources::Given;
use super::{Problem, Problems, SETTINGS, list_separator};
use std::collections::HashMap;
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct File {
    /// By key.
    pub(super) given: HashMap<String, Given>,
    pub(super) credentials: Vec<Written>,
}

pub(super) fn read(path: &Path) -> Result<File, Problems> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let message = format!("cannot read the configuration file: {error}; --config names another one");
        Problems(vec![Problem::new(path.display().to_string(), message)])
    })?;
    parse(&path.display().to_string(), &text)
}

/// Reads the keys of a file called `name`, or reports every problem in it.
fn parse(name: &str, text: &str) -> Result<File, Problems> {
    let place = |offset: usize| {
        let (line, column) = line_and_column(text, offset);
        format!("{name}:{line}:{column}")
    };
    let table = DeTable::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        Problems(vec![Problem::new(place(offset), error.message())])
    })?;
    let mut given = HashMap::new();
    let mut credentials = Vec::new();
    let mut problems = Vec::new();
    for (written, value) in table.get_ref() {
        // Flags are written with dashes, keys with underscores; either is understood here.
        let key = written.get_ref().replace('-', "_");
        if key == credentials::KEY {
            credentials = credentials::read(value, place, &mut problems);
            continue;
        }
        let place = place(written.span().start);
        if !SETTINGS.iter().any(|setting| setting.key == key) {
            problems.push(Problem::new(place, unknown_key(written.get_ref(), &key)));
            continue;
        }
        match as_text(value.get_ref(), list_separator(&key)) {
            Some(text) => {
                if given.insert(key.clone(), Given { text, place: place.clone() }).is_some() {
                    problems.push(Problem::new(place, format!("{key} is given twice")));
                }
            }
            None => problems.push(Problem::new(
                place,
                format!(
                    "{key}: expected a string, a number, true, false or a list of strings, not a {}",
                    value.get_ref().type_str()
                ),
            )),
        }
    }
    if problems.is_empty() { Ok(File { given, credentials }) } else { Err(Problems(problems)) }
}

fn unknown_key(written: &str, key: &str) -> String {
    match key {
        "config" => "config names this file; it can only be a flag or a variable".into(),
        _ => {
            let hint = suggestion(key, SETTINGS.iter().map(|setting| setting.key));
            format!("unknown key \"{written}\"{hint} (sluicegate serve --help lists all)")
        }
    }
}

/// The text a flag would have had; lists are joined.
fn as_text(value: &DeValue<'_>, separator: &str) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.as_str().replace('_', "")),
        DeValue::Boolean(switch) => Some(switch.to_string()),
        DeValue::Array(values) if values.is_empty() => Some("none".into()),
        DeValue::Array(values) => values
            .iter()
            .map(|value| value.get_ref().as_str())
            .collect::<Option<Vec<_>>>()
            .map(|texts| texts.join(separator)),
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset.min(text.len())];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a file leads to: `key=text` pairs in order, or the problems.
    fn outcome(text: &str) -> String {
        match parse("s.toml", text) {
            Ok(File { given, .. }) => {
                let mut pairs: Vec<_> = given.into_iter().map(|(key, given)| format!("{key}={}", given.text)).collect();
                pairs.sort();
                pairs.join(" ")
            }
            Err(problems) => problems.to_string(),
        }
    }

    #[test]
    fn values_are_read_and_mistakes_are_located() {
        for (text, expected) in [
            ("", ""),
            ("listen = \"127.0.0.1:1\"\n", "listen=127.0.0.1:1"),
            ("max_headers = 1_000", "max_headers=1000"),
            ("max-headers = 7", "max_headers=7"),
            ("allow_insecure_remote = true", "allow_insecure_remote=true"),
            ("app = [\"live-metrics\", \"chat\"]", "app=live-metrics,chat"),
            ("app = []", "app=none"),
            ("parameter = [\"A=1,2\", \"B=3\"]", "parameter=A=1,2\nB=3"),
        ] {
            assert_eq!(outcome(text), expected, "{text}");
        }
        for (text, expected) in [
            ("# comment\nlisten_ = \"x\"", "s.toml:2:1: unknown key \"listen_\", did you mean \"listen\"?"),
            ("\n  lisen = 1", "s.toml:2:3: unknown key \"lisen\", did you mean \"listen\"?"),
            ("zebra = 1", "s.toml:1:1: unknown key \"zebra\" ("),
            ("[tables]\nx = 1", "s.toml:1:2: unknown key \"tables\""),
            ("listen = 1.5", "s.toml:1:1: listen: expected a string"),
            ("listen = \"a\"\nlisten = \"b\"", "s.toml:2:1: duplicate key"),
            ("max-headers = 1\nmax_headers = 2", "s.toml:"),
            ("listen = ", "s.toml:1:"),
            ("config = \"x\"", "s.toml:1:1: config names this file"),
            ("credentials = 1", "s.toml:1:15: credentials: write each as a table"),
            ("[credentials]", "s.toml:1:1: credentials: write each as a table"),
            ("[[credentials]]\nuser = \"u\"\nsecret_env = \"S\"", "s.toml:1:1: credentials: access_key_id is missing"),
            (
                "[[credentials]]\naccess_key = \"A\"",
                "s.toml:1:1: credentials: unknown key \"access_key\", did you mean",
            ),
            ("[[credentials]]\nsecret = \"A\"", "s.toml:1:1: credentials: unknown key \"secret\""),
            ("[[credentials]]\naccess_key_id = \"A\"", "s.toml:1:1: credentials: give the secret in one of"),
            (
                "[[credentials]]\naccess_key_id = \"A/b\"\nuser = \"u\"\nsecret_env = \"S\"",
                "s.toml:1:1: credentials: access_key_id must be",
            ),
            (
                "[[credentials]]\naccess_key_id = \"A\"\nuser = \"u\"\nsecret_env = \"S\"\npolicies = \"p\"",
                "s.toml:1:1: credentials: policies is not a list",
            ),
        ] {
            let outcome = outcome(text);
            assert!(outcome.starts_with(expected), "{text}\ngave {outcome}\nnot  {expected}");
        }
    }

    #[test]
    fn every_mistake_is_reported() {
        assert_eq!(outcome("lisen = 1\nadmn = 2").lines().count(), 2);
    }
}
