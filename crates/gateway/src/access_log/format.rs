//! A line's format: text with `$context` variables in it.

use crate::log_file::push_visible;

/// Longer lines are cut: what AWS takes as one log entry.
const LINE_BYTES: usize = 1024 * 1024;
const PREFIX: &str = "$context.";
/// Printed for a variable that is unknown or has no value.
const NO_VALUE: &str = "-";

pub(crate) struct Format(Vec<Piece>);

enum Piece {
    Text(String),
    /// A name without `$context.`.
    Variable(String),
}

impl Format {
    /// Reads a format. Any text is one: what is no variable stands for itself.
    ///
    /// Line breaks between the variables become spaces, because an entry is one line.
    pub(crate) fn parse(format: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = format;
        while let Some((text, after)) = rest.split_once(PREFIX) {
            pieces.push(Piece::Text(one_line(text)));
            let name = &after[..name_length(after)];
            pieces.push(match name {
                "" => Piece::Text(PREFIX.to_owned()),
                name => Piece::Variable(name.to_owned()),
            });
            rest = &after[name.len()..];
        }
        pieces.push(Piece::Text(one_line(rest)));
        Self(pieces)
    }

    pub(crate) fn names(&self, variable: &str) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Variable(name) if name == variable))
    }

    /// Writes a line, with its end. `value` is asked for each variable.
    pub(crate) fn render(&self, value: impl Fn(&str) -> Option<String>) -> String {
        let mut line = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => line.push_str(text),
                Piece::Variable(name) if name == "error.messageString" => {
                    // The message with quotes of its own, for formats that must not quote the dash.
                    match value("error.message") {
                        Some(message) => {
                            line.push('"');
                            push_escaped(&mut line, &message);
                            line.push('"');
                        }
                        None => line.push_str(NO_VALUE),
                    }
                }
                Piece::Variable(name) => match value(name).filter(|value| !value.is_empty()) {
                    Some(value) => push_escaped(&mut line, &value),
                    None => line.push_str(NO_VALUE),
                },
            }
        }
        line.truncate(line.floor_char_boundary(LINE_BYTES - 1));
        line.push('\n');
        line
    }
}

/// Letters, digits and underscores, in parts between single dots. A dot that ends a sentence is not part of a name.
fn name_length(text: &str) -> usize {
    let mut length = 0;
    for (place, part) in text.split('.').enumerate() {
        let word = part.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        if word == 0 {
            break;
        }
        length += usize::from(place > 0) + word;
        if word < part.len() {
            break;
        }
    }
    length
}

fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

/// Values come from clients. Escaped as in a JSON string, they cannot end the quotes around them either.
fn push_escaped(line: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            character => push_visible(line, character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Option<String> {
        let value = match name {
            "requestId" => "R=",
            "routeKey" => "",
            "identity.userAgent" => "a \"quoted\" \\agent\r\n{\"fake\":1}\u{1b}[2J\u{9b}\u{2028}é",
            "authorizer.user_id" => "u1",
            "error.message" => "a \"b\"",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn variables_are_filled_in_and_the_rest_is_left_as_it_is() {
        for (format, expected) in [
            ("", ""),
            ("$context.requestId", "R="),
            ("$context.requestId $context.foo", "R= -"),
            ("$context.requestId$context.requestId", "R=R="),
            ("($context.requestId).", "(R=)."),
            ("$context.requestId.", "R=."),
            ("$context.requestId..x", "R=..x"),
            ("$context.requestId-$context.routeKey", "R=--"),
            ("$context.authorizer.user_id:x", "u1:x"),
            ("$context.authorizer.other", "-"),
            ("$context. $context $contextual.requestId $", "$context. $context $contextual.requestId $"),
            ("a\nb\r\nc $context.requestId", "a b  c R="),
            ("$context.error.message $context.error.messageString", r#"a \"b\" "a \"b\"""#),
            ("é$context.requestIdé", "éR=é"),
        ] {
            assert_eq!(Format::parse(format).render(value), format!("{expected}\n"), "{format}");
        }
        assert_eq!(Format::parse("$context.error.messageString").render(|_| None), "-\n");
    }

    #[test]
    fn values_cannot_break_out_of_a_line_or_of_json() {
        let line = Format::parse(r#"{"agent":"$context.identity.userAgent","id":"$context.requestId"}"#).render(value);
        assert_eq!(line.lines().count(), 1);
        assert!(!line.trim_end_matches('\n').chars().any(char::is_control), "{line:?}");
        let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["agent"].as_str(), value("identity.userAgent").as_deref());
        assert!(parsed.get("fake").is_none());
    }

    #[test]
    fn a_line_has_an_end_and_a_largest_length() {
        let line = Format::parse("$context.x").render(|_| Some("é".repeat(LINE_BYTES)));
        assert!((LINE_BYTES - 1..=LINE_BYTES).contains(&line.len()));
        assert!(line.ends_with("é\n"));
    }
}
