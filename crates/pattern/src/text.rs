//! Tests of strings: with any case, and with wildcards.

use crate::limits;
use memchr::memmem;

/// A text in any case. Each character stands for its lower and its upper form, which may be several characters (`ß`, `SS`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AnyCase(Vec<(String, String)>);

impl AnyCase {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.chars().map(|c| (c.to_lowercase().to_string(), c.to_uppercase().to_string())).collect())
    }

    pub(crate) fn equals(&self, text: &str) -> bool {
        self.strip_from_start(text) == Some("")
    }

    pub(crate) fn starts(&self, text: &str) -> bool {
        self.strip_from_start(text).is_some()
    }

    pub(crate) fn ends(&self, text: &str) -> bool {
        let mut rest = text;
        self.0.iter().rev().all(|(lower, upper)| {
            let stripped = rest.strip_suffix(lower.as_str()).or_else(|| rest.strip_suffix(upper.as_str()));
            rest = stripped.unwrap_or(rest);
            stripped.is_some()
        })
    }

    fn strip_from_start<'t>(&self, text: &'t str) -> Option<&'t str> {
        self.0.iter().try_fold(text, |rest, (lower, upper)| {
            rest.strip_prefix(lower.as_str()).or_else(|| rest.strip_prefix(upper.as_str()))
        })
    }
}

/// A text with `*` for any characters. `\*` and `\\` stand for themselves.
#[derive(Clone, Debug)]
pub(crate) struct Wildcard {
    start: String,
    /// What stands between two `*`, in order; none is empty.
    between: Vec<memmem::Finder<'static>>,
    /// `None` without any `*`.
    end: Option<String>,
}

impl Wildcard {
    /// The error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut segments = vec![String::new()];
        let mut characters = text.chars();
        let mut after_wildcard = false;
        while let Some(character) = characters.next() {
            let literal = match character {
                '*' if after_wildcard => return Err("`**` has no meaning in a wildcard; write `*` once".to_owned()),
                '*' => {
                    after_wildcard = true;
                    segments.push(String::new());
                    continue;
                }
                '\\' => match characters.next() {
                    Some(escaped @ ('*' | '\\')) => escaped,
                    _ => return Err("in a wildcard `\\` stands before `*` or `\\` only".to_owned()),
                },
                other => other,
            };
            after_wildcard = false;
            if let Some(segment) = segments.last_mut() {
                segment.push(literal);
            }
        }
        let wildcards = segments.len() - 1;
        if wildcards > limits::WILDCARDS {
            return Err(format!(
                "the wildcard is too complex: it has {wildcards} `*`, at most {} are taken",
                limits::WILDCARDS
            ));
        }
        let end = if wildcards > 0 { segments.pop() } else { None };
        let start = segments.remove(0);
        let between = segments.iter().map(|segment| memmem::Finder::new(segment.as_bytes()).into_owned()).collect();
        Ok(Self { start, between, end })
    }

    /// In time linear in both texts: what is between is found as early as it can be.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let Some(end) = &self.end else { return text == self.start };
        let Some(mut rest) = text.as_bytes().strip_prefix(self.start.as_bytes()) else { return false };
        for segment in &self.between {
            match segment.find(rest) {
                Some(place) => rest = &rest[place + segment.needle().len()..],
                None => return false,
            }
        }
        rest.ends_with(end.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter_to_any_case() {
        for (text, other, equals, starts, ends) in [
            ("abC", "ABc", true, true, true),
            ("", "", true, true, true),
            ("ab", "ABc", false, true, false),
            ("bc", "ABc", false, false, true),
            ("straße", "STRASSE", true, true, true),
            ("Ω", "ω", true, true, true),
            ("a", "", false, false, false),
        ] {
            let any_case = AnyCase::new(text);
            assert_eq!(
                (any_case.equals(other), any_case.starts(other), any_case.ends(other)),
                (equals, starts, ends),
                "{text} {other}"
            );
        }
    }

    #[test]
    fn wildcards_stand_for_any_characters() {
        for (wildcard, text, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("a*b", "ab", true),
            ("a*b", "aXb", true),
            ("a*b", "a", false),
            ("a*a", "a", false),
            ("*.txt", "x.txt.txt", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "acb", false),
            (r"a\*b", "a*b", true),
            (r"a\*b", "aXb", false),
            (r"a\\*", r"a\x", true),
            ("plain", "plain", true),
            ("plain", "plains", false),
            ("*ä*", "xäx", true),
        ] {
            assert_eq!(Wildcard::parse(wildcard).unwrap().matches(text), expected, "{wildcard} {text}");
        }
        for wildcard in ["a**b", r"a\b", r"a\", "*a*a*a*a*a*"] {
            assert!(Wildcard::parse(wildcard).is_err(), "{wildcard}");
        }
    }
}
