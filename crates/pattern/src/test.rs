//! One test of a field's value.

use crate::address::{self, Block};
use crate::number::comparable;
use crate::text::{AnyCase, Wildcard};
use std::borrow::Cow;
use std::net::IpAddr;

/// A value of an event that is neither object nor array.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Leaf<'e> {
    Text(Cow<'e, str>),
    Number { text: &'e str, value: Option<f64> },
    True,
    False,
    Null,
}

#[derive(Clone, Debug)]
pub(crate) enum Test {
    Text(TextTest),
    /// A text that is an IP address is equal to every spelling of it.
    Address(IpAddr),
    Block(Block),
    /// `value` only if the number is comparable.
    Number {
        text: String,
        value: Option<f64>,
    },
    Range {
        bottom: Option<Bound>,
        top: Option<Bound>,
    },
    True,
    False,
    Null,
    /// `anything-but`: every value that none of these accept.
    Except(Vec<Test>),
    Exists,
    /// Met by the lack of a value, so it accepts none.
    Absent,
}

/// What only strings can meet.
#[derive(Clone, Debug)]
pub(crate) enum TextTest {
    Equal(String),
    EqualInAnyCase(AnyCase),
    Prefix(String),
    PrefixInAnyCase(AnyCase),
    Suffix(String),
    SuffixInAnyCase(AnyCase),
    Wildcard(Wildcard),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bound {
    pub(crate) value: f64,
    /// The value itself is outside.
    pub(crate) open: bool,
}

impl<'e> Leaf<'e> {
    pub(crate) fn number(text: &'e str) -> Self {
        Self::Number { text, value: comparable(text) }
    }
}

impl Test {
    pub(crate) fn accepts(&self, leaf: &Leaf<'_>) -> bool {
        match (self, leaf) {
            (Self::Exists, _) => true,
            (Self::Absent, _) => false,
            (Self::Except(tests), _) => !tests.iter().any(|test| test.accepts(leaf)),
            (Self::True, Leaf::True) | (Self::False, Leaf::False) | (Self::Null, Leaf::Null) => true,
            (Self::Text(test), Leaf::Text(text)) => test.accepts(text),
            (Self::Address(address), Leaf::Text(text)) => address::parse(text) == Some(*address),
            (Self::Block(block), Leaf::Text(text)) => {
                address::parse(text).is_some_and(|address| block.contains(address))
            }
            (Self::Number { text: wanted, value: Some(number) }, Leaf::Number { text, value }) => {
                value.map_or(wanted == text, |value| value == *number)
            }
            (Self::Number { text: wanted, value: None }, Leaf::Number { text, .. }) => wanted == text,
            (Self::Range { bottom, top }, Leaf::Number { value: Some(value), .. }) => {
                bottom.is_none_or(|bottom| bottom.value < *value || (!bottom.open && bottom.value == *value))
                    && top.is_none_or(|top| *value < top.value || (!top.open && top.value == *value))
            }
            _ => false,
        }
    }

    /// Whether numbers alone meet it.
    pub(crate) fn is_numeric(&self) -> bool {
        matches!(self, Self::Number { .. } | Self::Range { .. })
    }
}

impl TextTest {
    fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Equal(wanted) => text == wanted,
            Self::EqualInAnyCase(wanted) => wanted.equals(text),
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Self::PrefixInAnyCase(prefix) => prefix.starts(text),
            Self::Suffix(suffix) => text.ends_with(suffix.as_str()),
            Self::SuffixInAnyCase(suffix) => suffix.ends(text),
            Self::Wildcard(wildcard) => wildcard.matches(text),
        }
    }
}
