//! A JSON Web Key Set, reduced to keys that can verify signatures.

use super::SharedKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

/// More keys than any issuer has.
const MAX_KEYS: usize = 100;
/// A 2048-bit modulus in Base64: shorter RSA keys are not safe.
const MIN_MODULUS_CHARS: usize = 342;

#[derive(Default)]
pub(super) struct Keys(Vec<Key>);

struct Key {
    id: Option<String>,
    /// What it may verify, by its type and its own `alg`.
    algorithms: Vec<Algorithm>,
    key: SharedKey,
}

#[derive(Deserialize)]
struct WrittenSet {
    keys: Vec<Value>,
}

impl Keys {
    /// Keys of other types and for other uses are passed over.
    ///
    /// # Errors
    /// What is wrong with the set as a whole.
    pub(super) fn parse(json: &[u8]) -> Result<Self, String> {
        let set: WrittenSet =
            serde_json::from_slice(json).map_err(|error| format!("it is no JSON Web Key Set: {error}"))?;
        if set.keys.len() > MAX_KEYS {
            return Err(format!("the key set has more than {MAX_KEYS} keys"));
        }
        let keys: Vec<Key> = set.keys.into_iter().filter_map(Key::read).collect();
        if keys.is_empty() { Err("the key set has no key that verifies signatures".to_owned()) } else { Ok(Self(keys)) }
    }

    /// The one key that fits. Where several do, which of them is meant is a guess, and none is taken.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<SharedKey> {
        let fits = |key: &&Key| key.algorithms.contains(&algorithm) && (id.is_none() || key.id.as_deref() == id);
        let mut fitting = self.0.iter().filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Some(key.key.clone()),
            _ => None,
        }
    }
}

impl Key {
    fn read(written: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(written).ok()?;
        if jwk.common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature) {
            return None;
        }
        let mut algorithms = match &jwk.algorithm {
            AlgorithmParameters::RSA(rsa) if rsa.n.len() >= MIN_MODULUS_CHARS => vec![
                Algorithm::RS256,
                Algorithm::RS384,
                Algorithm::RS512,
                Algorithm::PS256,
                Algorithm::PS384,
                Algorithm::PS512,
            ],
            AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => vec![Algorithm::ES256],
            AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P384 => vec![Algorithm::ES384],
            AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => vec![Algorithm::EdDSA],
            // Shared secrets among them: whoever publishes one has none.
            _ => return None,
        };
        if let Some(only) = jwk.common.key_algorithm {
            let only = Algorithm::try_from(only).ok()?;
            algorithms.retain(|algorithm| *algorithm == only);
        }
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        Some(Self { id: jwk.common.key_id, algorithms, key: Arc::new(key) })
    }
}
