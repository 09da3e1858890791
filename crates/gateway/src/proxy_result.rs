//! What a function returned to a proxy integration: a well-formed result, or a malformed one.
//!
//! The rules were observed on AWS for REST APIs, which share the runtime: other keys than the five are malformed, a
//! missing status is 200, a numeric string is accepted, null headers are accepted.

use crate::integration::WrittenAs;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};

const STATUS_OK: u16 = 200;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ProxyResult {
    pub(crate) status: u16,
    /// Decoded where the function said that it is Base64.
    pub(crate) body: Option<Bytes>,
    pub(crate) written_as: WrittenAs,
    pub(crate) headers: Vec<(String, String)>,
}

/// The function's result is not one a proxy integration takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The keys a result may have. Those that may be written in several ways are read below.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    #[serde(default)]
    status_code: Value,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    headers: Value,
    #[serde(default)]
    multi_value_headers: Value,
    #[serde(default)]
    is_base64_encoded: Value,
}

impl ProxyResult {
    pub(crate) fn parse(result: &[u8]) -> Result<Self, Malformed> {
        // An array of five would be read as the five values.
        if result.trim_ascii_start().first() != Some(&b'{') {
            return Err(Malformed);
        }
        // Looked at as a whole, its texts need not be looked at one by one.
        let result = std::str::from_utf8(result).map_err(|_| Malformed)?;
        let written: Written = serde_json::from_str(result).map_err(|_| Malformed)?;
        let written_as = if flag(&written.is_base64_encoded)? { WrittenAs::Base64 } else { WrittenAs::Text };
        let body = match (written.body, written_as) {
            (Some(body), WrittenAs::Base64) => Some(STANDARD.decode(body).map_err(|_| Malformed)?.into()),
            (body, _) => body.map(Bytes::from),
        };
        let mut headers = headers(&written.headers)?;
        headers.extend(multi_value_headers(&written.multi_value_headers)?);
        Ok(Self { status: status(&written.status_code)?, body, written_as, headers })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

fn status(value: &Value) -> Result<u16, Malformed> {
    match value {
        Value::Null => Ok(STATUS_OK),
        Value::Number(number) => {
            number.as_f64().filter(|n| (100.0..=599.0).contains(n)).map(|n| n as u16).ok_or(Malformed)
        }
        Value::String(text) => text.trim().parse().ok().filter(|n| (100..=599).contains(n)).ok_or(Malformed),
        _ => Err(Malformed),
    }
}

fn flag(value: &Value) -> Result<bool, Malformed> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(flag) => Ok(*flag),
        _ => Err(Malformed),
    }
}

fn headers(value: &Value) -> Result<Vec<(String, String)>, Malformed> {
    let Some(map) = optional_object(value)? else { return Ok(Vec::new()) };
    map.iter().map(|(name, value)| Ok((name.clone(), scalar(value)?))).collect()
}

fn multi_value_headers(value: &Value) -> Result<Vec<(String, String)>, Malformed> {
    let Some(map) = optional_object(value)? else { return Ok(Vec::new()) };
    let mut headers = Vec::new();
    for (name, values) in map {
        let Value::Array(values) = values else { return Err(Malformed) };
        for value in values {
            headers.push((name.clone(), scalar(value)?));
        }
    }
    Ok(headers)
}

fn optional_object(value: &Value) -> Result<Option<&Map<String, Value>>, Malformed> {
    match value {
        Value::Null => Ok(None),
        Value::Object(map) => Ok(Some(map)),
        _ => Err(Malformed),
    }
}

fn scalar(value: &Value) -> Result<String, Malformed> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Null => Ok(String::new()),
        Value::Array(_) | Value::Object(_) => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_as_aws_reads_them() {
        for (result, status) in [
            (r#"{"statusCode":200}"#, 200),
            (r#"{"statusCode":"201"}"#, 201),
            (r#"{"statusCode":403,"body":"no","headers":{"a":1,"b":true},"isBase64Encoded":false}"#, 403),
            (r#"{"headers":{}}"#, 200),
            (r#"{"headers":null,"body":null}"#, 200),
            (r#"{"multiValueHeaders":{"a":["1","2"]}}"#, 200),
            ("{}", 200),
        ] {
            assert_eq!(ProxyResult::parse(result.as_bytes()).map(|result| result.status), Ok(status), "{result}");
        }
        for result in [
            "null",
            r#""ok""#,
            "42",
            "[]",
            "",
            "{",
            r#"{"statusCode":200,"foo":1}"#,
            r#"{"statusCode":"ok"}"#,
            r#"{"statusCode":9}"#,
            r#"{"multiValueHeaders":{"a":"1"}}"#,
            r#"{"headers":{"a":{}}}"#,
            r#"{"body":{}}"#,
        ] {
            assert_eq!(ProxyResult::parse(result.as_bytes()), Err(Malformed), "{result}");
        }
    }

    #[test]
    fn a_base64_body_is_decoded() {
        for (result, body) in [
            (r#"{"body":"aGk=","isBase64Encoded":true}"#, Ok(Some("hi"))),
            (r#"{"isBase64Encoded":true,"body":"aGk="}"#, Ok(Some("hi"))),
            (r#"{"body":"aGk=","isBase64Encoded":false}"#, Ok(Some("aGk="))),
            (r#"{"body":"aGk=","isBase64Encoded":null}"#, Ok(Some("aGk="))),
            (r#"{"isBase64Encoded":true}"#, Ok(None)),
            (r#"{"body":"no base64","isBase64Encoded":true}"#, Err(Malformed)),
            (r#"{"body":"aGk=","isBase64Encoded":"true"}"#, Err(Malformed)),
        ] {
            let expected = body.map(|body| body.map(|text| Bytes::from_static(text.as_bytes())));
            assert_eq!(ProxyResult::parse(result.as_bytes()).map(|result| result.body), expected, "{result}");
        }
    }

    #[test]
    fn header_names_are_found_whatever_their_case() {
        let result = ProxyResult::parse(br#"{"headers":{"sec-websocket-protocol":"chat"}}"#).unwrap();
        assert_eq!(result.header("Sec-WebSocket-Protocol"), Some("chat"));
    }
}
