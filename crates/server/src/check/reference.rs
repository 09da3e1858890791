//! The reference page of templates, made of the list of types.

use sluicegate_template::{kinds, limits};
use std::fmt::Write;

const HEAD: &str = include_str!("templates.md");

/// `docs/reference/templates.md`
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for kind in kinds::TYPES {
        let _ = writeln!(page, "\n### `{}`\n", kind.name);
        let _ = writeln!(page, "Supported: {}.", listed(kind.used));
        if !kind.ignored.is_empty() {
            let _ = writeln!(page, "Without effect: {}.", listed(kind.ignored));
        }
        for refused in kind.refused {
            let _ = writeln!(page, "Refused: `{}`: {}; {}.", refused.property, refused.message, refused.remedy);
        }
    }
    let _ = write!(
        page,
        "\n## Limits\n\n| what | at most |\n|---|---|\n| a document | {} MB |\n| its values, aliases expanded | {} |\n\
         | maps and lists in each other | {} |\n| resources | {} |\n| parameters | {} |\n| a parameter's value | {} bytes |\n\
         | functions that wait for each other | {} |\n| what functions produce | {} MB |\n| problems told | {} |\n",
        limits::DOCUMENT_BYTES >> 20,
        limits::DOCUMENT_NODES,
        limits::DOCUMENT_DEPTH,
        limits::RESOURCES,
        limits::PARAMETERS,
        limits::PARAMETER_BYTES,
        limits::EVALUATION_DEPTH,
        limits::EVALUATED_BYTES >> 20,
        limits::PROBLEMS,
    );
    page
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
