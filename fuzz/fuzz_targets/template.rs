//! Any text as a template, of any kind: no panic, problems with a place in the text, and the same outcome each time.
//!
//! `cargo +nightly fuzz run template crates/template/tests/it/cases`, from the root of the repository.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluicegate_template::{FileKind, Files, Options, load};
use std::path::Path;

struct One<'t>(&'t str);

impl Files for One<'_> {
    fn read(&self, _: &Path, limit: usize) -> Result<String, String> {
        if self.0.len() > limit { Err("too long".to_owned()) } else { Ok(self.0.to_owned()) }
    }

    /// All code is there.
    fn entry(&self, path: &Path) -> Option<FileKind> {
        Some(if path.ends_with("template") { FileKind::File } else { FileKind::Folder })
    }
}

fuzz_target!(|text: &str| {
    let outcome = || load(Path::new("template"), &One(text), &Options::default());
    // YAML breaks lines at a lone carriage return as well.
    let (first, lines) = (outcome(), text.split(['\n', '\r']).count() as u32);
    assert_eq!(first, outcome());
    if let Err(problems) = first {
        assert!(!problems.problems.is_empty());
        assert!(problems.problems.iter().all(|one| one.place.line <= lines + 1 && !one.remedy.is_empty()));
    }
});
