//! Generated pages are what the code says.

use std::path::Path;

#[test]
fn the_configuration_page_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/configuration.md");
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        page == sluicegate::config::reference_page(),
        "docs/reference/configuration.md is out of date; run `cargo run -p xtask -- docs`"
    );
}
