//! IAM policy documents: may an action be done to a resource?
//!
//! Explicit denial wins over permission, and what nobody permits is denied. What cannot be evaluated here (`Condition`,
//! policy variables) never widens access: an `Allow` with it does not apply, a `Deny` with it does.

mod pattern;

use pattern::{Pattern, Variables};
use serde::Deserialize;
use serde_json::Value;

/// AWS's limit for one `Resource` element of an authorizer's policy.
const MAX_RESOURCE_CHARS: usize = 512;

/// A policy document, read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy(Vec<Statement>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Allowed,
    /// No statement permits it.
    ImplicitlyDenied,
    ExplicitlyDenied,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the policy document cannot be used: {0}")]
pub struct PolicyError(String);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Statement {
    effect: Effect,
    actions: Scope,
    resources: Scope,
    /// There is a `Condition`, which is not evaluated.
    conditional: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Effect {
    Allow,
    Deny,
}

/// What a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Scope {
    Only(Vec<Pattern>),
    AllBut(Vec<Pattern>),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct WrittenPolicy {
    #[serde(rename = "Version")]
    _version: Option<Value>,
    #[serde(rename = "Id")]
    _id: Option<Value>,
    statement: OneOrMany<WrittenStatement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct WrittenStatement {
    #[serde(rename = "Sid")]
    _sid: Option<Value>,
    effect: Effect,
    action: Option<OneOrMany<String>>,
    not_action: Option<OneOrMany<String>>,
    resource: Option<OneOrMany<String>>,
    not_resource: Option<OneOrMany<String>>,
    condition: Option<Value>,
    /// Who the policy is about; here always the caller.
    #[serde(rename = "Principal")]
    _principal: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    Many(Vec<T>),
    One(T),
}

impl<T> From<OneOrMany<T>> for Vec<T> {
    fn from(given: OneOrMany<T>) -> Self {
        match given {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        }
    }
}

impl Policy {
    /// Reads a policy document.
    pub fn parse(json: &str) -> Result<Self, PolicyError> {
        let written: WrittenPolicy = serde_json::from_str(json).map_err(|error| PolicyError(error.to_string()))?;
        let statements: Vec<WrittenStatement> = written.statement.into();
        statements.into_iter().map(Statement::read).collect::<Result<_, _>>().map(Self)
    }
}

/// What policies together say of an action on a resource that may go by several names.
pub fn decide<'a>(policies: impl IntoIterator<Item = &'a Policy>, action: &str, resources: &[&str]) -> Decision {
    let mut decision = Decision::ImplicitlyDenied;
    for statement in policies.into_iter().flat_map(|policy| &policy.0) {
        if statement.applies(action, resources) {
            match statement.effect {
                Effect::Deny => return Decision::ExplicitlyDenied,
                Effect::Allow => decision = Decision::Allowed,
            }
        }
    }
    decision
}

/// What policies say of an action on resources that are not known by name: permission must cover them all, and any denial
/// of the action counts.
pub fn decide_everywhere<'a>(policies: impl IntoIterator<Item = &'a Policy>, action: &str) -> Decision {
    let mut decision = Decision::ImplicitlyDenied;
    for statement in policies.into_iter().flat_map(|policy| &policy.0).filter(|one| one.is_about_action(action)) {
        match (statement.effect, &statement.resources) {
            (Effect::Deny, _) => return Decision::ExplicitlyDenied,
            (Effect::Allow, Scope::Only(resources))
                if !statement.conditional && resources.iter().any(Pattern::is_anything) =>
            {
                decision = Decision::Allowed;
            }
            (Effect::Allow, _) => {}
        }
    }
    decision
}

impl Statement {
    fn read(written: WrittenStatement) -> Result<Self, PolicyError> {
        let conditional = match &written.condition {
            None | Some(Value::Null) => false,
            Some(Value::Object(conditions)) => !conditions.is_empty(),
            Some(_) => return Err(PolicyError("Condition is not an object".to_owned())),
        };
        Ok(Self {
            effect: written.effect,
            actions: Scope::read("Action", written.action, written.not_action)?,
            resources: Scope::read("Resource", written.resource, written.not_resource)?,
            conditional,
        })
    }

    fn applies(&self, action: &str, resources: &[&str]) -> bool {
        if self.effect == Effect::Allow && self.conditional {
            return false;
        }
        self.is_about_action(action) && self.is_about_resource(resources)
    }

    fn is_about_action(&self, action: &str) -> bool {
        match &self.actions {
            Scope::Only(patterns) => patterns.iter().any(|pattern| pattern.matches_ignoring_case(action)),
            Scope::AllBut(patterns) => !patterns.iter().any(|pattern| pattern.matches_ignoring_case(action)),
        }
    }

    /// Where a resource has several names or a variable is not known, permission is read narrowly and denial widely.
    fn is_about_resource(&self, names: &[&str]) -> bool {
        let any = |patterns: &[Pattern], name: &str, unknown| patterns.iter().any(|one| one.matches(name, unknown));
        match (&self.resources, self.effect) {
            (Scope::Only(only), Effect::Allow) => names.iter().any(|name| any(only, name, Variables::MatchNothing)),
            (Scope::Only(only), Effect::Deny) => names.iter().any(|name| any(only, name, Variables::MatchAnything)),
            (Scope::AllBut(all_but), Effect::Allow) => {
                names.iter().all(|name| !any(all_but, name, Variables::MatchAnything))
            }
            (Scope::AllBut(all_but), Effect::Deny) => {
                names.iter().any(|name| !any(all_but, name, Variables::MatchNothing))
            }
        }
    }
}

impl Scope {
    fn read(
        name: &str,
        only: Option<OneOrMany<String>>,
        all_but: Option<OneOrMany<String>>,
    ) -> Result<Self, PolicyError> {
        let patterns = |written: OneOrMany<String>| -> Result<Vec<Pattern>, PolicyError> {
            let written: Vec<String> = written.into();
            if written.is_empty() {
                return Err(PolicyError(format!("{name} is empty")));
            }
            if written.iter().any(|text| text.chars().count() > MAX_RESOURCE_CHARS) {
                return Err(PolicyError(format!("{name} is longer than {MAX_RESOURCE_CHARS} characters")));
            }
            Ok(written.iter().map(|text| Pattern::parse(text)).collect())
        };
        match (only, all_but) {
            (Some(only), None) => patterns(only).map(Self::Only),
            (None, Some(all_but)) => patterns(all_but).map(Self::AllBut),
            (None, None) => Err(PolicyError(format!("a statement has neither {name} nor Not{name}"))),
            (Some(_), Some(_)) => Err(PolicyError(format!("a statement has {name} and Not{name}"))),
        }
    }
}

#[cfg(test)]
mod tests;
