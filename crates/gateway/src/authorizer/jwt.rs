//! A JWT authorizer without a function (beyond AWS): the stage names who signs tokens, and claims become the authorizer's
//! context.
//!
//! What a token says of itself is never trusted to choose the check: algorithms are pinned by configuration, every key
//! verifies only the algorithms of its own type, shared secrets never come from key sets, and `jku`, `x5u` and `jwk` headers
//! are not looked at.

mod bearer;
mod claims;
mod key_cache;
mod keys;
mod source;

use super::entries::Entries;
use super::{Verdict, answers};
use crate::api::definition::JwtDefinition;
use crate::api::problem::Checker;
use crate::exchange::ClientRequest;
use bearer::Place;
use claims::Expected;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, Validation};
use key_cache::KeyCache;
use sluicegate_endpoint::Response;
use source::Source;
use std::sync::Arc;
use std::time::Instant;

/// Longer tokens are refused unread; request heads end at 16 KB anyway.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// Longer key ids are refused unread.
const MAX_KEY_ID_BYTES: usize = 256;

pub(super) struct JwtAuthorizer {
    places: Vec<Place>,
    algorithms: Vec<Algorithm>,
    verifier: Verifier,
    expected: Expected,
}

/// What tokens are verified with.
enum Verifier {
    Secret(DecodingKey),
    KeySet(KeyCache),
}

/// Why a token is not accepted: for the log, never for the client.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Invalid {
    #[error("there is no token")]
    Missing,
    #[error("it is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    #[error("it is malformed or not signed rightly")]
    Malformed,
    #[error("its algorithm is not one of those configured")]
    Algorithm,
    #[error("it has critical header parameters")]
    Critical,
    #[error("no key fits it")]
    UnknownKey,
    #[error("its claim `{0}` is missing or not acceptable")]
    Claim(&'static str),
}

impl JwtAuthorizer {
    pub(super) fn compile(written: &JwtDefinition, checker: &mut Checker) -> Option<Self> {
        let algorithms = algorithms(written, checker);
        let verifier = verifier(written, &algorithms, checker);
        let places = Place::compile(&written.identity_source, checker);
        let expected = Expected::compile(written, checker);
        Some(Self { places, algorithms, verifier: verifier?, expected })
    }

    pub(super) async fn authorize(&self, request: &ClientRequest, now_ms: u64) -> Result<Verdict, Response> {
        let started = Instant::now();
        match self.verify(request, now_ms).await {
            Ok((mut context, subprotocol)) => {
                context.integration_latency = started.elapsed().as_millis() as u64;
                Ok(Verdict { context: Some(context), subprotocol, ..Verdict::default() })
            }
            Err(reason) => {
                tracing::debug!(%reason, "a token was refused");
                Err(answers::unauthorized())
            }
        }
    }

    async fn verify(
        &self,
        request: &ClientRequest,
        now_ms: u64,
    ) -> Result<(crate::peer::AuthorizerContext, Option<&'static str>), Invalid> {
        let (token, place) = self.places.iter().find_map(|place| place.token(request)).ok_or(Invalid::Missing)?;
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Invalid::TooLong);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| Invalid::Malformed)?;
        if !self.algorithms.contains(&header.alg) {
            return Err(Invalid::Algorithm);
        }
        if header.crit.is_some() {
            return Err(Invalid::Critical);
        }
        if header.kid.as_ref().is_some_and(|kid| kid.len() > MAX_KEY_ID_BYTES) {
            return Err(Invalid::UnknownKey);
        }
        let claims = match &self.verifier {
            Verifier::Secret(secret) => decode(token, secret, header.alg)?,
            Verifier::KeySet(cache) => {
                let key = cache.key(header.kid.as_deref(), header.alg, now_ms).await.ok_or(Invalid::UnknownKey)?;
                decode(token, &key, header.alg)?
            }
        };
        Ok((self.expected.check(claims, now_ms)?, place))
    }
}

/// Checks the signature; the claims are checked by our own clock afterwards.
fn decode(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Result<Entries, Invalid> {
    if key.family() != algorithm.family() {
        return Err(Invalid::UnknownKey);
    }
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
    let decoded = jsonwebtoken::decode::<Entries>(token, key, &validation);
    decoded.map(|token| token.claims).map_err(|_| Invalid::Malformed)
}

fn algorithms(written: &JwtDefinition, checker: &mut Checker) -> Vec<Algorithm> {
    if written.algorithms.is_empty() {
        checker.problem("no algorithms are named", "name those your tokens use, such as [\"RS256\"]");
    }
    let parsed = written.algorithms.iter().filter_map(|name| {
        let parsed = name.parse().ok();
        if parsed.is_none() {
            checker.problem(
                format!("algorithm `{name}`"),
                "use HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA",
            );
        }
        parsed
    });
    parsed.collect()
}

fn verifier(written: &JwtDefinition, algorithms: &[Algorithm], checker: &mut Checker) -> Option<Verifier> {
    let shared = algorithms.iter().filter(|algorithm| algorithm.family() == AlgorithmFamily::Hmac).count();
    let source = match (&written.secret_env, &written.jwks_file, &written.jwks_url) {
        (Some(name), None, None) => {
            if shared < algorithms.len() {
                checker.problem("secretEnv with an algorithm of public keys", "use HS256, HS384 or HS512");
            }
            return secret(name, algorithms, checker);
        }
        (None, Some(path), None) => Source::file(path),
        (None, None, Some(url)) => match Source::url(url) {
            Ok(source) => source,
            Err(problem) => {
                checker.problem(format!("jwksUrl `{url}`: {problem}"), "use an https address");
                return None;
            }
        },
        _ => {
            checker.problem("it is open what tokens are verified with", "give one of secretEnv, jwksFile and jwksUrl");
            return None;
        }
    };
    if shared > 0 {
        checker.problem("a key set with an algorithm of shared secrets", "remove HS256, HS384 and HS512");
    }
    match KeyCache::new(source) {
        Ok(cache) => Some(Verifier::KeySet(cache)),
        Err(problem) => {
            checker.problem(problem, "check the file");
            None
        }
    }
}

fn secret(name: &str, algorithms: &[Algorithm], checker: &mut Checker) -> Option<Verifier> {
    let Some(secret) = std::env::var(name).ok().filter(|secret| !secret.is_empty()) else {
        checker.problem(format!("the environment variable {name} is not set"), "set it to the shared secret");
        return None;
    };
    let needed = algorithms.iter().map(|algorithm| digest_bytes(*algorithm)).max().unwrap_or_default();
    if secret.len() < needed {
        checker.problem(
            format!("the secret in {name} is shorter than its algorithm's digest"),
            format!("use at least {needed} random bytes"),
        );
    }
    Some(Verifier::Secret(DecodingKey::from_secret(secret.as_bytes())))
}

/// What RFC 7518, 3.2 demands of a secret.
fn digest_bytes(algorithm: Algorithm) -> usize {
    match algorithm {
        Algorithm::HS384 => 48,
        Algorithm::HS512 => 64,
        _ => 32,
    }
}

type SharedKey = Arc<DecodingKey>;

#[cfg(test)]
mod tests;
