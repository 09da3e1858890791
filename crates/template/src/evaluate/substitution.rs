//! `Fn::Sub`: text with `${Name}`, `${Name.Attribute}` and `${!literal}`.

use super::Scope;
use crate::document::{At, Node};
use std::collections::BTreeMap;

/// A piece of the text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    Literal(&'t str),
    /// `${!x}`, which means `${x}`.
    Escaped(&'t str),
    Name(&'t str),
}

/// The pieces of a text. What is no `${…}` is literal, as on AWS.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else { break };
        if start > 0 {
            pieces.push(Piece::Literal(&rest[..start]));
        }
        let inner = &rest[start + 2..start + length];
        pieces.push(match inner.strip_prefix('!') {
            Some(escaped) => Piece::Escaped(escaped),
            None => Piece::Name(inner.trim()),
        });
        rest = &rest[start + length + 1..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest));
    }
    pieces
}

impl Scope<'_> {
    pub(super) fn substitute(&self, argument: &Node, at: At) -> Node {
        let usage = "write text, or [text, {Name: value}]";
        let (text, variables) = match argument.items() {
            [] => (argument, None),
            [text, variables] => (text, Some(variables)),
            _ => return self.broken(at, "Fn::Sub is not written like this", usage),
        };
        let Some(text_value) = text.as_text() else {
            return self.broken(text.at, format!("Fn::Sub wants text, and this is {}", text.describe()), usage);
        };
        let mut own = BTreeMap::new();
        for entry in variables.map(Node::entries).unwrap_or_default() {
            own.insert(entry.key.as_str(), self.text("Fn::Sub", &entry.value));
        }
        let mut result = String::new();
        for piece in pieces(text_value) {
            match piece {
                Piece::Literal(literal) => result.push_str(literal),
                Piece::Escaped(literal) => {
                    result.push_str("${");
                    result.push_str(literal);
                    result.push('}');
                }
                Piece::Name(name) => {
                    let value = match own.get(name) {
                        Some(value) => value.clone(),
                        None => self.named(name, text.at),
                    };
                    match value {
                        Some(value) => result.push_str(&value),
                        None => return Node::broken(at),
                    }
                }
            }
            if result.len() > crate::limits::EVALUATED_BYTES {
                return self.broken(at, "the text grows without bounds", "use fewer references to long texts");
            }
        }
        Node::text(at, result)
    }

    /// A name inside `${}`: a parameter, a resource, or a resource's attribute.
    fn named(&self, name: &str, at: At) -> Option<String> {
        let reference = Node::text(at, name);
        // What SAM generates has dots in its name as well: `Function.Alias`.
        let value = match name.split_once('.') {
            Some((resource, attribute)) if !self.generated.contains_key(name) => {
                let parts = [resource, attribute].map(|part| Node::text(at, part));
                self.get_att(&Node::list(at, parts.into()), at)
            }
            _ => self.reference(&reference, at).unwrap_or_else(|| Node::text(at, "")),
        };
        match value.to_text() {
            Some(text) => Some(text),
            None if value.is_broken() => None,
            None => {
                let message = format!("`${{{name}}}` is {}", value.describe());
                self.problem(at, message, "only text can be put into text; join a list with Fn::Join");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_taken_to_pieces() {
        use Piece::{Escaped, Literal, Name};
        for (text, expected) in [
            ("", vec![]),
            ("a", vec![Literal("a")]),
            ("${A}", vec![Name("A")]),
            ("x${ A.B }y${!C}", vec![Literal("x"), Name("A.B"), Literal("y"), Escaped("C")]),
            ("$A ${", vec![Literal("$A ${")]),
            ("é${A}é", vec![Literal("é"), Name("A"), Literal("é")]),
        ] {
            assert_eq!(pieces(text), expected, "{text}");
        }
    }
}
