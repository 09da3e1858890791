//! The measured part of a Markdown page, between two markers.

use crate::Failure;
use std::fs;
use std::path::Path;

const BEGIN: &str = "<!-- measured: begin -->\n";
const END: &str = "<!-- measured: end -->";

/// Replaces what stands between the markers of `page`.
pub fn write(page: &Path, measured: &str) -> Result<(), Failure> {
    let about = |problem: &str| format!("{}: {problem}", page.display());
    let text = fs::read_to_string(page).map_err(|error| about(&error.to_string()))?;
    let text = spliced(&text, measured)
        .ok_or_else(|| about(&format!("put the lines {} and {END} where the figures belong", BEGIN.trim())))?;
    fs::write(page, text).map_err(|error| about(&error.to_string()).into())
}

fn spliced(page: &str, measured: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some([before, BEGIN, measured, END, after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_is_replaced() {
        let page = format!("top\n{BEGIN}old\n{END}\nbottom\n");
        assert_eq!(spliced(&page, "new\n"), Some(format!("top\n{BEGIN}new\n{END}\nbottom\n")));
        assert_eq!(spliced("no markers", "new"), None);
    }
}
