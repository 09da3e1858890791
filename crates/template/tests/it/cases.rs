//! Every case in `cases/`.

use crate::disk::Disk;
use serde_json::Value;
use sluicegate_template::{Options, Stack, load};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What tells nothing: places are the business of problems.
const LEFT_OUT: &[&str] = &["template", "environment"];

#[test]
fn every_case_comes_to_what_is_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cases");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.with_extension("expected") != *path && !path.ends_with("code"))
        .collect();
    cases.sort();
    assert!(cases.len() > 10, "the cases are in {}", folder.display());
    let mut different = Vec::new();
    for case in cases {
        let expected_file = case.with_extension("expected");
        let found =
            outcome(&case).replace(&format!("{}/", folder.display()), "").replace(&*folder.display().to_string(), ".");
        if std::env::var_os("WRITE_EXPECTED").is_some() {
            std::fs::write(&expected_file, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&expected_file).unwrap_or_default();
        if found != expected {
            let lines = found
                .lines()
                .filter(|line| !expected.lines().any(|other| other == *line))
                .map(|line| format!("+ {line}"));
            let missing = expected
                .lines()
                .filter(|line| !found.lines().any(|other| other == *line))
                .map(|line| format!("- {line}"));
            different.push(format!("{}:\n{}", case.display(), lines.chain(missing).collect::<Vec<_>>().join("\n")));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n\n"));
}

fn outcome(case: &Path) -> String {
    match load(case, &Disk, &Options::default()) {
        Ok(stacks) => stacks.iter().map(written_out).collect(),
        Err(problems) => format!("{problems}\n"),
    }
}

/// A line for each value that is there: `apis.0.definition.routes.0.routeKey = "$connect"`.
pub fn written_out(stack: &Stack) -> String {
    let mut value = serde_json::to_value(stack).unwrap();
    let notes = value.as_object_mut().unwrap().remove("notes").unwrap();
    let mut lines = String::new();
    flatten(&value, "", &mut lines);
    for note in notes.as_array().unwrap() {
        let (place, message) = (&note["place"], note["message"].as_str().unwrap());
        writeln!(lines, "note {} {}: {message}", place["line"], place["path"].as_str().unwrap()).unwrap();
    }
    lines
}

fn flatten(value: &Value, path: &str, lines: &mut String) {
    let within = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Null | Value::Bool(false) => {}
        Value::Object(members) => {
            let left_out = |key: &str| key == "place" || (path.is_empty() && LEFT_OUT.contains(&key));
            members
                .iter()
                .filter(|(key, _)| !left_out(key))
                .for_each(|(key, value)| flatten(value, &within(key), lines));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| flatten(value, &within(&index.to_string()), lines));
        }
        other => writeln!(lines, "{path} = {other}").unwrap(),
    }
}
