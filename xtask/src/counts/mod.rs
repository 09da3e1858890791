//! Instructions of the hot paths: counted under callgrind, compared with what was committed, and accepted with a reason.
//!
//! Instructions, because they hardly depend on who else uses the machine; see `docs/internals/performance.md`.

mod baseline;
mod callgrind;
mod verdict;

use crate::workspace::root;
use baseline::Baseline;
use verdict::{Comparison, judge};

const BASELINE: &str = "bench/instructions.toml";

/// Prints a table.
///
/// # Errors
/// A path has grown, or the baseline does not say what is there.
pub(crate) fn compare() -> Result<(), String> {
    let comparison = measure(&read()?)?;
    println!("{comparison}");
    comparison.problems()
}

/// Writes the present counts, where they differ, with the reason. With another compiler or machine that is all of them.
pub(crate) fn accept(why: &str) -> Result<(), String> {
    if why.trim().is_empty() {
        return Err("say in a sentence why the counts have changed: --accept \"why\"".to_owned());
    }
    let mut baseline = read()?;
    let comparison = measure(&baseline)?;
    println!("{comparison}");
    if comparison.is_incomparable() {
        return Err(format!("{BASELINE} is kept for {}: accept on a machine of that kind", comparison.there.target));
    }
    baseline.accept(&comparison, why.trim());
    std::fs::write(root().join(BASELINE), baseline.to_string()).map_err(|error| format!("{BASELINE}: {error}"))?;
    println!("{BASELINE} is written: read the change and commit it");
    Ok(())
}

fn read() -> Result<Baseline, String> {
    let text = match std::fs::read_to_string(root().join(BASELINE)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Baseline::default()),
        text => text.map_err(|error| format!("{BASELINE}: {error}"))?,
    };
    Baseline::parse(&text).map_err(|problem| format!("{BASELINE}: {problem}"))
}

fn measure(baseline: &Baseline) -> Result<Comparison, String> {
    let here = callgrind::circumstances()?;
    Ok(judge(baseline, here, &callgrind::count()?))
}
