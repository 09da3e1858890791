//! Whether a signature is right: the request is signed again, with the secret we know, and the two signatures are compared in
//! constant time. AWS's own signer does it, but for requests that leave nothing to be decided.

use super::claim::{self, Claim, Place, Unreadable};
use super::plain;
use crate::credentials::{Caller, Credential, Credentials};
use aws_credential_types::Credentials as SigningCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4::{SigningParams, calculate_signature};
use http::request::Parts;
use std::time::{Duration, SystemTime};
use subtle::ConstantTimeEq;
use time::OffsetDateTime;
use time::format_description::FormatItem;
use time::macros::format_description;

/// How far a signature's time may be from ours, in either direction.
const MAX_SKEW: time::Duration = time::Duration::minutes(15);
const AMZ_TIME: &[FormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");

/// What a signature must be made for.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    pub region: &'a str,
    /// The name that signatures use, such as `execute-api`.
    pub service: &'a str,
}

/// Why a request counts as unsigned. The message is for the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    Missing,
    Incomplete(String),
    /// There is no such access key.
    UnknownKey,
    /// The signature is wrong, too old, or made for something else.
    Invalid(String),
}

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS \
                        Secret Access Key and signing method. Consult the service documentation for details.";

/// Finds out who signed a request. Without configured credentials any complete claim will do.
pub fn verify(
    credentials: &Credentials,
    scope: Scope<'_>,
    parts: &Parts,
    body: &[u8],
    now_ms: u64,
) -> Result<Caller, Refusal> {
    let claim = match claim::read(parts) {
        Ok(claim) => claim,
        Err(unreadable) if credentials.are_configured() => return Err(unreadable.into()),
        Err(_) => return presence(parts),
    };
    if !credentials.are_configured() {
        return Ok(Caller::Anyone { access_key_id: claim.access_key_id });
    }
    check_scope(&claim, scope)?;
    check_time(&claim, now_ms)?;
    check_covered(&claim, parts)?;
    let known = credentials.find(&claim.access_key_id).ok_or(Refusal::UnknownKey)?;
    let expected = match plain::string_to_sign(&claim, parts, body) {
        Some(text) => calculate_signature(known.signing_key(&claim.region, &claim.service, claim.time), &text),
        None => signature_with(&known.credential, &claim, parts, body).ok_or_else(mismatch)?,
    };
    if bool::from(expected.as_bytes().ct_eq(claim.signature.as_bytes())) {
        Ok(Caller::Known(known.credential.clone()))
    } else {
        Err(mismatch())
    }
}

/// The older, weaker question: is there anything that looks like a signature?
fn presence(parts: &Parts) -> Result<Caller, Refusal> {
    match super::signature(parts) {
        super::Signature::Present => Ok(Caller::Anyone { access_key_id: String::new() }),
        super::Signature::Incomplete => Err(Refusal::Incomplete(
            "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.".to_owned(),
        )),
        super::Signature::Missing => Err(Refusal::Missing),
    }
}

fn check_scope(claim: &Claim, scope: Scope<'_>) -> Result<(), Refusal> {
    if claim.region != scope.region {
        return Err(Refusal::Invalid(format!(
            "Credential should be scoped to a valid region, not '{}'.",
            claim.region
        )));
    }
    if claim.service != scope.service {
        return Err(Refusal::Invalid(format!("Credential should be scoped to correct service: '{}'.", scope.service)));
    }
    Ok(())
}

fn check_time(claim: &Claim, now_ms: u64) -> Result<(), Refusal> {
    let now = OffsetDateTime::from_unix_timestamp((now_ms / 1000) as i64).map_err(|_| mismatch())?;
    let text = |time: OffsetDateTime| time.format(AMZ_TIME).unwrap_or_default();
    if claim.time - now > MAX_SKEW {
        return Err(Refusal::Invalid(format!(
            "Signature not yet current: {} is still later than {} ({} + 15 min.)",
            text(claim.time),
            text(now + MAX_SKEW),
            text(now)
        )));
    }
    let valid_for = match claim.place {
        Place::Header => MAX_SKEW,
        Place::Query { expires, .. } => time::Duration::seconds(expires as i64),
    };
    if now - claim.time > valid_for {
        return Err(Refusal::Invalid(match claim.place {
            Place::Header => format!(
                "Signature expired: {} is now earlier than {} ({} - 15 min.)",
                text(claim.time),
                text(now - MAX_SKEW),
                text(now)
            ),
            Place::Query { .. } => format!("Signature expired: {} is past its X-Amz-Expires", text(claim.time)),
        }));
    }
    Ok(())
}

/// What stands in `x-amz-…` headers steers the services, so all of it must be covered by the signature.
fn check_covered(claim: &Claim, parts: &Parts) -> Result<(), Refusal> {
    let steers = |name: &str| name.starts_with("x-amz-") && name != "x-amz-user-agent";
    let loose = parts
        .headers
        .keys()
        .map(|name| name.as_str())
        .find(|name| steers(name) && !claim.signed_headers.iter().any(|signed| signed == name));
    match loose {
        None => Ok(()),
        Some(name) => {
            Err(Refusal::Invalid(format!("There were headers present in the request which were not signed: {name}")))
        }
    }
}

/// What the signature should be. `None` for a request that no signer could have signed.
pub(super) fn signature_with(credential: &Credential, claim: &Claim, parts: &Parts, body: &[u8]) -> Option<String> {
    let identity =
        SigningCredentials::new(&credential.access_key_id, credential.secret.expose(), None, None, "").into();
    let mut settings = SigningSettings::default();
    // Only the headers that were signed are given to the signer, so none needs to be left out.
    settings.excluded_headers = None;
    let path = parts.uri.path();
    let uri = match &claim.place {
        Place::Header => match parts.uri.query() {
            Some(query) => format!("http://localhost{path}?{query}"),
            None => format!("http://localhost{path}"),
        },
        Place::Query { expires, rest } => {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(Duration::from_secs(*expires));
            if rest.is_empty() { format!("http://localhost{path}") } else { format!("http://localhost{path}?{rest}") }
        }
    };
    let params = SigningParams::builder()
        .identity(&identity)
        .region(&claim.region)
        .name(&claim.service)
        .time(SystemTime::from(claim.time))
        .settings(settings)
        .build()
        .ok()?
        .into();
    let headers = signed_headers(claim, parts)?;
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let request = SignableRequest::new(parts.method.as_str(), uri, headers, SignableBody::Bytes(body)).ok()?;
    Some(sign(request, &params).ok()?.into_parts().1)
}

/// `None` if one of them is not there: an absent header cannot have been signed.
fn signed_headers(claim: &Claim, parts: &Parts) -> Option<Vec<(String, String)>> {
    let values = |name: &str| -> Option<String> {
        let values: Result<Vec<&str>, _> = parts.headers.get_all(name).iter().map(|value| value.to_str()).collect();
        values.ok().filter(|values| !values.is_empty()).map(|values| values.join(","))
    };
    claim.signed_headers.iter().map(|name| Some((name.clone(), values(name)?))).collect()
}

fn mismatch() -> Refusal {
    Refusal::Invalid(MISMATCH.to_owned())
}

impl Refusal {
    /// The exception's name, which the services share.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationTokenException",
            Self::Incomplete(_) => "IncompleteSignatureException",
            Self::UnknownKey => "UnrecognizedClientException",
            Self::Invalid(_) => "InvalidSignatureException",
        }
    }
}

impl From<Unreadable> for Refusal {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Missing => Self::Missing,
            Unreadable::Incomplete(message) => Self::Incomplete(message),
        }
    }
}
