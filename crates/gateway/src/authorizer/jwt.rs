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
use super::{Refusal, Verdict};
use crate::api::definition::JwtDefinition;
use crate::api::problem::Checker;
use crate::exchange::ClientRequest;
use crate::peer::AuthorizerContext;
use bearer::Place;
use claims::Expected;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, Validation};
use key_cache::KeyCache;
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

    /// The token of a request, valid or not.
    pub(super) fn token<'a>(&self, request: &'a ClientRequest) -> Option<&'a str> {
        self.places.iter().find_map(|place| place.token(request)).map(|(token, _)| token)
    }

    pub(super) async fn authorize(&self, request: &ClientRequest, now_ms: u64) -> Result<Verdict, Refusal> {
        let started = Instant::now();
        match self.verify(request, now_ms).await {
            Ok((mut context, subprotocol)) => {
                context.integration_latency = started.elapsed().as_millis() as u64;
                Ok(Verdict { context: Some(context), subprotocol, ..Verdict::default() })
            }
            Err(reason) => {
                tracing::debug!(%reason, "a token was refused");
                Err(Refusal::Unauthorized)
            }
        }
    }

    async fn verify(
        &self,
        request: &ClientRequest,
        now_ms: u64,
    ) -> Result<(AuthorizerContext, Option<&'static str>), Invalid> {
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
    let source = match (secret(written), &written.jwks_file, &written.jwks_url) {
        (Some(secret), None, None) => {
            if shared < algorithms.len() {
                checker.problem("a shared secret with an algorithm of public keys", "use HS256, HS384 or HS512");
            }
            return check_secret(secret, algorithms, checker);
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
            checker.problem(
                "it is open what tokens are verified with",
                "give one of secretEnv, secretFile, jwksFile and jwksUrl",
            );
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

/// The shared secret, or why it cannot be had.
fn secret(written: &JwtDefinition) -> Option<Result<Vec<u8>, String>> {
    let secret = match (&written.secret_env, &written.secret_file) {
        (None, None) => return None,
        (Some(_), Some(_)) => Err("secretEnv and secretFile are both given".to_owned()),
        (Some(name), None) => std::env::var(name)
            .map(String::into_bytes)
            .map_err(|_| format!("the environment variable {name} is not set, or is not text")),
        (None, Some(path)) => std::fs::read(path)
            .map(|secret| secret.strip_suffix(b"\n").map(<[u8]>::to_vec).unwrap_or(secret))
            .map_err(|error| format!("cannot read {path}: {error}")),
    };
    Some(secret)
}

fn check_secret(secret: Result<Vec<u8>, String>, algorithms: &[Algorithm], checker: &mut Checker) -> Option<Verifier> {
    let secret = match secret {
        Ok(secret) => secret,
        Err(problem) => {
            checker.problem(problem, "give the shared secret in one of the two");
            return None;
        }
    };
    let needed = algorithms.iter().map(|algorithm| digest_bytes(*algorithm)).max().unwrap_or_default();
    if secret.len() < needed {
        checker.problem(
            "the shared secret is shorter than its algorithm's digest",
            format!("use at least {needed} random bytes"),
        );
    }
    Some(Verifier::Secret(DecodingKey::from_secret(&secret)))
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
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_mistake_of_the_configuration_is_reported() {
        let empty = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(empty.path(), r#"{"keys":[{"kty":"oct","kid":"a","k":"c2VjcmV0"}]}"#).unwrap();
        let empty = empty.path().to_str().unwrap();
        let url = "https://issuer.example.org/keys";
        for (written, expected) in [
            (json!({"jwksUrl": url, "algorithms": ["RS256", "ES256"]}), None),
            (json!({"jwksUrl": "http://127.0.0.1:1/keys", "algorithms": ["RS256"]}), None),
            (json!({"jwksUrl": "http://issuer.example.org/", "algorithms": ["RS256"]}), Some("in the clear")),
            (json!({"jwksUrl": "file:///etc/keys", "algorithms": ["RS256"]}), Some("jwksUrl `file:///etc/keys`")),
            (json!({"jwksUrl": url}), Some("no algorithms are named")),
            (json!({"jwksUrl": url, "algorithms": ["none"]}), Some("algorithm `none`")),
            (json!({"jwksUrl": url, "algorithms": ["RS256", "HS256"]}), Some("algorithm of shared secrets")),
            (json!({"algorithms": ["RS256"]}), Some("what tokens are verified with")),
            (json!({"jwksUrl": url, "secretEnv": "PATH", "algorithms": ["RS256"]}), Some("verified with")),
            (
                json!({"secretEnv": "SLUICEGATE_NO_SUCH", "algorithms": ["HS256"]}),
                Some("SLUICEGATE_NO_SUCH is not set"),
            ),
            (json!({"secretEnv": "CARGO_PKG_NAME", "algorithms": ["HS256"]}), Some("shorter than its algorithm")),
            (json!({"secretEnv": "CARGO_PKG_NAME", "secretFile": empty, "algorithms": ["HS256"]}), Some("both given")),
            (json!({"secretFile": "/no/such/file", "algorithms": ["HS256"]}), Some("cannot read /no/such/file")),
            (json!({"secretFile": empty, "algorithms": ["HS256"]}), None),
            (json!({"secretFile": empty, "algorithms": ["HS512"]}), Some("shorter than its algorithm")),
            (json!({"secretFile": empty, "algorithms": ["HS256", "RS256"]}), Some("public keys")),
            (json!({"jwksFile": "/no/such/file", "algorithms": ["RS256"]}), Some("cannot read /no/such/file")),
            (json!({"jwksFile": empty, "algorithms": ["RS256"]}), Some("no key that verifies")),
            (json!({"jwksUrl": url, "algorithms": ["RS256"], "leewaySeconds": 301}), Some("leewaySeconds 301")),
            (json!({"jwksUrl": url, "algorithms": ["RS256"], "identitySource": ["body"]}), Some("source `body`")),
        ] {
            let mut checker = Checker::default();
            JwtAuthorizer::compile(&serde_json::from_value(written.clone()).unwrap(), &mut checker);
            let problems = checker.finish(()).map_or_else(|problems| problems.to_string(), |()| String::new());
            match expected {
                Some(expected) => assert!(problems.contains(expected), "{written}: {problems}"),
                None => assert_eq!(problems, "", "{written}"),
            }
        }
    }
}
