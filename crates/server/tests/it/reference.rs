//! Generated pages are what the code says.

use sluicegate::prometheus::METRICS;
use std::collections::BTreeSet;
use std::path::Path;

const CRATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[test]
fn generated_pages_are_fresh() {
    for (page, expected) in [
        ("configuration.md", sluicegate::config::reference_page()),
        ("metrics.md", sluicegate::prometheus::reference_page()),
        ("load.md", sluicegate_load::reference_page()),
        ("templates.md", sluicegate::check::reference_page()),
    ] {
        let written =
            std::fs::read_to_string(Path::new(CRATES).join("../docs/reference").join(page)).unwrap_or_default();
        assert!(written == expected, "docs/reference/{page} is out of date; run `cargo run -p xtask -- docs`");
    }
}

#[test]
fn the_catalogue_of_metrics_is_complete() {
    let listed: BTreeSet<_> = METRICS.iter().map(|metric| metric.name.to_owned()).collect();
    let mut recorded = BTreeSet::new();
    collect(Path::new(CRATES), &mut recorded);
    assert_eq!(
        recorded, listed,
        "recorded on the left, listed in crates/server/src/prometheus/catalogue.rs on the right"
    );
}

/// The names of metrics recorded in the sources below `folder`.
fn collect(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("sources can be read") {
        let path = entry.expect("sources can be read").path();
        if path.is_dir() {
            collect(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("sources are text");
            for kind in ["counter!(", "gauge!(", "histogram!("] {
                let quoted = text.split(kind).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
                let name = |rest: &str| rest.split('"').next().unwrap_or_default().to_owned();
                names.extend(quoted.map(name).filter(|name| name.starts_with("sluicegate_")));
            }
        }
    }
}
