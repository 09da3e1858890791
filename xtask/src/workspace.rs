//! Where the project is, what files it has, and what its crates depend on.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The project's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the project")
}

/// Every source file under version control or about to be, relative to the root.
pub(crate) fn files() -> Result<Vec<PathBuf>, String> {
    let listing = run("git", &["ls-files", "--cached", "--others", "--exclude-standard"])?;
    Ok(listing.lines().map(PathBuf::from).filter(|path| root().join(path).is_file()).collect())
}

/// A workspace crate and the workspace crates it is built with (dependencies of its tests are not counted).
#[derive(Debug)]
pub(crate) struct Crate {
    pub name: String,
    pub folder: String,
    pub uses: Vec<String>,
}

pub(crate) fn crates() -> Result<Vec<Crate>, String> {
    let metadata = run("cargo", &["metadata", "--no-deps", "--offline", "--format-version", "1"])?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|error| format!("cargo metadata: {error}"))?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    Ok(packages.iter().map(read_crate).collect())
}

fn read_crate(package: &Value) -> Crate {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let dependencies = package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    let manifest = text(&package["manifest_path"]);
    let folder = Path::new(&manifest).parent().and_then(|folder| folder.strip_prefix(root()).ok());
    Crate {
        name: text(&package["name"]),
        folder: folder.map(|folder| folder.display().to_string()).unwrap_or_default(),
        // Only workspace crates have a path; `kind` is null for ordinary dependencies.
        uses: dependencies
            .iter()
            .filter(|dependency| !dependency["path"].is_null() && dependency["kind"].as_str() != Some("dev"))
            .map(|dependency| text(&dependency["name"]))
            .collect(),
    }
}

pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .output()
        .map_err(|error| format!("cannot run {program}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program} {} failed:\n{}", arguments.join(" "), String::from_utf8_lossy(&output.stderr)));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("{program} wrote something that is not text"))
}
