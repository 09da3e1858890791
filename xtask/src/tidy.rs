//! The house rules, as tests. Each failure says what to do instead.

use crate::workspace::{Crate, crates, files, root};
use std::path::Path;

/// A file longer than this tells more than one story: split it by story.
const MAX_LINES: usize = 600;

/// Names of drawers. A file is named after what it holds.
const DRAWERS: &[&str] = &["util", "utils", "common", "misc", "helper", "helpers", "manager", "service", "services"];

/// Which crates a crate may be built with. `protocol` is below all; crates of one level do not know each other.
const LEVELS: &[(&str, &[&str])] = &[
    ("sluicegate-protocol", &[]),
    ("sluicegate-endpoint", &["sluicegate-protocol"]),
    ("sluicegate-handler", &["sluicegate-protocol"]),
    ("sluicegate-velocity", &[]),
    ("sluicegate-pattern", &[]),
    ("sluicegate-load", &["sluicegate-protocol", "sluicegate-endpoint"]),
    ("sluicegate-template", &["sluicegate-protocol", "sluicegate-pattern"]),
    ("sluicegate-gateway", &["sluicegate-protocol", "sluicegate-endpoint", "sluicegate-velocity"]),
    ("sluicegate-functions", &["sluicegate-protocol", "sluicegate-endpoint", "sluicegate-handler"]),
    ("sluicegate-tables", &["sluicegate-protocol", "sluicegate-endpoint"]),
    ("sluicegate-queues", &["sluicegate-protocol", "sluicegate-endpoint", "sluicegate-pattern"]),
    (
        "sluicegate-mappings",
        &["sluicegate-protocol", "sluicegate-endpoint", "sluicegate-pattern", "sluicegate-tables", "sluicegate-queues"],
    ),
    ("sluicegate-conformance", &["sluicegate-protocol", "sluicegate-endpoint", "sluicegate-gateway"]),
    ("sluicegate-counts", &["sluicegate-endpoint", "sluicegate-velocity", "sluicegate-gateway", "sluicegate-tables"]),
    ("xtask", &[]),
];

/// What the applications under `apps/` may use: they are ordinary handlers and know no host.
const APPLICATION_USES: &[&str] = &["sluicegate-protocol", "sluicegate-handler"];

/// Who may depend on the server: tests and benches start it, nothing else does.
const SERVER: &str = "sluicegate";
const STARTS_SERVERS: &[&str] = &["sluicegate-testkit", "sluicegate-bench"];
/// What only tests and benches may use.
const TESTKIT: &str = "sluicegate-testkit";

/// Runs every rule and returns what is wrong, a line for each.
pub(crate) fn check() -> Result<(), String> {
    let mut problems: Vec<String> = crates()?.iter().flat_map(level_problems).collect();
    for path in files()? {
        problems.extend(name_problem(&path));
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(root().join(&path))
                .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            problems.extend(text_problems(&path, &text));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

fn level_problems(of: &Crate) -> Vec<String> {
    let refused = |used: &&String| !may_use(of, used);
    let problem = |used: &String| {
        format!(
            "{}: {} must not depend on {used}; define a port in sluicegate-protocol and wire it in the server, or move \
             the code to the lower crate (levels: xtask/src/tidy.rs)",
            of.folder, of.name
        )
    };
    of.uses.iter().filter(refused).map(problem).collect()
}

fn may_use(of: &Crate, used: &str) -> bool {
    if let Some((_, allowed)) = LEVELS.iter().find(|(name, _)| *name == of.name) {
        return allowed.contains(&used);
    }
    if of.folder.starts_with("apps/") {
        return APPLICATION_USES.contains(&used);
    }
    if STARTS_SERVERS.contains(&of.name.as_str()) {
        return true;
    }
    // The server wires everything but what starts it. A crate that is in no list may use nothing yet.
    of.name == SERVER && used != TESTKIT
}

fn name_problem(path: &Path) -> Option<String> {
    let stem = path.file_stem()?.to_str()?.to_lowercase();
    let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
    let drawer = DRAWERS.iter().find(|drawer| **drawer == stem || **drawer == folder.to_lowercase())?;
    Some(format!("{}: \"{drawer}\" says nothing; name the file after the one thing it holds", path.display()))
}

fn text_problems(path: &Path, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let lines = text.lines().count();
    if lines > MAX_LINES {
        problems.push(format!("{}: {lines} lines; at most {MAX_LINES}, split it by story", path.display()));
    }
    if !text.starts_with("//!") && !text.starts_with("#!") {
        problems.push(format!("{}: begin with `//!` and one sentence about what the file is", path.display()));
    }
    // Spelled in two parts so that this file keeps its own rule.
    for (mark, instead) in [
        (concat!("FIX", "ME"), "repair it, or describe the limit in the documentation"),
        (concat!("TO", "DO"), "do it, or open an issue"),
        (concat!("dbg", "!("), "use tracing"),
        (concat!("todo", "!("), "return an error that says what is missing"),
        (concat!("unimplemented", "!("), "return an error that says what is missing"),
    ] {
        if let Some(line) = text.lines().position(|line| line.contains(mark)) {
            problems.push(format!("{}:{}: {mark} does not stay in the tree; {instead}", path.display(), line + 1));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_keeps_its_rules() {
        if let Err(problems) = check() {
            panic!("{problems}");
        }
    }

    #[test]
    fn crates_use_only_what_lies_below() {
        for (name, folder, used, allowed) in [
            ("sluicegate-gateway", "crates/gateway", "sluicegate-endpoint", true),
            ("sluicegate-gateway", "crates/gateway", "sluicegate-tables", false),
            ("sluicegate-protocol", "crates/protocol", "sluicegate-endpoint", false),
            ("sluicegate-mappings", "crates/mappings", "sluicegate-tables", true),
            ("sluicegate-live-metrics", "apps/live-metrics", "sluicegate-handler", true),
            ("sluicegate-live-metrics", "apps/live-metrics", "sluicegate-tables", false),
            ("sluicegate-load", "crates/load", "sluicegate-gateway", false),
            ("sluicegate", "crates/server", "sluicegate-gateway", true),
            ("sluicegate", "crates/server", "sluicegate-testkit", false),
            ("sluicegate-testkit", "testkit", "sluicegate", true),
            ("sluicegate-newcomer", "crates/newcomer", "sluicegate-protocol", false),
        ] {
            let of = Crate { name: name.into(), folder: folder.into(), uses: vec![used.into()] };
            assert_eq!(level_problems(&of).is_empty(), allowed, "{name} uses {used}");
        }
    }

    #[test]
    fn drawers_and_marks_are_found() {
        assert!(name_problem(Path::new("crates/x/src/utils.rs")).is_some());
        assert!(name_problem(Path::new("crates/x/src/common/id.rs")).is_some());
        assert!(name_problem(Path::new("crates/x/src/utility_belt.rs")).is_none());
        let marked = format!("//! Good.\nfn f() {{ {}x) }}\n", concat!("dbg", "!("));
        assert_eq!(text_problems(Path::new("a.rs"), &marked).len(), 1);
        assert_eq!(text_problems(Path::new("a.rs"), "fn f() {}\n").len(), 1);
        assert_eq!(text_problems(Path::new("a.rs"), &format!("//! Long.\n{}", "\n".repeat(MAX_LINES))).len(), 1);
    }
}
