//! Which pages may connect (beyond AWS, which does not look at `Origin`).

use crate::api::problem::Checker;

/// Origins in lower case, as browsers write them. Empty: everyone.
pub(super) struct AllowedOrigins(Vec<String>);

impl AllowedOrigins {
    pub(super) fn compile(written: &[String], checker: &mut Checker) -> Self {
        for origin in written {
            if !is_origin(origin) {
                checker.problem(
                    format!("allowed origin `{origin}`"),
                    "write scheme, host and, unless it is the usual one, port, such as https://app.example.org",
                );
            }
        }
        Self(written.iter().map(|origin| origin.to_ascii_lowercase()).collect())
    }

    /// A client without `Origin`, or with several, is not from a page that is allowed.
    pub(super) fn allow<'a>(&self, mut given: impl Iterator<Item = &'a str>) -> bool {
        if self.0.is_empty() {
            return true;
        }
        match (given.next(), given.next()) {
            (Some(origin), None) => self.0.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)),
            _ => false,
        }
    }
}

fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<http::Uri>() else { return false };
    let Some(authority) = uri.authority() else { return false };
    let Some(scheme) = uri.scheme_str() else { return false };
    // Nothing but the two: no path, no user, no trailing slash.
    !authority.as_str().contains('@') && text.eq_ignore_ascii_case(&format!("{scheme}://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(origins: &[&str]) -> AllowedOrigins {
        let written: Vec<String> = origins.iter().map(|origin| (*origin).to_owned()).collect();
        let mut checker = Checker::default();
        let compiled = AllowedOrigins::compile(&written, &mut checker);
        checker.finish(compiled).unwrap_or_else(|problems| panic!("{problems}"))
    }

    #[test]
    fn only_whole_origins_match() {
        let origins = allowed(&["https://App.example.org", "http://localhost:5173"]);
        for (given, expected) in [
            (&["https://app.example.org"][..], true),
            (&["HTTPS://APP.EXAMPLE.ORG"], true),
            (&["http://localhost:5173"], true),
            (&["http://app.example.org"], false),
            (&["https://app.example.org:8443"], false),
            (&["https://app.example.org.evil.org"], false),
            (&["https://evil.org/https://app.example.org"], false),
            (&["https://sub.app.example.org"], false),
            (&["https://app.example.org/"], false),
            (&["null"], false),
            (&[""], false),
            (&[], false),
            (&["https://app.example.org", "https://evil.org"], false),
            (&["https://app.example.org", "https://app.example.org"], false),
        ] {
            assert_eq!(origins.allow(given.iter().copied()), expected, "{given:?}");
        }
        assert!(allowed(&[]).allow(std::iter::empty()));
    }

    #[test]
    fn what_is_no_origin_is_reported() {
        for text in
            ["", "*", "app.example.org", "https://a.org/", "https://a.org/x", "https://u@a.org", "null", "https://"]
        {
            let mut checker = Checker::default();
            AllowedOrigins::compile(&[text.to_owned()], &mut checker);
            assert!(checker.finish(()).is_err(), "{text}");
        }
    }
}
