//! From resources to a stack: one file for each kind of thing.

mod api;
mod code;
mod event_source;
mod function;
mod messaging;
mod route;
mod stage;
mod table;
mod usage;

pub(crate) use code::{Assets, plain};

use crate::assemble::Source;
use crate::evaluate::Scope;
use crate::files::Files;
use crate::kinds::{self, ResourceType};
use crate::nested;
use crate::problem::Place;
use crate::resource::Resource;
use crate::stack::{
    Api, ApiKey, EventSourceMapping, Function, Layer, Queue, Skipped, Stack, Subscription, Table, Topic, UsagePlan,
};
use crate::values::Values;

/// What resources come to.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) apis: Vec<Api>,
    pub(crate) functions: Vec<Function>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) tables: Vec<Table>,
    pub(crate) mappings: Vec<EventSourceMapping>,
    pub(crate) queues: Vec<Queue>,
    pub(crate) topics: Vec<Topic>,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) api_keys: Vec<ApiKey>,
    pub(crate) usage_plans: Vec<UsagePlan>,
    pub(crate) skipped: Vec<Skipped>,
}

/// What builders need beside the resource at hand.
pub(crate) struct Site<'s, 'f> {
    pub(crate) scope: &'s Scope<'f>,
    pub(crate) source: &'s Source<'s>,
    pub(crate) files: &'s dyn Files,
    resources: Vec<&'s Resource>,
}

impl<'s, 'f> Site<'s, 'f> {
    /// `resources`: those that are created under the conditions.
    pub(crate) fn new(
        scope: &'s Scope<'f>,
        source: &'s Source<'s>,
        files: &'s dyn Files,
        resources: Vec<&'s Resource>,
    ) -> Self {
        Self { scope, source, files, resources }
    }

    /// Whether something is in a stack that is loaded together with this one.
    fn is_elsewhere(&self, is_there: impl Fn(&Stack) -> bool) -> bool {
        self.source.others.iter().any(is_there)
    }

    pub(crate) fn build(&self) -> Parts {
        let mut parts = Parts::default();
        // They are loaded already; this is about their properties.
        self.of_kinds(&[nested::KIND]);
        let apis = api::Apis::build(self, &mut parts.skipped);
        parts.tables =
            self.each(&["AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"], |one, values| self.table(one, values));
        parts.queues = self.each(&["AWS::SQS::Queue"], |one, values| self.queue(one, values));
        self.topics(&mut parts);
        parts.layers = self.each(&["AWS::Lambda::LayerVersion"], |one, values| self.layer(one, values));
        parts.functions = self.functions(&parts.layers);
        parts.mappings =
            self.each(&["AWS::Lambda::EventSourceMapping"], |one, values| self.mapping(one, values, &parts));
        parts.apis = apis.finish(self, &parts.functions);
        self.usage(&mut parts);
        self.skip(&mut parts.skipped);
        parts
    }

    /// What comes of each resource of some types.
    fn each<T>(&self, kinds: &[&str], mut build: impl FnMut(&'s Resource, &Values<'f>) -> Option<T>) -> Vec<T> {
        let of_kind = self.of_kinds(kinds);
        of_kind.into_iter().filter_map(|(resource, values)| build(resource, &values)).collect()
    }

    fn of_kinds(&self, kinds: &[&str]) -> Vec<(&'s Resource, Values<'f>)> {
        let wanted = self.resources.iter().filter(|one| kinds.contains(&one.kind.as_str()));
        wanted.filter_map(|one| Some((*one, self.values(one, kinds::resource_type(&one.kind)?)))).collect()
    }

    fn values(&self, resource: &Resource, kind: &ResourceType) -> Values<'f> {
        Values::of(resource, kind, self.scope)
    }

    fn place(&self, resource: &Resource) -> Place {
        Place {
            file: self.source.file.display().to_string(),
            line: resource.at.line,
            column: resource.at.column,
            path: resource.path.clone(),
        }
    }

    /// Takes note of a resource that is not made. What nobody wrote, nobody misses: SAM's own roles and rules.
    fn leave_out(&self, resource: &Resource, skipped: &mut Vec<Skipped>) {
        if resource.path.ends_with(&resource.logical_id) {
            let (logical_id, kind) = (resource.logical_id.clone(), resource.kind.clone());
            skipped.push(Skipped { logical_id, kind, place: self.place(resource) });
        }
    }

    /// What is left: types that do not concern us, and those that nobody has.
    fn skip(&self, skipped: &mut Vec<Skipped>) {
        for resource in self.resources.iter().filter(|one| kinds::resource_type(&one.kind).is_none()) {
            if let Some(meant) = kinds::misspelt(&resource.kind) {
                let message = format!("there is no resource type `{}`", resource.kind);
                self.scope.problem(resource.kind_at, message, format!("did you mean `{meant}`?"));
            } else {
                self.leave_out(resource, skipped);
            }
        }
        skipped.sort_by(|one, other| one.place.cmp(&other.place));
    }
}

/// A function as it is named: `name`, `name:qualifier`, a function ARN, or the URI that API Gateway calls it by.
pub(crate) fn function_of(text: &str) -> (&str, Option<&str>) {
    let inner = match text.split_once("/functions/") {
        Some((_, rest)) => rest.strip_suffix("/invocations").unwrap_or(rest),
        None => text,
    };
    let named = inner.split_once("function:").map_or(inner, |(_, name)| name);
    match named.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier).filter(|one| !one.is_empty())),
        None => (named, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_in_every_spelling() {
        for (text, expected) in [
            ("chat", ("chat", None)),
            ("chat:live", ("chat", Some("live"))),
            ("arn:aws:lambda:us-east-1:000000000000:function:chat", ("chat", None)),
            ("arn:aws:lambda:us-east-1:000000000000:function:chat:1", ("chat", Some("1"))),
            ("000000000000:function:chat", ("chat", None)),
            (
                "arn:aws:apigateway:r:lambda:path/2015-03-31/functions/arn:aws:lambda:r:0:function:chat:live/invocations",
                ("chat", Some("live")),
            ),
        ] {
            assert_eq!(function_of(text), expected, "{text}");
        }
    }
}
