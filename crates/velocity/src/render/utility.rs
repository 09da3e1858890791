//! `$util`.

use super::{Halt, Render};
use crate::json;
use crate::value::Value;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::fmt::Write;

/// What Java's `URLEncoder` encodes; it also writes a space as `+`.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'*').remove(b'_').remove(b' ');

/// Takes text with and without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

impl Render<'_> {
    pub(super) fn call_utility(&mut self, name: &str, arguments: &[Value]) -> Result<Value, Halt> {
        let [argument] = arguments else {
            return Ok(Value::Null);
        };
        let text = self.printed(argument)?;
        self.read(text.len())?;
        match name {
            "escapeJavaScript" => {
                let escaped = escape_java_script(&text);
                self.text(escaped)
            }
            "parseJson" => {
                let parsed = json::read(&text, &mut self.heap, &mut self.meter.bytes_left);
                parsed.map_err(|error| self.bad_call(format!("$util.parseJson cannot read its text as JSON: {error}")))
            }
            "urlEncode" => {
                let encoded = utf8_percent_encode(&text, FORM).to_string().replace(' ', "+");
                self.text(encoded)
            }
            "urlDecode" => {
                let spaced = text.replace('+', " ");
                let decoded = percent_decode_str(&spaced).decode_utf8_lossy();
                self.text(decoded)
            }
            "base64Encode" => self.text(STANDARD.encode(text.as_bytes())),
            "base64Decode" => {
                let decoded = self.base64_decoded(&text)?;
                self.text(decoded)
            }
            _ => Ok(Value::Null),
        }
    }

    /// Both alphabets, with line breaks or without, as Java's commons-codec takes them.
    fn base64_decoded(&mut self, text: &str) -> Result<String, Halt> {
        let one_alphabet = |c: char| match c {
            '-' => '+',
            '_' => '/',
            other => other,
        };
        let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).map(one_alphabet).collect();
        match LENIENT.decode(packed) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => Err(self.bad_call(format!("$util.base64Decode cannot read its text: {error}"))),
        }
    }
}

/// Escapes `'` as `\'`, which is no JSON, `/` as `\/` and all that is not ASCII. Observed in AWS execution logs: it is the
/// function of that name in commons-lang 2. Templates undo the first with `.replaceAll("\\'", "'")`.
fn escape_java_script(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for unit in text.encode_utf16() {
        match u8::try_from(unit).ok().filter(u8::is_ascii).map(char::from) {
            Some('\u{8}') => out.push_str("\\b"),
            Some('\n') => out.push_str("\\n"),
            Some('\t') => out.push_str("\\t"),
            Some('\u{c}') => out.push_str("\\f"),
            Some('\r') => out.push_str("\\r"),
            Some(c @ ('\'' | '"' | '\\' | '/')) => out.extend(['\\', c]),
            Some(c) if c >= ' ' => out.push(c),
            // Writing to a String cannot fail.
            _ => write!(out, "\\u{unit:04X}").unwrap_or_default(),
        }
    }
    out
}
