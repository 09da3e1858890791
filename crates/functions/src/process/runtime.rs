//! Which program runs a function: what `Runtime` of a template means here.

use std::fmt;
use std::str::FromStr;

/// The oldest and the newest that is known to exist, generously.
const NODE_MAJORS: std::ops::RangeInclusive<u16> = 4..=40;
/// Node 24 brought the second generation of rules for handlers.
const FIRST_WITH_NEW_RULES: u16 = 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Runtime {
    /// `nodejs20.x`
    Node { major: u16 },
    /// `python3.12`
    Python { minor: u16 },
    /// `provided`, `provided.al2` and `provided.al2023`: an executable `bootstrap`.
    Provided,
}

/// The rules that a Node handler can count on, by the runtime it asks for and not by the Node that runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeRules {
    /// Up to 22: handlers may take a callback.
    Callbacks,
    /// From 24 on: handlers return values or promises.
    Promises,
}

/// Why a runtime cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    #[error(
        "the runtime go1.x speaks a protocol of its own that ended with it; build the function as `bootstrap` and use \
             provided.al2023"
    )]
    Go,
    #[error("the runtime `{0}` is not supported; there are nodejsN.x, python3.N and provided.al2, provided.al2023")]
    Unknown(String),
}

impl Runtime {
    pub(crate) fn node_rules(self) -> NodeRules {
        match self {
            Self::Node { major } if major >= FIRST_WITH_NEW_RULES => NodeRules::Promises,
            _ => NodeRules::Callbacks,
        }
    }
}

impl FromStr for Runtime {
    type Err = RuntimeError;

    fn from_str(text: &str) -> Result<Self, RuntimeError> {
        let unknown = || RuntimeError::Unknown(text.to_owned());
        if text == "go1.x" {
            return Err(RuntimeError::Go);
        }
        if let Some(version) = text.strip_prefix("nodejs") {
            // The first of them had a minor version: `nodejs6.10`.
            let major = version.split('.').next().and_then(|major| major.parse().ok());
            let major = major.filter(|major| NODE_MAJORS.contains(major) && version.contains('.'));
            return major.map(|major| Self::Node { major }).ok_or_else(unknown);
        }
        if let Some(minor) = text.strip_prefix("python3.") {
            return minor.parse().map(|minor| Self::Python { minor }).map_err(|_| unknown());
        }
        match text {
            "provided" | "provided.al2" | "provided.al2023" => Ok(Self::Provided),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node { major } => write!(f, "nodejs{major}.x"),
            Self::Python { minor } => write!(f, "python3.{minor}"),
            Self::Provided => f.write_str("provided"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_are_known_by_their_names() {
        for (text, expected) in [
            ("nodejs20.x", Some(Runtime::Node { major: 20 })),
            ("nodejs6.10", Some(Runtime::Node { major: 6 })),
            ("python3.13", Some(Runtime::Python { minor: 13 })),
            ("provided.al2023", Some(Runtime::Provided)),
            ("provided", Some(Runtime::Provided)),
            ("nodejs", None),
            ("nodejs20", None),
            ("nodejs999.x", None),
            ("python2.7", None),
            ("java21", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
        assert_eq!("go1.x".parse::<Runtime>(), Err(RuntimeError::Go));
        assert_eq!(Runtime::Node { major: 22 }.node_rules(), NodeRules::Callbacks);
        assert_eq!(Runtime::Node { major: 24 }.node_rules(), NodeRules::Promises);
    }
}
