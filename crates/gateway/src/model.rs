//! Models: JSON Schema, draft 4, for the bodies of messages.
//!
//! A model may refer to others of its API by the address API Gateway gives them,
//! `https://apigateway.amazonaws.com/restapis/{apiId}/models/{name}`. Nothing is ever fetched.

use crate::api::definition::{ApiDefinition, RouteDefinition};
use crate::api::problem::Checker;
use crate::selection_expression::SelectionExpression;
use jsonschema::{Draft, PatternOptions, Retrieve, Uri, Validator};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The text of a schema: 32 KB on AWS.
const SCHEMA_BYTES: usize = 32 * 1024;
/// Schemas, and what they describe, within each other. Beyond it a model is refused: validation is recursive.
const SCHEMA_DEPTH: usize = 64;
/// What a pattern may do with a client's text before it counts as not matching.
const BACKTRACK_LIMIT: usize = 100_000;
/// Violations that are told, and the characters of each: they may hold what the client sent.
const VIOLATIONS: usize = 10;
const VIOLATION_CHARACTERS: usize = 200;
const MODELS_HOST: &str = "https://apigateway.amazonaws.com/";
const DEFAULT_KEY: &str = "$default";

/// Which model a message's body must satisfy.
pub(crate) struct BodyValidation {
    selection: SelectionExpression,
    models: Vec<(String, Model)>,
}

/// A model that was named; `None` when its schema cannot be used and the API says not to check that.
type Model = Option<Arc<Validator>>;

/// Checks every model of an API, used or not.
pub(crate) fn check_models(definition: &ApiDefinition, checker: &mut Checker) {
    if definition.disable_schema_validation {
        return;
    }
    for name in definition.models.keys() {
        checker.at(format!("model {name}"), |checker| {
            if let Err(problem) = validator(definition, name) {
                checker.problem(problem, "mend the schema (JSON Schema, draft 4), or set disableSchemaValidation");
            }
        });
    }
}

impl BodyValidation {
    /// `None` when the route has no model selection expression: nothing is validated then. Schemas themselves are the
    /// business of [`check_models`].
    pub(crate) fn compile(definition: &ApiDefinition, route: &RouteDefinition, checker: &mut Checker) -> Option<Self> {
        let selection = match SelectionExpression::parse(route.model_selection_expression.as_deref()?) {
            Ok(selection) => Some(selection),
            Err(error) => {
                checker
                    .problem(format!("modelSelectionExpression: {error}"), "use text, or `$request.body.` and a path");
                None
            }
        };
        let mut models = Vec::new();
        for (key, name) in &route.request_models {
            if !definition.models.contains_key(name) {
                let known: Vec<_> = definition.models.keys().map(String::as_str).collect();
                checker.at(format!("requestModels.{key}"), |checker| {
                    checker.problem(format!("there is no model `{name}`"), format!("use one of: {}", known.join(", ")));
                });
            }
            models.push((key.clone(), validator(definition, name).ok().map(Arc::new)));
        }
        Some(Self { selection: selection?, models })
    }

    /// Checks a message. The error says what is wrong, for `$context.error.validationErrorString`.
    pub(crate) fn check(&self, message: &str) -> Result<(), String> {
        let key = self.selection.evaluate(message).unwrap_or_default();
        let named = |key: &str| self.models.iter().find(|(known, _)| known == key);
        let Some((_, model)) = named(&key).or_else(|| named(DEFAULT_KEY)) else {
            return Err(format!("no model for the key `{}`", shortened(&key)));
        };
        let model = model.as_ref().ok_or("the model's schema cannot be used")?;
        let body = serde_json::from_str(message).map_err(|error| format!("the body is not JSON: {error}"))?;
        let violations: Vec<_> = model.iter_errors(&body).take(VIOLATIONS).map(|error| describe(&error)).collect();
        if violations.is_empty() { Ok(()) } else { Err(violations.join("; ")) }
    }
}

fn describe(error: &jsonschema::ValidationError<'_>) -> String {
    let place = error.instance_path().to_string();
    let text = shortened(&error.masked().to_string());
    if place.is_empty() { text } else { format!("{}: {text}", shortened(&place)) }
}

fn shortened(text: &str) -> String {
    text.chars().take(VIOLATION_CHARACTERS).collect()
}

/// Makes a model ready. The error says what is wrong with its schema, or with one it refers to.
fn validator(definition: &ApiDefinition, name: &str) -> Result<Validator, String> {
    let models = OwnModels::read(definition);
    let schema = models.0.get(name).ok_or_else(|| format!("there is no model `{name}`"))?.clone()?;
    jsonschema::options()
        .with_draft(Draft::Draft4)
        .with_pattern_options(PatternOptions::fancy_regex().backtrack_limit(BACKTRACK_LIMIT))
        .with_retriever(models)
        .build(&schema)
        .map_err(|error| shortened(&error.to_string()))
}

/// The models of an API by name, as far as they can be read: what references may lead to.
struct OwnModels(BTreeMap<String, Result<Value, String>>);

impl OwnModels {
    fn read(definition: &ApiDefinition) -> Self {
        Self(definition.models.iter().map(|(name, model)| (name.clone(), read_schema(&model.schema))).collect())
    }
}

impl Retrieve for OwnModels {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let path = uri.as_str().strip_prefix(MODELS_HOST);
        let name = path.and_then(|path| path.split_once("/models/")).map(|(_, name)| name);
        let name = name.ok_or("schemas may only refer to themselves and to models of their API")?;
        match self.0.get(name) {
            Some(schema) => Ok(schema.clone()?),
            None => Err(format!("there is no model `{name}`").into()),
        }
    }
}

fn read_schema(written: &Value) -> Result<Value, String> {
    let text = match written {
        Value::String(text) => text.clone(),
        object => object.to_string(),
    };
    if text.len() > SCHEMA_BYTES {
        return Err(format!("the schema has {} bytes; {SCHEMA_BYTES} are allowed", text.len()));
    }
    let mut schema: Value = serde_json::from_str(&text).map_err(|error| format!("the schema is not JSON: {error}"))?;
    if depth(&schema) > SCHEMA_DEPTH {
        return Err(format!("the schema is nested more than {SCHEMA_DEPTH} deep"));
    }
    // Draft 4 is the language, whatever a schema says of itself.
    schema.as_object_mut().ok_or("the schema is no JSON object")?.remove("$schema");
    Ok(schema)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn definition(models: Value) -> ApiDefinition {
        let models = models.as_object().unwrap().iter().map(|(name, schema)| (name.clone(), json!({"schema": schema})));
        serde_json::from_value(json!({"apiId": "a", "models": Value::Object(models.collect())})).unwrap()
    }

    fn validation(models: Value, expression: &str, request_models: Value) -> BodyValidation {
        let route = json!({"modelSelectionExpression": expression, "requestModels": request_models});
        let mut checker = Checker::default();
        let definition = definition(models);
        check_models(&definition, &mut checker);
        let compiled = BodyValidation::compile(&definition, &serde_json::from_value(route).unwrap(), &mut checker);
        checker.finish(compiled).unwrap().unwrap()
    }

    #[test]
    fn bodies_are_checked_by_the_model_that_the_message_selects() {
        let number = json!({"type": "object", "properties": {"n": {"type": "number", "minimum": 1,
            "exclusiveMinimum": true}}, "required": ["n"]});
        let text = json!(r#"{"$schema":"http://json-schema.org/draft-07/schema#","required":["s"]}"#);
        let models = json!({"Number": number, "Text": text});
        let both = json!({"number": "Number", "text": "Text"});
        for (expression, request_models, message, expected) in [
            ("$request.body.kind", &both, r#"{"kind":"number","n":2}"#, None),
            ("$request.body.kind", &both, r#"{"kind":"number","n":1}"#, Some("/n: ")),
            ("$request.body.kind", &both, r#"{"kind":"number"}"#, Some("\"n\" is a required property")),
            ("$request.body.kind", &both, r#"{"kind":"text","s":0}"#, None),
            ("$request.body.kind", &both, r#"{"kind":"text"}"#, Some("\"s\" is a required property")),
            ("$request.body.kind", &both, r#"{"kind":"other"}"#, Some("no model for the key `other`")),
            ("$request.body.kind", &both, "hello", Some("no model for the key ``")),
            ("$request.body.kind", &json!({"$default": "Text"}), r#"{"kind":"x","s":1}"#, None),
            ("text", &both, r#"{"s":1}"#, None),
            ("text", &both, "hello", Some("the body is not JSON")),
            ("text", &both, "", Some("the body is not JSON")),
            (r"\$default", &json!({"$default": "Text"}), "{}", Some("required")),
            ("text", &json!({}), r#"{"s":1}"#, Some("no model for the key `text`")),
        ] {
            let checked = validation(models.clone(), expression, request_models.clone()).check(message);
            let error = checked.err();
            assert_eq!(error.is_some(), expected.is_some(), "{message}: {error:?}");
            let error = error.unwrap_or_default();
            assert!(error.contains(expected.unwrap_or_default()), "{message}: {error}");
        }
    }

    #[test]
    fn models_may_refer_to_each_other_and_to_themselves() {
        let address = "https://apigateway.amazonaws.com/restapis/a/models/Room";
        let models = json!({
            "Join": {"properties": {"room": {"$ref": address}}, "required": ["room"]},
            "Room": {"type": "string", "pattern": "^(?!admin)[a-z]+$"},
            "Tree": {"properties": {"children": {"type": "array", "items": {"$ref": "#"}}}, "required": ["name"]},
        });
        let join = validation(models.clone(), "j", json!({"j": "Join"}));
        for (message, fits) in
            [(r#"{"room":"blue"}"#, true), (r#"{"room":"admins"}"#, false), (r#"{"room":7}"#, false), ("{}", false)]
        {
            assert_eq!(join.check(message).is_ok(), fits, "{message}");
        }
        let tree = validation(models, "t", json!({"t": "Tree"}));
        assert!(tree.check(r#"{"name":"a","children":[{"name":"b"}]}"#).is_ok());
        assert!(tree.check(r#"{"name":"a","children":[{}]}"#).is_err());
    }

    #[test]
    fn what_a_client_sent_is_not_repeated_in_the_error() {
        let validation = validation(json!({"M": {"enum": ["a"]}}), "m", json!({"m": "M"}));
        let error = validation.check(r#""secret""#).unwrap_err();
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn costly_patterns_and_deep_bodies_are_survived() {
        let models = json!({
            "Pattern": {"type": "string", "pattern": "^(a|aa)+(?=c)$"},
            "Tree": {"properties": {"c": {"$ref": "#"}}},
        });
        let long = format!("\"{}b\"", "a".repeat(50_000));
        assert!(validation(models.clone(), "p", json!({"p": "Pattern"})).check(&long).is_err());
        let deep = format!("{}1{}", r#"{"c":"#.repeat(120), "}".repeat(120));
        assert!(validation(models, "t", json!({"t": "Tree"})).check(&deep).is_ok());
    }

    #[test]
    fn schemas_that_lead_back_to_themselves_come_to_an_end() {
        let address = |name: &str| format!("https://apigateway.amazonaws.com/restapis/a/models/{name}");
        for models in [
            json!({"A": {"$ref": "#"}}),
            json!({"A": {"allOf": [{"$ref": "#"}]}}),
            json!({"A": {"not": {"$ref": "#"}}}),
            json!({"A": {"$ref": address("B")}, "B": {"$ref": address("A")}}),
            json!({"A": {"allOf": [{"$ref": address("B")}]}, "B": {"anyOf": [{"$ref": address("A")}]}}),
        ] {
            // What they accept is nobody's business; that they answer is.
            let _ = validation(models, "a", json!({"a": "A"})).check("1");
        }
    }

    #[test]
    fn schemas_that_cannot_be_used_are_located_problems() {
        for (schema, expected) in [
            (json!({"type": "nothing"}), "model M: "),
            (json!({"type": 5}), "model M: "),
            (json!("{"), "model M: the schema is not JSON"),
            (json!(7), "model M: the schema is no JSON object"),
            (json!({"description": "x".repeat(40_000)}), "bytes; 32768 are allowed"),
            (json!({"$ref": "https://example.org/schema.json"}), "only refer to themselves and to models of their API"),
            (json!({"$ref": "https://apigateway.amazonaws.com/restapis/a/models/No"}), "there is no model `No`"),
            (json!({"$ref": "#/definitions/no"}), "model M: "),
            (json!({"pattern": "("}), "model M: "),
            (json!({"required": []}), "model M: "),
        ] {
            let mut definition = definition(json!({"M": schema}));
            let mut checker = Checker::default();
            check_models(&definition, &mut checker);
            let problems = checker.finish(()).expect_err("a problem").to_string();
            assert!(problems.contains(expected), "{problems}");
            definition.disable_schema_validation = true;
            let mut checker = Checker::default();
            check_models(&definition, &mut checker);
            assert_eq!(checker.finish(()), Ok(()));
        }
    }

    #[test]
    fn references_of_routes_are_checked() {
        let definition = definition(json!({"M": {}}));
        for (route, expected) in [
            (
                json!({"modelSelectionExpression": "m", "requestModels": {"m": "N"}}),
                "requestModels.m: there is no model `N`; use one of: M",
            ),
            (json!({"modelSelectionExpression": "$request.header.x"}), "modelSelectionExpression: "),
        ] {
            let mut checker = Checker::default();
            BodyValidation::compile(&definition, &serde_json::from_value(route).unwrap(), &mut checker);
            let problems = checker.finish(()).expect_err("a problem").to_string();
            assert!(problems.contains(expected), "{problems}");
        }
    }
}
