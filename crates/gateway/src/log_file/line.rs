//! What may stand in a line.

use std::fmt::Write;

/// Adds a character that comes from a client or a backend. Control characters are written out, so that none can end a line,
/// nor speak to the terminal that shows it.
pub(crate) fn push_visible(line: &mut String, character: char) {
    match character {
        '\n' => line.push_str("\\n"),
        '\r' => line.push_str("\\r"),
        '\t' => line.push_str("\\t"),
        // Line and paragraph separators end a line for some readers.
        character if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') => {
            // Writing to a string cannot fail.
            let _ = write!(line, "\\u{:04x}", u32::from(character));
        }
        character => line.push(character),
    }
}
