//! The API that cases are about, unless they change it.
//!
//! `$connect`, `$disconnect` and `$default` have a function each that returns `{"statusCode":200}`; the route `echo` answers
//! with the event its function got. Another endpoint that shall be tested must serve the same.

use crate::case::{ApiChange, Behaviour};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The stage that cases use.
pub const STAGE: &str = "prod";

/// An API whose lists are still tables, so that changes can name their members.
#[derive(Clone, Debug)]
pub struct ApiDraft(Value);

impl ApiDraft {
    pub fn usual(id: &str) -> Self {
        let integration = |function: &str| json!({"integrationType": "AWS_PROXY", "integrationUri": function});
        let route = |integration: &str| json!({"target": format!("integrations/{integration}")});
        let mut echo = route("echo");
        echo["routeResponseSelectionExpression"] = json!("$default");
        echo["routeResponses"] = json!([{"routeResponseKey": "$default"}]);
        Self(json!({
            "apiId": id,
            "name": "conformance",
            "routeSelectionExpression": "$request.body.action",
            "integrations": {
                "connect": integration("connect"), "disconnect": integration("disconnect"),
                "default": integration("default"), "echo": integration("echo"),
            },
            "routes": {
                "$connect": route("connect"), "$disconnect": route("disconnect"),
                "$default": route("default"), "echo": echo,
            },
            "stages": {STAGE: {}},
        }))
    }

    /// Merges a change.
    pub fn change(&mut self, change: &ApiChange) {
        merge_members(&mut self.0, &change.api);
        for (part, members) in [
            ("routes", &change.routes),
            ("integrations", &change.integrations),
            ("authorizers", &change.authorizers),
            ("models", &change.models),
            ("stages", &change.stages),
        ] {
            if !members.is_empty() {
                merge_members(&mut self.0[part], members);
            }
        }
    }

    /// The definition as the control plane has it.
    pub fn definition(&self) -> Value {
        let mut definition = self.0.clone();
        for (part, name) in [("routes", "routeKey"), ("stages", "stageName")] {
            let members = definition[part].as_object().cloned().unwrap_or_default();
            definition[part] = members
                .into_iter()
                .map(|(key, mut member)| {
                    member[name] = json!(key);
                    member
                })
                .collect();
        }
        definition
    }
}

/// The usual API, for who wants to serve it elsewhere.
pub fn usual_definition() -> Value {
    ApiDraft::usual("conformance").definition()
}

/// What functions do, unless a case says otherwise.
pub fn usual_behaviour(function: &str) -> Behaviour {
    match function {
        "echo" => Behaviour::AnswersWithItsEvent(true),
        _ => Behaviour::Returns(r#"{"statusCode":200}"#.to_owned()),
    }
}

fn merge_members(into: &mut Value, members: &BTreeMap<String, Value>) {
    for (name, value) in members {
        merge(into, name, value);
    }
}

/// As a JSON merge patch, with `false` in the place of the null that TOML does not have.
fn merge(into: &mut Value, name: &str, value: &Value) {
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    let Some(target) = into.as_object_mut() else { return };
    match value {
        Value::Bool(false) => drop(target.remove(name)),
        Value::Object(members) => {
            let inner = target.entry(name).or_insert_with(|| json!({}));
            for (name, value) in members {
                merge(inner, name, value);
            }
        }
        other => drop(target.insert(name.to_owned(), other.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_add_replace_and_take_away() {
        let change: ApiChange = toml::from_str(
            r#"
            api = { routeSelectionExpression = "x" }
            routes = { "$default" = false, echo = { routeResponses = false }, new = { target = "integrations/echo" } }
            stages = { dev = {} }
            "#,
        )
        .unwrap();
        let mut draft = ApiDraft::usual("a");
        draft.change(&change);
        let definition = draft.definition();
        assert_eq!(definition["routeSelectionExpression"], "x");
        let routes: Vec<_> = definition["routes"].as_array().unwrap().iter().map(|route| &route["routeKey"]).collect();
        assert_eq!(routes, ["$connect", "$disconnect", "echo", "new"]);
        assert!(definition["routes"][2].get("routeResponses").is_none());
        assert_eq!(definition["stages"], json!([{"stageName": "dev"}, {"stageName": "prod"}]));
    }
}
