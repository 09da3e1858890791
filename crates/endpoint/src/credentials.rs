//! Who may sign requests: access keys with their secrets, the users they belong to, and what those may do.

use crate::policy::{Decision, Policy, decide, decide_everywhere};
use aws_sigv4::sign::v4::generate_signing_key;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use time::{Date, OffsetDateTime};

/// A secret that does not show itself in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// One access key and the user it stands for.
#[derive(Clone, Debug)]
pub struct Credential {
    pub access_key_id: String,
    pub secret: Secret,
    /// Twelve digits.
    pub account_id: String,
    pub user_name: String,
    /// Without any the user may do nothing.
    pub policies: Vec<Policy>,
}

/// The access keys that are known. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct Credentials(Arc<HashMap<String, Known>>);

/// A credential, and the keys that were derived from its secret.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) credential: Arc<Credential>,
    keys: SigningKeys,
}

/// The latest of them: a key is good for a day, a region and a service, of which there are few at any time.
#[derive(Default)]
struct SigningKeys(RwLock<Vec<SigningKey>>);

struct SigningKey {
    day: Date,
    region: String,
    service: String,
    key: [u8; 32],
}

/// Beyond it all are derived anew.
const MAX_SIGNING_KEYS: usize = 16;

/// Who signed a request.
#[derive(Clone, Debug)]
pub enum Caller {
    /// No keys are configured: whoever signs may do everything.
    Anyone {
        access_key_id: String,
    },
    Known(Arc<Credential>),
}

impl Secret {
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Credential {
    /// `arn:aws:iam::{account}:user/{name}`.
    pub fn user_arn(&self) -> String {
        format!("arn:aws:iam::{}:user/{}", self.account_id, self.user_name)
    }
}

impl Credentials {
    /// Of two with the same access key id the later counts; whoever reads configuration refuses that beforehand.
    pub fn new(credentials: impl IntoIterator<Item = Credential>) -> Self {
        let by_key = credentials.into_iter().map(|one| (one.access_key_id.clone(), Known::new(one)));
        Self(Arc::new(by_key.collect()))
    }

    /// These, and one more.
    pub fn with(&self, credential: Credential) -> Self {
        let mut by_key = HashMap::clone(&self.0);
        by_key.insert(credential.access_key_id.clone(), Known::new(credential));
        Self(Arc::new(by_key))
    }

    /// Whether signatures are verified.
    pub fn are_configured(&self) -> bool {
        !self.0.is_empty()
    }

    pub(crate) fn find(&self, access_key_id: &str) -> Option<&Known> {
        self.0.get(access_key_id)
    }
}

impl Known {
    fn new(credential: Credential) -> Self {
        Self { credential: Arc::new(credential), keys: SigningKeys::default() }
    }

    /// The key that signs on the day of `time`.
    pub(crate) fn signing_key(&self, region: &str, service: &str, time: OffsetDateTime) -> [u8; 32] {
        let day = time.date();
        let is_it = |key: &&SigningKey| key.day == day && key.region == region && key.service == service;
        if let Some(known) = self.keys.0.read().iter().find(is_it) {
            return known.key;
        }
        let derived = generate_signing_key(self.credential.secret.expose(), time.into(), region, service);
        let mut key = [0; 32];
        key.copy_from_slice(derived.as_ref());
        let mut keys = self.keys.0.write();
        if keys.len() >= MAX_SIGNING_KEYS {
            keys.clear();
        }
        keys.push(SigningKey { day, region: region.to_owned(), service: service.to_owned(), key });
        key
    }
}

impl Clone for SigningKeys {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKeys(…)")
    }
}

impl Caller {
    /// Whether the caller may do `action` to a resource, which may go by several names.
    pub fn may(&self, action: &str, resources: &[&str]) -> Decision {
        match self {
            Self::Anyone { .. } => Decision::Allowed,
            Self::Known(credential) => decide(&credential.policies, action, resources),
        }
    }

    /// Whether the caller may do `action` to resources that are not known by name.
    pub fn may_everywhere(&self, action: &str) -> Decision {
        match self {
            Self::Anyone { .. } => Decision::Allowed,
            Self::Known(credential) => decide_everywhere(&credential.policies, action),
        }
    }

    pub fn access_key_id(&self) -> &str {
        match self {
            Self::Anyone { access_key_id } => access_key_id,
            Self::Known(credential) => &credential.access_key_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show() {
        let credential = Credential {
            access_key_id: "AKID".into(),
            secret: Secret::new("hush"),
            account_id: "111122223333".into(),
            user_name: "ann".into(),
            policies: Vec::new(),
        };
        assert_eq!(credential.user_arn(), "arn:aws:iam::111122223333:user/ann");
        let credentials = Credentials::new([credential]);
        let shown = format!("{credentials:?}");
        assert!(shown.contains("AKID") && !shown.contains("hush"), "{shown}");
    }
}
