//! What must not stand in a log: credentials by the names of headers and parameters, and by the values that a client brought.
//!
//! By value, because a value does not keep to its header: events repeat it, templates move it, and functions answer with it.

use crate::integration::encoded;
use std::borrow::Cow;
use std::cmp::Reverse;

/// Ways to write secrets that are looked for in one exchange. With more of them no body is shown.
const FORMS: usize = 256;
/// A shorter value is masked only where it is all of a JSON string: it may well be part of some word.
const LOOKED_FOR_BYTES: usize = 8;
/// A shorter value is masked as a whole. API keys have no fewer.
const PARTLY_SHOWN_CHARACTERS: usize = 20;
/// AWS shows the last six characters.
const SHOWN_CHARACTERS: usize = 6;
/// Of masks; AWS writes as many asterisks as there were characters, and cuts the line.
const ASTERISKS: usize = 34;
/// Stands for a text in which not all secrets are looked for.
const NOT_SHOWN: &str = "[NOT SHOWN: too many credentials to mask]";
const MASK: &str = "********";

/// Parts of the names of headers and parameters that hold credentials.
const CREDENTIALS: [&str; 13] = [
    "authorization",
    "cookie",
    "token",
    "secret",
    "password",
    "passwd",
    "signature",
    "credential",
    "api-key",
    "api_key",
    "apikey",
    "jwt",
    "session",
];
/// Names that hold credentials, and are part of too many others.
const CREDENTIAL_NAMES: [&str; 5] = ["auth", "code", "key", "pass", "sig"];

/// The secrets of one exchange.
#[derive(Default)]
pub(super) struct Secrets {
    forms: Vec<Form>,
    unknown: usize,
}

/// One way to write a secret.
#[derive(PartialEq, Eq)]
struct Form {
    text: String,
    mask: String,
}

/// A text without secrets, or the beginning of it.
pub(super) struct Masked<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) is_cut: bool,
}

/// Whether a header or parameter of this name holds a credential.
pub(crate) fn is_credential(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    CREDENTIALS.iter().any(|part| name.contains(part)) || CREDENTIAL_NAMES.contains(&&*name)
}

impl Secrets {
    pub(super) fn add(&mut self, value: &str) {
        if value.is_empty() {
            return;
        }
        let json = serde_json::Value::from(value).to_string();
        let mask = masked(value);
        if value.len() < LOOKED_FOR_BYTES {
            return self.add_form(json, format!("\"{mask}\""));
        }
        // Without the quotes.
        self.add_form(json[1..json.len() - 1].to_owned(), mask.clone());
        self.add_form(encoded(value), mask.clone());
        self.add_form(value.to_owned(), mask);
    }

    fn add_form(&mut self, text: String, mask: String) {
        let form = Form { text, mask };
        if self.forms.contains(&form) {
            return;
        }
        match self.forms.len() {
            ..FORMS => self.forms.push(form),
            _ => self.unknown += 1,
        }
    }

    /// At least the first `wanted` bytes of a text, or all of it, with masks for secrets.
    pub(super) fn mask<'a>(&self, text: &'a str, wanted: usize) -> Masked<'a> {
        if self.unknown > 0 && !text.is_empty() {
            return Masked { text: Cow::Borrowed(NOT_SHOWN), is_cut: false };
        }
        let longest = self.forms.iter().map(|form| form.text.len()).max().unwrap_or_default();
        let (mut shown, mut rest) = (String::new(), text);
        while shown.len() < wanted && !rest.is_empty() {
            // A secret that begins within what is wanted ends within the window.
            let window = &rest[..rest.floor_char_boundary(wanted + longest)];
            let found = self.forms.iter().filter_map(|form| Some((window.find(&form.text)?, form)));
            let length = match found.min_by_key(|(place, form)| (*place, Reverse(form.text.len()))) {
                Some((place, form)) => {
                    shown.push_str(&rest[..place]);
                    shown.push_str(&form.mask);
                    place + form.text.len()
                }
                None if shown.is_empty() && rest.len() <= wanted => {
                    return Masked { text: Cow::Borrowed(text), is_cut: false };
                }
                None => {
                    let length = rest.floor_char_boundary(wanted);
                    shown.push_str(&rest[..length]);
                    length
                }
            };
            rest = &rest[length..];
        }
        Masked { text: Cow::Owned(shown), is_cut: !rest.is_empty() }
    }
}

/// What stands for a secret: asterisks, and of long ones the end, so that it can be told from others.
pub(crate) fn masked(value: &str) -> String {
    let characters = value.chars().count();
    if characters < PARTLY_SHOWN_CHARACTERS {
        return MASK.to_owned();
    }
    let hidden = characters - SHOWN_CHARACTERS;
    let end: String = value.chars().skip(hidden).filter(char::is_ascii_graphic).collect();
    format!("{}{end}", "*".repeat(hidden.min(ASTERISKS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_credentials() {
        for (name, expected) in [
            ("Authorization", true),
            ("proxy-authorization", true),
            ("x-api-key", true),
            ("Set-Cookie", true),
            ("X-Amz-Security-Token", true),
            ("X-Amz-Signature", true),
            ("access_token", true),
            ("auth", true),
            ("author", false),
            ("Sec-WebSocket-Key", false),
            ("User-Agent", false),
            ("Host", false),
        ] {
            assert_eq!(is_credential(name), expected, "{name}");
        }
    }

    #[test]
    fn secrets_are_masked_however_they_are_written() {
        let mut secrets = Secrets::default();
        for secret in ["", "0123456789abcdefghijklmn", "a \"b\" = c", "me", "12345678", "123456789"] {
            secrets.add(secret);
        }
        for (text, expected) in [
            ("", ""),
            ("nothing here", "nothing here"),
            ("<0123456789abcdefghijklmn>", "<******************ijklmn>"),
            (r#"{"a":"a \"b\" = c"}"#, r#"{"a":"********"}"#),
            ("?a=a%20%22b%22%20%3D%20c&b", "?a=********&b"),
            (r#"a "b" = c"#, "********"),
            (r#"{"name":"me","some":"meal"}"#, r#"{"name":"********","some":"meal"}"#),
            ("12345678 123456789", "******** ********"),
        ] {
            assert_eq!(secrets.mask(text, 1024).text, expected, "{text}");
        }
        assert_eq!(masked(&"é".repeat(5000)), "*".repeat(ASTERISKS));
    }

    #[test]
    fn a_long_secret_does_not_show_its_beginning_where_the_text_is_cut() {
        let secret = "0123456789".repeat(1000);
        let mut secrets = Secrets::default();
        secrets.add(&secret);
        let text = format!("{}{secret}{}{secret}", "x".repeat(90), "y".repeat(5));
        for wanted in [10, 89, 90, 91, 100, 150, 200, 20_000] {
            let masked = secrets.mask(&text, wanted);
            assert!(!masked.text.contains("0123"), "{wanted}: {}", masked.text);
            assert_eq!(masked.is_cut, wanted < 135, "{wanted}");
        }
    }

    #[test]
    fn with_too_many_secrets_nothing_is_shown() {
        let mut secrets = Secrets::default();
        for number in 0..=FORMS {
            secrets.add(&format!("{number:08}"));
        }
        assert_eq!(secrets.mask("body", 1024).text, NOT_SHOWN);
        assert_eq!(secrets.mask("", 1024).text, "");
    }
}
