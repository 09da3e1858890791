//! Patterns of policies: `*` is any run of characters, `/` and `:` included, `?` is any one.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Char(char),
    AnyOne,
    AnyRun,
    /// `${…}`: its value is not known here.
    Variable,
}

/// What a policy variable matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variables {
    MatchNothing,
    MatchAnything,
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let variable = rest.strip_prefix("${").and_then(|inner| inner.split_once('}'));
            let (part, after) = match variable {
                // The three characters that cannot be written otherwise.
                Some((name @ ("*" | "?" | "$"), after)) => (Part::Char(name.as_bytes()[0].into()), after),
                Some((_, after)) => (Part::Variable, after),
                None => match first {
                    '*' => (Part::AnyRun, &rest[1..]),
                    '?' => (Part::AnyOne, &rest[1..]),
                    other => (Part::Char(other), &rest[other.len_utf8()..]),
                },
            };
            parts.push(part);
            rest = after;
        }
        Self(parts)
    }

    /// Whether it is `*` alone.
    pub(super) fn is_anything(&self) -> bool {
        self.0 == [Part::AnyRun]
    }

    pub(super) fn matches(&self, text: &str, variables: Variables) -> bool {
        self.compare(text, variables, |expected, found| expected == found)
    }

    /// For actions, which have no case and no variables.
    pub(super) fn matches_ignoring_case(&self, text: &str) -> bool {
        self.compare(text, Variables::MatchNothing, |expected, found| expected.eq_ignore_ascii_case(&found))
    }

    /// On a mismatch goes back to the last run and lets it take one character more: time is at most the product of the
    /// lengths, whatever the pattern.
    fn compare(&self, text: &str, variables: Variables, same: impl Fn(char, char) -> bool) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut part, mut at) = (0, 0);
        let mut last_run: Option<(usize, usize)> = None;
        loop {
            match (self.0.get(part), text.get(at)) {
                (Some(Part::AnyRun), _) => {
                    last_run = Some((part + 1, at));
                    part += 1;
                    continue;
                }
                (Some(Part::Variable), _) if variables == Variables::MatchAnything => {
                    last_run = Some((part + 1, at));
                    part += 1;
                    continue;
                }
                (Some(Part::AnyOne), Some(_)) => {
                    (part, at) = (part + 1, at + 1);
                    continue;
                }
                (Some(Part::Char(expected)), Some(found)) if same(*expected, *found) => {
                    (part, at) = (part + 1, at + 1);
                    continue;
                }
                (None, None) => return true,
                _ => {}
            }
            match last_run {
                Some((after, taken)) if taken < text.len() => {
                    last_run = Some((after, taken + 1));
                    (part, at) = (after, taken + 1);
                }
                _ => return false,
            }
        }
    }
}
