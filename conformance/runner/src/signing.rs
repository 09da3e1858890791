//! SigV4 as the SDKs do it for `execute-api`, written apart from the verifier it tests.

use crate::wire::http::Request;
use crate::wire::to_hex;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::FormatItem;
use time::macros::format_description;

/// What stays as it is in canonical requests.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const DATE: &[FormatItem<'_>] = format_description!("[year][month][day]");
const DATE_TIME: &[FormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");
const SERVICE: &str = "execute-api";
const PRESIGNED_SECONDS: &str = "300";

/// An access key and where it is used.
#[derive(Clone, Debug)]
pub struct Key {
    pub id: String,
    pub secret: String,
    pub region: String,
}

struct Moment {
    date: String,
    date_time: String,
}

/// Sent, but signed by neither SDK that cases imitate.
const UNSIGNED: [&str; 2] = ["content-length", "user-agent"];

/// Adds `X-Amz-Date` and `Authorization`; all headers of the case's own are signed.
pub fn sign_with_header(request: &mut Request, key: &Key, now_ms: u64) -> Result<(), String> {
    let moment = Moment::new(now_ms)?;
    request.headers.push(("X-Amz-Date".to_owned(), moment.date_time.clone()));
    let (path, query) = split(&request.target);
    let signed = signed_headers(request);
    let canonical = canonical_request(request, path, query, &signed, &to_hex(&Sha256::digest(&request.body)));
    let signature = signature(key, &moment, &canonical);
    let scope = scope(key, &moment);
    let value =
        format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}", key.id);
    request.headers.push(("Authorization".to_owned(), value));
    Ok(())
}

/// Adds the query parameters of a presigned URL.
pub fn presign(request: &mut Request, key: &Key, now_ms: u64) -> Result<(), String> {
    let moment = Moment::new(now_ms)?;
    let credential = format!("{}/{}", key.id, scope(key, &moment));
    let mut target = request.target.clone();
    for (name, value) in [
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", &credential),
        ("X-Amz-Date", &moment.date_time),
        ("X-Amz-Expires", PRESIGNED_SECONDS),
        ("X-Amz-SignedHeaders", "host"),
    ] {
        target.push(if target.contains('?') { '&' } else { '?' });
        target.push_str(&format!("{name}={}", encode(value)));
    }
    let (path, query) = split(&target);
    let canonical = canonical_request(request, path, query, "host", &to_hex(&Sha256::digest([])));
    request.target = format!("{target}&X-Amz-Signature={}", signature(key, &moment, &canonical));
    Ok(())
}

impl Moment {
    fn new(now_ms: u64) -> Result<Self, String> {
        let now = OffsetDateTime::from_unix_timestamp((now_ms / 1000) as i64).map_err(|error| error.to_string())?;
        let format = |items| now.format(items).map_err(|error| error.to_string());
        Ok(Self { date: format(DATE)?, date_time: format(DATE_TIME)? })
    }
}

/// The path is encoded once more, segment by segment, as every service but S3 wants it.
fn canonical_request(request: &Request, path: &str, query: &str, signed: &str, body_hash: &str) -> String {
    let path: Vec<_> = path.split('/').map(encode).collect();
    let mut parameters: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    parameters.sort_unstable();
    let headers: String = signed.split(';').map(|name| format!("{name}:{}\n", header(request, name))).collect();
    format!("{}\n{}\n{}\n{headers}\n{signed}\n{body_hash}", request.method, path.join("/"), parameters.join("&"))
}

fn signed_headers(request: &Request) -> String {
    let names = request.headers.iter().map(|(name, _)| name.to_lowercase());
    let mut names: Vec<_> = names.filter(|name| !UNSIGNED.contains(&name.as_str()) && !is_of_hop(name)).collect();
    names.sort_unstable();
    names.join(";")
}

/// What a handshake says to the next hop only.
fn is_of_hop(name: &str) -> bool {
    matches!(name, "connection" | "upgrade") || name.starts_with("sec-websocket-")
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    let found = request.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map_or("", |(_, value)| value.trim())
}

fn signature(key: &Key, moment: &Moment, canonical: &str) -> String {
    let hash = to_hex(&Sha256::digest(canonical));
    let text = format!("AWS4-HMAC-SHA256\n{}\n{}\n{hash}", moment.date_time, scope(key, moment));
    let secret = format!("AWS4{}", key.secret).into_bytes();
    let parts = [moment.date.as_str(), &key.region, SERVICE, "aws4_request"];
    let signing_key = parts.iter().fold(secret, |secret, part| hmac(&secret, part));
    to_hex(&hmac(&signing_key, &text))
}

fn scope(key: &Key, moment: &Moment) -> String {
    format!("{}/{}/{SERVICE}/aws4_request", moment.date, key.region)
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

fn split(target: &str) -> (&str, &str) {
    target.split_once('?').unwrap_or((target, ""))
}
