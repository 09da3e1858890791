//! How a handler fails.

use sluicegate_protocol::FunctionError;
use std::fmt;

/// What a handler returns instead of an answer. Any error converts into it with `?`.
///
/// It is not itself a `std::error::Error`: that is what makes the conversion from all of them possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    error_type: String,
    message: String,
}

impl Error {
    /// `error_type` is what callers match on and what metrics are counted by, such as `UnknownRoom`.
    pub fn new(error_type: impl Into<String>, message: impl Into<String>) -> Self {
        Self { error_type: error_type.into(), message: message.into() }
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        Self::new(short_type_name::<E>(), error.to_string())
    }
}

impl From<Error> for FunctionError {
    fn from(error: Error) -> Self {
        Self { error_type: error.error_type, message: error.message }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error_type, self.message)
    }
}

/// `PostError` for `sluicegate_protocol::port::PostError`; type parameters are dropped with it.
fn short_type_name<E>() -> &'static str {
    let name = std::any::type_name::<E>();
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluicegate_protocol::PostError;

    #[test]
    fn an_error_keeps_its_type_and_message() {
        let error = FunctionError::from(Error::from(PostError::Gone));
        assert_eq!((error.error_type.as_str(), error.message.as_str()), ("PostError", "the connection is gone"));
    }
}
