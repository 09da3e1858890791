//! Whether a request is signed at all, and what AWS says when it is not.
//!
//! Only the presence of a signature's parts is looked at here; whether it is right is looked at afterwards
//! ([`permission`](super::permission)), if there are credentials to verify it with.

use crate::refusal::Refusal;
use http::header::{AUTHORIZATION, DATE};
use http::request::Parts;

const SCHEME: &str = "AWS4-";
const QUERY_ALGORITHM: &str = "X-Amz-Algorithm";
const QUERY_PARTS: [&str; 4] = ["X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"];
/// As AWS names them, and as they are looked for.
const HEADER_PARTS: [(&str, &str); 3] =
    [("Credential", "credential="), ("Signature", "signature="), ("SignedHeaders", "signedheaders=")];

pub(crate) fn check(parts: &Parts) -> Result<(), Refusal> {
    let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let query = parts.uri.query().unwrap_or_default();
    let has_date = parts.headers.contains_key("x-amz-date") || parts.headers.contains_key(DATE);
    match (header, query_value(query, QUERY_ALGORITHM)) {
        (Some(_), Some(_)) => Err(refused(
            "InvalidSignatureException",
            "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.".into(),
        )),
        (None, Some(algorithm)) => check_query(query, algorithm),
        (Some(header), None) if header.starts_with(SCHEME) => check_header(header, has_date),
        _ => Err(refused("MissingAuthenticationTokenException", "Request is missing Authentication Token".into())),
    }
}

fn check_header(header: &str, has_date: bool) -> Result<(), Refusal> {
    let lower = header.to_ascii_lowercase();
    let mut missing: Vec<String> = HEADER_PARTS
        .iter()
        .filter(|(_, written)| !lower.contains(written))
        .map(|(part, _)| format!("Authorization header requires '{part}' parameter. "))
        .collect();
    if !has_date {
        missing.push("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ".into());
    }
    if missing.is_empty() {
        return Ok(());
    }
    incomplete(&missing, &format!("Authorization={header}"))
}

fn check_query(query: &str, algorithm: &str) -> Result<(), Refusal> {
    let missing: Vec<String> = algorithm
        .is_empty()
        .then_some(QUERY_ALGORITHM)
        .into_iter()
        .chain(QUERY_PARTS.into_iter().filter(|part| query_value(query, part).is_none()))
        .map(|part| format!("AWS query-string parameters must include '{part}'. "))
        .collect();
    incomplete(&missing, "Re-examine the query-string parameters.")
}

fn incomplete(missing: &[String], last: &str) -> Result<(), Refusal> {
    if missing.is_empty() {
        return Ok(());
    }
    Err(refused("IncompleteSignatureException", format!("{}{last}", missing.concat())))
}

fn query_value<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

fn refused(code: &'static str, message: String) -> Refusal {
    Refusal::coral(code, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_must_be_there_and_whole() {
        let whole =
            "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
        for (uri, header, dated, expected) in [
            ("/", Some(whole), true, None),
            ("/", None, true, Some("MissingAuthenticationTokenException")),
            ("/", Some("Bearer a"), true, Some("MissingAuthenticationTokenException")),
            ("/", Some(whole), false, Some("IncompleteSignatureException")),
            ("/", Some("AWS4-HMAC-SHA256 Credential=a"), true, Some("IncompleteSignatureException")),
            ("/?X-Amz-Algorithm=a", Some(whole), true, Some("InvalidSignatureException")),
            ("/?X-Amz-Algorithm=a", None, true, Some("IncompleteSignatureException")),
            (
                "/?X-Amz-Algorithm=a&X-Amz-Credential=b&X-Amz-Signature=c&X-Amz-SignedHeaders=d&X-Amz-Date=e",
                None,
                false,
                None,
            ),
        ] {
            let mut request = http::Request::post(uri);
            if let Some(header) = header {
                request = request.header(AUTHORIZATION, header);
            }
            if dated {
                request = request.header("x-amz-date", "20260101T000000Z");
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            let code = check(&parts).err().map(|refusal| refusal.code.into_owned());
            assert_eq!(code.as_deref(), expected, "{uri} {header:?} {dated}");
        }
    }
}
