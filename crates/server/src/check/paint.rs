//! Colours, where somebody sees them.

use std::fmt::Display;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    Colours,
    Plain,
}

impl Paint {
    /// Plain unless it is a terminal, and for whoever set `NO_COLOR`.
    pub(crate) fn for_terminal(is_terminal: bool) -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if is_terminal && !unwanted { Self::Colours } else { Self::Plain }
    }

    pub(crate) fn strong(self, text: impl Display) -> String {
        self.painted("1", text)
    }

    pub(crate) fn error(self, text: impl Display) -> String {
        self.painted("1;31", text)
    }

    pub(crate) fn remedy(self, text: impl Display) -> String {
        self.painted("36", text)
    }

    pub(crate) fn faint(self, text: impl Display) -> String {
        self.painted("2", text)
    }

    pub(crate) fn heading(self, text: impl Display) -> String {
        self.painted("1;32", text)
    }

    fn painted(self, code: &str, text: impl Display) -> String {
        match self {
            Self::Colours => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Self::Plain => text.to_string(),
        }
    }
}
