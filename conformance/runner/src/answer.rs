//! Whether an HTTP answer is what a case expects.

use crate::case::Answer;
use crate::names::{Names, shorten};
use crate::wire::http::Response;

/// Compares an answer; `usual` is the status where the case names none.
pub fn check(expected: &Answer, usual: u16, found: &Response, names: &mut Names) -> Result<(), String> {
    let body = String::from_utf8_lossy(&found.body);
    let status = expected.status.unwrap_or(usual);
    if found.status != status {
        return Err(format!("expected status {status}, got {} with body {}", found.status, shorten(&body)));
    }
    for (name, pattern) in &expected.has {
        let value = found.header(name).ok_or_else(|| format!("the header {name} is missing"))?;
        names.matches_pattern(pattern, value).map_err(|error| format!("header {name}: {error}"))?;
    }
    for name in &expected.lacks {
        if let Some(value) = found.header(name) {
            return Err(format!("the header {name} should not be there; it is {value}"));
        }
    }
    if let Some(error) = &expected.error {
        let found = found.header("x-amzn-ErrorType").unwrap_or_default();
        if found != error {
            return Err(format!("expected x-amzn-ErrorType {error}, got `{found}` with body {}", shorten(&body)));
        }
    }
    if let Some(expected) = &expected.body {
        names.matches_text(expected, &body).map_err(|error| format!("body: {error}"))?;
    }
    if let Some(pattern) = &expected.body_like {
        names.matches_pattern(pattern, &body).map_err(|error| format!("body: {error}"))?;
    }
    Ok(())
}
