//! `[[credentials]]` of `sluicegate.toml`: access keys, the users they belong to, and what those may do.
//!
//! Secrets and policies are read when the configuration is, so that mistakes stop the start.

use super::problem::suggestion;
use super::{AccountId, Problem};
use sluicegate_endpoint::{Credential, Policy, Secret};
use std::collections::HashMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(super) const KEY: &str = "credentials";
const KEYS: [&str; 5] = ["access_key_id", "secret_env", "secret_file", "user", "policies"];
/// What AWS takes for an access key id, at most.
const MAX_KEY_ID_CHARS: usize = 128;

/// One table as it is written, with its place.
#[derive(Clone, Debug)]
pub(super) struct Written {
    place: String,
    access_key_id: String,
    secret: SecretSource,
    user: String,
    /// Documents, or files that hold them.
    policies: Vec<String>,
}

#[derive(Clone, Debug)]
enum SecretSource {
    Variable(String),
    File(String),
}

/// Reads the tables; `place` tells where an offset is.
pub(super) fn read(
    value: &Spanned<DeValue<'_>>,
    place: impl Fn(usize) -> String,
    problems: &mut Vec<Problem>,
) -> Vec<Written> {
    let DeValue::Array(tables) = value.get_ref() else {
        problems.push(Problem::new(place(value.span().start), "credentials: write each as a table [[credentials]]"));
        return Vec::new();
    };
    let read = tables.iter().filter_map(|table| {
        let place = place(table.span().start);
        match table.get_ref() {
            DeValue::Table(table) => {
                one(table, &place).map_err(|message| problems.push(Problem::new(place, message))).ok()
            }
            _ => {
                problems.push(Problem::new(place, "credentials: write each as a table [[credentials]]"));
                None
            }
        }
    });
    read.collect()
}

fn one(table: &DeTable<'_>, place: &str) -> Result<Written, String> {
    if let Some(key) = table.keys().map(Spanned::get_ref).find(|key| !KEYS.contains(&&***key)) {
        return Err(format!("credentials: unknown key \"{key}\"{}", suggestion(key, KEYS.into_iter())));
    }
    let text = |key: &str| match table.get(key).map(Spanned::get_ref) {
        None => Ok(None),
        Some(DeValue::String(text)) if !text.is_empty() => Ok(Some(text.to_string())),
        Some(_) => Err(format!("credentials: {key} is not a text")),
    };
    let required = |key: &str| text(key)?.ok_or_else(|| format!("credentials: {key} is missing"));
    let secret = match (text("secret_env")?, text("secret_file")?) {
        (Some(name), None) => SecretSource::Variable(name),
        (None, Some(path)) => SecretSource::File(path),
        _ => return Err("credentials: give the secret in one of secret_env and secret_file".into()),
    };
    let policies = match table.get("policies").map(Spanned::get_ref) {
        None => Some(Vec::new()),
        Some(DeValue::Array(texts)) => texts.iter().map(|one| one.get_ref().as_str().map(str::to_owned)).collect(),
        Some(_) => None,
    };
    let policies = policies.ok_or("credentials: policies is not a list of texts")?;
    let (access_key_id, user) = (required("access_key_id")?, required("user")?);
    let is_word = |text: &str| {
        text.len() <= MAX_KEY_ID_CHARS && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.@+=,".contains(c))
    };
    if !is_word(&access_key_id) || access_key_id.contains(',') {
        return Err("credentials: access_key_id must be up to 128 letters, digits, `_` and `-`".into());
    }
    if !is_word(&user) {
        return Err("credentials: user must be up to 128 letters, digits and _+=,.@-".into());
    }
    Ok(Written { place: place.to_owned(), access_key_id, secret, user, policies })
}

/// One table with its secret and its policies.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    access_key_id: String,
    secret: Secret,
    user: String,
    policies: Vec<Policy>,
}

impl Resolved {
    pub(super) fn in_account(&self, account: &AccountId) -> Credential {
        Credential {
            access_key_id: self.access_key_id.clone(),
            secret: self.secret.clone(),
            account_id: account.to_string(),
            user_name: self.user.clone(),
            policies: self.policies.clone(),
        }
    }
}

/// The variables that hold secrets, which nobody else should look at.
pub(super) fn secret_variables(written: &[Written]) -> impl Iterator<Item = &str> {
    written.iter().filter_map(|one| match &one.secret {
        SecretSource::Variable(name) => Some(name.as_str()),
        SecretSource::File(_) => None,
    })
}

/// Fetches secrets and policies.
pub(super) fn resolve(
    written: &[Written],
    environment: &HashMap<String, String>,
    problems: &mut Vec<Problem>,
) -> Vec<Resolved> {
    let mut resolved: Vec<Resolved> = Vec::new();
    for one in written {
        if resolved.iter().any(|other| other.access_key_id == one.access_key_id) {
            problems.push(Problem::new(&one.place, format!("access_key_id {} is given twice", one.access_key_id)));
            continue;
        }
        match (one.secret.fetch(environment), policies(&one.policies)) {
            (Ok(secret), Ok(policies)) => {
                let (access_key_id, user) = (one.access_key_id.clone(), one.user.clone());
                resolved.push(Resolved { access_key_id, secret, user, policies });
            }
            (secret, policies) => {
                let messages = secret.err().into_iter().chain(policies.err());
                problems.extend(messages.map(|message| Problem::new(&one.place, message)));
            }
        }
    }
    resolved
}

impl SecretSource {
    fn fetch(&self, environment: &HashMap<String, String>) -> Result<Secret, String> {
        let secret = match self {
            Self::Variable(name) => {
                environment.get(name).cloned().ok_or_else(|| format!("the environment variable {name} is not set"))?
            }
            Self::File(path) => {
                std::fs::read_to_string(path).map_err(|error| format!("cannot read the secret in {path}: {error}"))?
            }
        };
        match secret.trim_end_matches(['\r', '\n']) {
            "" => Err("the secret is empty".into()),
            secret => Ok(Secret::new(secret)),
        }
    }
}

fn policies(written: &[String]) -> Result<Vec<Policy>, String> {
    let each = written.iter().map(|text| {
        if text.trim_start().starts_with('{') {
            return Policy::parse(text).map_err(|error| error.to_string());
        }
        let document = std::fs::read_to_string(text)
            .map_err(|error| format!("cannot read the policy {text}: {error}; a policy written here begins with {{"))?;
        Policy::parse(&document).map_err(|error| format!("{text}: {error}"))
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Sources};

    const POLICY: &str = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

    /// What `sluicegate.toml` with these credentials leads to, with `SLUICEGATE_S` in the environment.
    fn load(text: &str) -> Result<Config, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("account = \"111122223333\"\n{text}")).unwrap();
        let config = [("config".to_owned(), file.path().to_str().unwrap().to_owned())].into();
        let used = text.contains("SLUICEGATE_S");
        let environment = used.then(|| ("SLUICEGATE_S".to_owned(), "hush".to_owned()));
        let sources = Sources::collect(config, environment).map_err(|problems| problems.to_string())?;
        assert!(!format!("{sources:?}").contains("hush"));
        assert!(sources.warnings.is_empty(), "{:?}", sources.warnings);
        Config::load(&sources).map_err(|problems| problems.to_string())
    }

    fn table(key: &str, secret: &str, policy: &str) -> String {
        format!("[[credentials]]\naccess_key_id = \"{key}\"\nuser = \"ann\"\n{secret}\npolicies = ['{policy}']\n")
    }

    #[test]
    fn access_keys_come_with_their_secrets_and_policies() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
            folder.path().join(name).to_str().unwrap().to_owned()
        };
        let (secret, policy) = (file("secret", "hush\n"), file("policy.json", POLICY));
        let (empty, broken) = (file("empty", "\n"), file("broken.json", "{}"));
        let in_file = |path: &str| format!("secret_file = '{path}'");
        let in_variable = |name: &str| format!("secret_env = '{name}'");

        let both = table("A", &in_variable("SLUICEGATE_S"), POLICY) + &table("B", &in_file(&secret), &policy);
        let config = load(&both).unwrap_or_else(|problems| panic!("{problems}"));
        let shown = format!("{config:?}");
        assert!(config.credentials.are_configured());
        assert_eq!(shown.matches("111122223333").count(), 3, "{shown}");
        assert!(!shown.contains("hush"), "{shown}");
        assert!(load("").is_ok_and(|config| !config.credentials.are_configured()));

        let remote = |listener: &str| load(&format!("{listener} = \"0.0.0.0:90\"\n{both}"));
        assert!(remote("listen").is_ok(), "signatures are verified there");
        let refused = remote("admin").expect_err("the operators' port knows no signatures");
        assert!(refused.contains("it asks nobody who is calling"), "{refused}");

        for (text, expected) in [
            (table("A", &in_variable("MISSING"), POLICY), "the environment variable MISSING is not set"),
            (table("A", &in_file("/no/such/file"), POLICY), "cannot read the secret in /no/such/file"),
            (table("A", &in_file(&empty), POLICY), "the secret is empty"),
            (table("A", &in_file(&secret), "/no/such/policy"), "cannot read the policy /no/such/policy"),
            (table("A", &in_file(&secret), &broken), "broken.json: the policy document cannot be used"),
            (table("A", &in_file(&secret), "{}"), "the policy document cannot be used"),
            (both.replace("\"B\"", "\"A\""), "access_key_id A is given twice"),
        ] {
            let problems = load(&text).err().unwrap_or_default();
            assert!(problems.contains(expected), "{text}\ngave {problems}");
        }
    }
}
