//! Whether the file that a handler names is there, so that a wrong name is told when code is loaded, not with the first event.
//!
//! In doubt it is there: the programs that run handlers look in more places, and say what they do not find.

use super::description::ProcessFunction;
use super::runtime::Runtime;
use std::fs;
use std::path::Path;

/// What Node looks for when a handler names a file.
const NODE_ENDINGS: [&str; 4] = ["", ".js", ".mjs", ".cjs"];

/// Whether a handler can be found in the folder of its code.
pub(super) fn is_there(function: &ProcessFunction, folder: &Path) -> bool {
    let handler = function.handler.as_str();
    // Layers are looked through by those who run handlers.
    if !function.layers.is_empty() || handler.starts_with('/') || handler.contains("..") {
        return true;
    }
    match function.runtime {
        Runtime::Node { .. } => is_node_module(handler, folder),
        Runtime::Python { .. } => is_python_module(handler, folder),
        Runtime::Provided => true,
    }
}

fn is_node_module(handler: &str, folder: &Path) -> bool {
    let (inside, base) = handler.rsplit_once('/').unwrap_or(("", handler));
    let Some((name, _)) = base.split_once('.') else { return true };
    let file = folder.join(inside).join(name);
    let is_file = |ending: &str| fs::metadata(format!("{}{ending}", file.display())).is_ok_and(|found| found.is_file());
    // A folder may be a package, and packages are found in folders above as well.
    let is_package = || file.is_dir() || folder.ancestors().any(|above| above.join("node_modules").join(name).exists());
    NODE_ENDINGS.iter().any(|ending| is_file(ending)) || is_package()
}

fn is_python_module(handler: &str, folder: &Path) -> bool {
    let Some((module, _)) = handler.rsplit_once('.') else { return true };
    let path = folder.join(module.replace('.', "/"));
    let Some((parent, name)) = path.parent().zip(path.file_name().and_then(|name| name.to_str())) else { return true };
    // `name.py`, a package `name`, or what C compilers make of it: `name.cpython-312-x86_64-linux-gnu.so`.
    let is_it = |entry: &str| entry == name || entry.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    let Ok(mut entries) = fs::read_dir(parent) else { return false };
    entries.any(|entry| entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(is_it)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Code;

    #[test]
    fn files_of_handlers_are_found_where_they_would_be_at_run_time() {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "app.js",
            "app.py",
            "src/in.mjs",
            "pkg/__init__.py",
            "pkg/mod.py",
            "fast.cpython-311.so",
            "node_modules/lib/index.js",
        ] {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        for (runtime, handler, expected) in [
            ("nodejs22.x", "app.handler", true),
            ("nodejs22.x", "app.default.handler", true),
            ("nodejs22.x", "src/in.handler", true),
            ("nodejs22.x", "lib.handler", true),
            ("nodejs22.x", "pkg.handler", true),
            ("nodejs22.x", "index.handler", false),
            ("nodejs22.x", "src/app.handler", false),
            ("nodejs22.x", "/opt/layer.handler", true),
            ("python3.12", "app.handler", true),
            ("python3.12", "pkg.handler", true),
            ("python3.12", "pkg/mod.handler", true),
            ("python3.12", "pkg.mod.handler", true),
            ("python3.12", "fast.handler", true),
            ("python3.12", "ap.handler", false),
            ("python3.12", "pkg.other.handler", false),
            ("provided.al2023", "whatever", true),
        ] {
            let code = Code::Folder(folder.path().to_owned());
            let mut function = ProcessFunction::new("f", runtime.parse().unwrap(), handler, code);
            assert_eq!(is_there(&function, folder.path()), expected, "{runtime} {handler}");
            function.layers.push(Code::Folder(folder.path().to_owned()));
            assert!(is_there(&function, folder.path()), "a layer may have it");
        }
    }
}
