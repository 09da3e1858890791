//! Who may sign requests: access keys with their secrets, the users they belong to, and what those may do.

use crate::policy::{Decision, Policy, decide, decide_everywhere};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

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
pub struct Credentials(Arc<HashMap<String, Arc<Credential>>>);

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
        let by_key = credentials.into_iter().map(|one| (one.access_key_id.clone(), Arc::new(one)));
        Self(Arc::new(by_key.collect()))
    }

    /// These, and one more.
    pub fn with(&self, credential: Credential) -> Self {
        let mut by_key = HashMap::clone(&self.0);
        by_key.insert(credential.access_key_id.clone(), Arc::new(credential));
        Self(Arc::new(by_key))
    }

    /// Whether signatures are verified.
    pub fn are_configured(&self) -> bool {
        !self.0.is_empty()
    }

    pub(crate) fn find(&self, access_key_id: &str) -> Option<&Arc<Credential>> {
        self.0.get(access_key_id)
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
