//! Content handling: Base64 text to bytes, bytes to Base64 text.
//!
//! The service model and the developer guide disagree on which way an integration's own setting works; here it is
//! about the request, and that of an integration response is about the response.

use super::Failure;
use crate::api::problem::Checker;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContentHandling {
    Unchanged,
    ToBinary,
    ToText,
}

impl ContentHandling {
    pub(super) fn compile(written: Option<&str>, checker: &mut Checker) -> Self {
        match written {
            None => Self::Unchanged,
            Some("CONVERT_TO_BINARY") => Self::ToBinary,
            Some("CONVERT_TO_TEXT") => Self::ToText,
            Some(other) => {
                checker.problem(
                    format!("contentHandlingStrategy `{other}`"),
                    "use CONVERT_TO_BINARY or CONVERT_TO_TEXT, or leave it out",
                );
                Self::Unchanged
            }
        }
    }

    /// Before a template reads it: templates are about text.
    pub(super) fn before_template(self, payload: Bytes) -> Bytes {
        match self {
            Self::ToText => STANDARD.encode(&payload).into(),
            Self::Unchanged | Self::ToBinary => payload,
        }
    }

    /// After a template wrote it.
    pub(super) fn after_template(self, payload: Bytes) -> Result<Bytes, Failure> {
        match self {
            Self::ToBinary => decode(&payload),
            Self::Unchanged | Self::ToText => Ok(payload),
        }
    }
}

/// Bytes from Base64 text; AWS does not say what happens to other text, here it fails.
pub(super) fn decode(text: &[u8]) -> Result<Bytes, Failure> {
    STANDARD.decode(text).map(Bytes::from).map_err(|error| {
        tracing::warn!(%error, "a payload that shall be converted to binary is not Base64");
        Failure::Failed
    })
}
