//! The measured parts of a Markdown page, each between two markers. A part of which nothing was measured stays as it is.

use crate::Failure;
use crate::report::Report;
use crate::table::{Table, markdown};
use crate::tables::{function_tables, tables};
use std::fs;
use std::path::Path;

type Tables = fn(&Report) -> Vec<Table>;

/// Functions have figures of their own, so that they can be measured without the rest, which takes a quarter of an hour.
const PARTS: [(&str, Tables); 2] = [("measured", tables), ("measured functions", function_tables)];

/// Replaces what stands between the markers of `page`.
pub fn write(page: &Path, report: &Report) -> Result<(), Failure> {
    let about = |problem: &str| format!("{}: {problem}", page.display());
    let mut text = fs::read_to_string(page).map_err(|error| about(&error.to_string()))?;
    for (name, tables) in PARTS {
        let tables = tables(report);
        if tables.is_empty() {
            continue;
        }
        let (begin, end) = markers(name);
        text = spliced(&text, (&begin, &end), &markdown(report, tables))
            .ok_or_else(|| about(&format!("put the lines {} and {end} where the figures belong", begin.trim())))?;
    }
    fs::write(page, text).map_err(|error| about(&error.to_string()).into())
}

fn markers(name: &str) -> (String, String) {
    (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"))
}

fn spliced(page: &str, (begin, end): (&str, &str), measured: &str) -> Option<String> {
    let (before, rest) = page.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some([before, begin, measured, end, after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_is_replaced() {
        let page = |measured: &str, functions: &str| {
            let ((begin, end), (first, last)) = (markers("measured"), markers("measured functions"));
            format!("top\n{begin}{measured}{end}\nmiddle\n{first}{functions}{last}\nbottom\n")
        };
        for (part, expected) in [("measured", page("new\n", "b\n")), ("measured functions", page("a\n", "new\n"))] {
            let (begin, end) = markers(part);
            assert_eq!(spliced(&page("a\n", "b\n"), (&begin, &end), "new\n"), Some(expected));
            assert_eq!(spliced("no markers", (&begin, &end), "new"), None);
        }
    }
}
