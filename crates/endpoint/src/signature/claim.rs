//! What a request says of its own signature, read and bounded, not yet believed.

use http::header::AUTHORIZATION;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use time::format_description::FormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
const AMZ_TIME: &[FormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");
/// AWS's limit for presigned URLs: a week.
const MAX_EXPIRES_SECONDS: u64 = 604_800;
/// The parameters of a presigned URL that the signer adds by itself.
const SIGNER_PARAMETERS: [&str; 6] =
    ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"];

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) access_key_id: String,
    pub(super) region: String,
    pub(super) service: String,
    pub(super) time: OffsetDateTime,
    /// In lower case.
    pub(super) signed_headers: Vec<String>,
    pub(super) signature: String,
    pub(super) place: Place,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    Header,
    /// The URL is valid for `expires` seconds; `rest` is the query without what the signer adds.
    Query {
        expires: u64,
        rest: String,
    },
}

/// Why a claim cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    Missing,
    /// The message for the caller.
    Incomplete(String),
}

/// Reads the claim of a header, or of a presigned URL.
pub(super) fn read(parts: &Parts) -> Result<Claim, Unreadable> {
    let query = parts.uri.query().unwrap_or_default();
    let presigned = query.split('&').any(|pair| pair.starts_with("X-Amz-Algorithm="));
    let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
    match (headers.next(), headers.next(), presigned) {
        (None, _, false) => Err(Unreadable::Missing),
        (None, _, true) => of_query(query),
        (Some(header), None, false) => of_header(header.to_str().unwrap_or_default(), parts),
        (Some(_), _, _) => Err(incomplete("Found more than one signature.")),
    }
}

fn of_header(header: &str, parts: &Parts) -> Result<Claim, Unreadable> {
    let Some(parameters) = header.strip_prefix(ALGORITHM).filter(|rest| rest.starts_with(' ')) else {
        return Err(incomplete(format!("Authorization header requires the algorithm '{ALGORITHM}'.")));
    };
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for parameter in parameters.split(',') {
        let Some((name, value)) = parameter.trim().split_once('=') else { continue };
        let place = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => continue,
        };
        if place.replace(value).is_some() {
            return Err(incomplete(format!("Authorization header has more than one '{name}' parameter.")));
        }
    }
    let required = |value: Option<&str>, name: &str| {
        value.map(str::to_owned).ok_or_else(|| incomplete(format!("Authorization header requires '{name}' parameter.")))
    };
    let date = parts.headers.get("x-amz-date").and_then(|date| date.to_str().ok());
    let date = date.ok_or_else(|| incomplete("Authorization header requires existence of a 'X-Amz-Date' header."))?;
    assemble(
        &required(credential, "Credential")?,
        date,
        &required(signed_headers, "SignedHeaders")?,
        required(signature, "Signature")?,
        Place::Header,
    )
}

fn of_query(query: &str) -> Result<Claim, Unreadable> {
    let value = |name: &str| -> Result<String, Unreadable> {
        let mut values = query.split('&').filter_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(percent_decode_str(value).decode_utf8_lossy().into_owned()),
            _ => Err(incomplete(format!("AWS query-string parameters must include '{name}' once."))),
        }
    };
    if value("X-Amz-Algorithm")? != ALGORITHM {
        return Err(incomplete(format!("X-Amz-Algorithm must be '{ALGORITHM}'.")));
    }
    let expires = value("X-Amz-Expires")?.parse().ok().filter(|seconds| (1..=MAX_EXPIRES_SECONDS).contains(seconds));
    let expires = expires.ok_or_else(|| incomplete("X-Amz-Expires must be from 1 to 604800 seconds."))?;
    let is_signers = |pair: &&str| {
        let name = pair.split_once('=').map_or(*pair, |(name, _)| name);
        SIGNER_PARAMETERS.contains(&name)
    };
    let rest: Vec<&str> = query.split('&').filter(|pair| !is_signers(pair)).collect();
    assemble(
        &value("X-Amz-Credential")?,
        &value("X-Amz-Date")?,
        &value("X-Amz-SignedHeaders")?,
        value("X-Amz-Signature")?,
        Place::Query { expires, rest: rest.join("&") },
    )
}

fn assemble(
    credential: &str,
    date: &str,
    signed_headers: &str,
    signature: String,
    place: Place,
) -> Result<Claim, Unreadable> {
    let [access_key_id, day, region, service, TERMINATOR] = *credential.split('/').collect::<Vec<_>>() else {
        return Err(incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{credential}'."
        )));
    };
    let time = PrimitiveDateTime::parse(date, AMZ_TIME)
        .map_err(|_| incomplete(format!("Date must be in ISO-8601 'basic format'. Got '{date}'.")))?;
    // A year may be written with a sign elsewhere; here it has four digits.
    if !date.starts_with(day) || day.len() != 8 || !day.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(incomplete(format!("Date in Credential scope does not match that of '{date}'.")));
    }
    let signed_headers: Vec<String> = signed_headers.split(';').map(str::to_owned).collect();
    if !signed_headers.iter().any(|name| name == "host") {
        return Err(incomplete("'Host' must be a 'SignedHeader' in the AWS Authorization."));
    }
    Ok(Claim {
        access_key_id: access_key_id.to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
        time: time.assume_utc(),
        signed_headers,
        signature,
        place,
    })
}

fn incomplete(message: impl Into<String>) -> Unreadable {
    Unreadable::Incomplete(message.into())
}
