//! Whether a token is meant for us and valid now, and what of it events shall carry.

use super::Invalid;
use crate::api::definition::JwtDefinition;
use crate::api::problem::Checker;
use crate::authorizer::RESERVED;
use crate::authorizer::entries::{Entries, Flat, flatten};
use crate::peer::AuthorizerContext;
use serde::Deserialize;

const DEFAULT_LEEWAY_SECONDS: u64 = 60;
const MAX_LEEWAY_SECONDS: u64 = 300;

pub(super) struct Expected {
    issuer: Option<String>,
    audience: Vec<String>,
    leeway_seconds: f64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Expected {
    pub(super) fn compile(written: &JwtDefinition, checker: &mut Checker) -> Self {
        let leeway = written.leeway_seconds.unwrap_or(DEFAULT_LEEWAY_SECONDS);
        if leeway > MAX_LEEWAY_SECONDS {
            checker.problem(format!("leewaySeconds {leeway}"), format!("use at most {MAX_LEEWAY_SECONDS}"));
        }
        Self { issuer: written.issuer.clone(), audience: written.audience.clone(), leeway_seconds: leeway as f64 }
    }

    /// Checks the claims; the latency of the context is left open.
    pub(super) fn check(&self, claims: Entries, now_ms: u64) -> Result<AuthorizerContext, Invalid> {
        let now = now_ms as f64 / 1000.0;
        let expires = time(&claims, "exp")?.ok_or(Invalid::Claim("exp"))?;
        if now >= expires + self.leeway_seconds {
            return Err(Invalid::Claim("exp"));
        }
        if time(&claims, "nbf")?.is_some_and(|from| now < from - self.leeway_seconds) {
            return Err(Invalid::Claim("nbf"));
        }
        if self.issuer.is_some() && claims.text("iss") != self.issuer {
            return Err(Invalid::Claim("iss"));
        }
        self.check_audience(&claims)?;
        // A token that names nobody lets nobody in.
        let principal_id = claims.text("sub").filter(|sub| !sub.is_empty()).ok_or(Invalid::Claim("sub"))?;
        Ok(AuthorizerContext { values: values(claims), principal_id, integration_latency: 0 })
    }

    /// A token made for somebody else is refused even if we did not say who we are (RFC 7519, 4.1.3).
    fn check_audience(&self, claims: &Entries) -> Result<(), Invalid> {
        let Some(given) = claims.get("aud") else {
            return if self.audience.is_empty() { Ok(()) } else { Err(Invalid::Claim("aud")) };
        };
        let given = match serde_json::from_str(given.get()) {
            Ok(Audience::One(one)) => vec![one],
            Ok(Audience::Many(many)) => many,
            Err(_) => return Err(Invalid::Claim("aud")),
        };
        if given.iter().any(|one| self.audience.contains(one)) { Ok(()) } else { Err(Invalid::Claim("aud")) }
    }
}

/// Seconds since the epoch; a fraction is allowed.
fn time(claims: &Entries, name: &'static str) -> Result<Option<f64>, Invalid> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    serde_json::from_str(value.get()).map(Some).map_err(|_| Invalid::Claim(name))
}

fn values(claims: Entries) -> Vec<(String, String)> {
    let kept = claims.0.into_iter().filter(|(name, _)| !RESERVED.contains(&name.as_str()));
    kept.filter_map(|(name, value)| match flatten(&value) {
        Flat::Text(text) | Flat::Nested(text) => Some((name, text)),
        Flat::Null => None,
    })
    .collect()
}
