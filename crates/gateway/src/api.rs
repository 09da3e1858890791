//! What an API is: its stages, routes and integrations, checked before anything is served.

use crate::selection_expression::{ExpressionError, SelectionExpression};
use sluicegate_protocol::limits;
use std::sync::Arc;
use std::time::Duration;

/// A WebSocket API with everything a request needs to know about it.
#[derive(Clone, Debug)]
pub struct ApiDefinition {
    /// As in URLs: letters, digits and hyphens.
    pub id: Arc<str>,
    pub route_selection_expression: String,
    pub routes: Vec<RouteDefinition>,
    pub stages: Vec<StageDefinition>,
}

#[derive(Clone, Debug)]
pub struct RouteDefinition {
    /// `$connect`, `$disconnect`, `$default`, or a key of the application's own.
    pub key: String,
    pub integration: Integration,
    /// Whether what the integration returns is sent back to the client.
    pub route_response: bool,
}

#[derive(Clone, Debug)]
pub enum Integration {
    /// `AWS_PROXY`: a function that gets the event as it is.
    Function { name: Arc<str>, timeout: Duration },
}

impl Integration {
    /// A function with the timeout that AWS sets by default, 29 seconds.
    pub fn function(name: impl Into<Arc<str>>) -> Self {
        Self::Function { name: name.into(), timeout: Duration::from_millis(limits::INTEGRATION_TIMEOUT_MS) }
    }
}

#[derive(Clone, Debug)]
pub struct StageDefinition {
    pub name: Arc<str>,
    /// In the order of the definition.
    pub variables: Vec<(String, String)>,
}

/// An API definition that cannot be served, and where.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    #[error("API id `{0}`: use letters, digits and hyphens")]
    ApiId(Arc<str>),
    #[error("two APIs have the id `{0}`: give one of them another")]
    DuplicateApi(Arc<str>),
    #[error("API `{api}` has no stage: add one")]
    NoStage { api: Arc<str> },
    #[error("API `{api}`, stage `{stage}`: use up to 128 letters, digits, `_` and `-`")]
    StageName { api: Arc<str>, stage: Arc<str> },
    #[error("API `{api}`: two stages are named `{stage}`")]
    DuplicateStage { api: Arc<str>, stage: Arc<str> },
    #[error("API `{api}`: two routes have the key `{key}`")]
    DuplicateRoute { api: Arc<str>, key: String },
    #[error("API `{api}`, route `{key}`: keys of your own must not start with `$`")]
    RouteKey { api: Arc<str>, key: String },
    #[error("API `{api}`, route selection expression: {source}")]
    Expression { api: Arc<str>, source: ExpressionError },
}

/// An API as it is served.
pub(crate) struct Api {
    pub(crate) id: Arc<str>,
    pub(crate) route_selection: SelectionExpression,
    pub(crate) connect: Option<Route>,
    pub(crate) disconnect: Option<Route>,
    pub(crate) default: Option<Route>,
    pub(crate) routes: Vec<Route>,
    pub(crate) stages: Vec<StageDefinition>,
}

#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) key: String,
    pub(crate) integration: Integration,
    pub(crate) route_response: bool,
}

impl Api {
    pub(crate) fn new(definition: ApiDefinition) -> Result<Self, DefinitionError> {
        let api = definition.id.clone();
        let is_id = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if api.is_empty() || !api.chars().all(is_id) {
            return Err(DefinitionError::ApiId(api));
        }
        check_stages(&api, &definition.stages)?;
        let route_selection = SelectionExpression::parse(&definition.route_selection_expression)
            .map_err(|source| DefinitionError::Expression { api: api.clone(), source })?;
        let mut this = Self {
            id: api.clone(),
            route_selection,
            connect: None,
            disconnect: None,
            default: None,
            routes: Vec::new(),
            stages: definition.stages,
        };
        for RouteDefinition { key, integration, route_response } in definition.routes {
            let known = this.route(&key).is_some();
            let route = Route { key: key.clone(), integration, route_response };
            match key.as_str() {
                _ if known => return Err(DefinitionError::DuplicateRoute { api, key }),
                "$connect" => this.connect = Some(route),
                "$disconnect" => this.disconnect = Some(route),
                "$default" => this.default = Some(route),
                own if own.starts_with('$') || own.is_empty() => return Err(DefinitionError::RouteKey { api, key }),
                _ => this.routes.push(route),
            }
        }
        Ok(this)
    }

    /// The route for a message: the one its key names, else `$default`. Lifecycle routes are not chosen by messages.
    pub(crate) fn route_for(&self, message: &str) -> Option<&Route> {
        let key = self.route_selection.evaluate(message);
        self.routes.iter().find(|route| Some(route.key.as_str()) == key.as_deref()).or(self.default.as_ref())
    }

    fn route(&self, key: &str) -> Option<&Route> {
        [&self.connect, &self.disconnect, &self.default]
            .into_iter()
            .flatten()
            .chain(&self.routes)
            .find(|route| route.key == key)
    }
}

fn check_stages(api: &Arc<str>, stages: &[StageDefinition]) -> Result<(), DefinitionError> {
    if stages.is_empty() {
        return Err(DefinitionError::NoStage { api: api.clone() });
    }
    for (index, StageDefinition { name, .. }) in stages.iter().enumerate() {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || name.len() > 128 || !name.chars().all(is_name) {
            return Err(DefinitionError::StageName { api: api.clone(), stage: name.clone() });
        }
        if stages[..index].iter().any(|earlier| earlier.name == *name) {
            return Err(DefinitionError::DuplicateStage { api: api.clone(), stage: name.clone() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(routes: &[&str]) -> ApiDefinition {
        ApiDefinition {
            id: "chat".into(),
            route_selection_expression: "$request.body.action".to_owned(),
            routes: routes
                .iter()
                .map(|key| RouteDefinition {
                    key: (*key).to_owned(),
                    integration: Integration::function("f"),
                    route_response: false,
                })
                .collect(),
            stages: vec![StageDefinition { name: "prod".into(), variables: vec![] }],
        }
    }

    #[test]
    fn a_message_goes_to_its_route_or_to_default() {
        let api = Api::new(definition(&["$connect", "$disconnect", "$default", "echo", "1", "true"])).unwrap();
        for (message, expected) in [
            (r#"{"action":"echo"}"#, "echo"),
            (r#"{"action":"Echo"}"#, "$default"),
            (r#"{"action":"$connect"}"#, "$default"),
            (r#"{"action":"$disconnect"}"#, "$default"),
            (r#"{"action":"$default"}"#, "$default"),
            (r#"{"action":1}"#, "1"),
            (r#"{"action":true}"#, "true"),
            (r#"{"action":null}"#, "$default"),
            (r#" {"action":"a","action":"echo"} "#, "echo"),
            (r#"{"x":1}"#, "$default"),
            (r#"["echo"]"#, "$default"),
            ("echo", "$default"),
            ("", "$default"),
        ] {
            assert_eq!(api.route_for(message).unwrap().key, expected, "{message}");
        }
        let bare = Api::new(definition(&["echo"])).unwrap();
        assert!(bare.route_for("hello").is_none());
    }

    #[test]
    fn definitions_that_cannot_be_served_say_where() {
        let refused = |change: fn(&mut ApiDefinition)| {
            let mut definition = definition(&["$default", "echo"]);
            change(&mut definition);
            Api::new(definition).err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert!(refused(|api| api.id = "a/b".into()).contains("API id `a/b`"));
        assert!(refused(|api| api.stages.clear()).contains("`chat` has no stage"));
        assert!(refused(|api| api.stages[0].name = "a b".into()).contains("stage `a b`"));
        assert!(refused(|api| api.stages.push(api.stages[0].clone())).contains("two stages are named `prod`"));
        assert!(refused(|api| api.routes[1].key = "$default".into()).contains("two routes have the key `$default`"));
        assert!(refused(|api| api.routes[1].key = "$mine".into()).contains("route `$mine`"));
        assert!(refused(|api| api.route_selection_expression = "${request.body".into()).contains("expression"));
    }
}
