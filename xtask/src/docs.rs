//! The generated pages. That they are fresh is a test of the crate that generates them.

use crate::workspace::{root, run};

/// A page and the arguments with which `sluicegate` prints it.
const PAGES: &[(&str, &[&str])] = &[
    ("docs/reference/configuration.md", &["reference", "configuration"]),
    ("docs/reference/metrics.md", &["reference", "metrics"]),
    ("docs/reference/load.md", &["reference", "load"]),
    ("docs/reference/templates.md", &["reference", "templates"]),
];

pub(crate) fn write() -> Result<(), String> {
    for (page, arguments) in PAGES {
        let text = run("cargo", &[&["run", "--quiet", "-p", "sluicegate", "--"], *arguments].concat())?;
        let path = root().join(page);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        std::fs::write(&path, text).map_err(|error| format!("{page}: {error}"))?;
        println!("wrote {page}");
    }
    Ok(())
}
