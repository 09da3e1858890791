//! WebSocket APIs: gathered from a dozen resource types that name each other.

use super::{Site, function_of};
use crate::document::{At, Kind};
use crate::kinds;
use crate::problem::{Place, use_one_of};
use crate::resource::Resource;
use crate::stack::{
    Api, ApiDefinition, AuthorizerDefinition, Function, IntegrationDefinition, IntegrationResponseDefinition,
    ModelDefinition, Places, Skipped,
};
use crate::values::Values;
use std::collections::{BTreeSet, HashMap};

const AUTHORIZERS: &[(&str, ())] = &[("REQUEST", ())];
const PROTOCOLS: &[(&str, bool)] = &[("WEBSOCKET", true), ("HTTP", false)];
const API: &str = "AWS::ApiGatewayV2::Api";

/// APIs as they come together.
pub(super) struct Apis {
    pub(super) found: Vec<Api>,
    /// Ids of HTTP APIs: their parts do not concern us.
    http: BTreeSet<String>,
    /// Where a route stands in its API, by its id.
    pub(super) routes: HashMap<String, (usize, usize)>,
    /// Functions that are called by URI, and where that is written.
    called: Vec<(String, At)>,
}

/// Whose part something is.
pub(super) enum Owner {
    /// By its place in [`Apis::found`].
    Ours(usize),
    /// An HTTP API, or one that could not be found, which was reported.
    Nobody,
}

impl Apis {
    pub(super) fn build(site: &Site<'_, '_>, skipped: &mut Vec<Skipped>) -> Self {
        let mut apis = Self { found: Vec::new(), http: BTreeSet::new(), routes: HashMap::new(), called: Vec::new() };
        for (resource, values) in site.of_kinds(&[API]) {
            apis.api(site, resource, &values, skipped);
        }
        // Parts before what refers to them.
        for (kind, add) in [
            ("AWS::ApiGatewayV2::Integration", Self::integration as Part),
            ("AWS::ApiGatewayV2::IntegrationResponse", Self::integration_response),
            ("AWS::ApiGatewayV2::Authorizer", Self::authorizer),
            ("AWS::ApiGatewayV2::Model", Self::model),
            ("AWS::ApiGatewayV2::Route", Self::route),
            ("AWS::ApiGatewayV2::RouteResponse", Self::route_response),
            ("AWS::ApiGatewayV2::Stage", Self::stage),
            ("AWS::ApiGatewayV2::Deployment", Self::deployment),
            ("AWS::ApiGatewayV2::ApiMapping", Self::mapping),
        ] {
            for resource in site.resources.iter().filter(|one| one.kind == kind) {
                apis.part(site, resource, add, skipped);
            }
        }
        apis
    }

    fn api(&mut self, site: &Site<'_, '_>, resource: &Resource, values: &Values<'_>, skipped: &mut Vec<Skipped>) {
        let api_id = site.scope.ref_of(resource);
        values.missing("ProtocolType");
        if values.word("ProtocolType", PROTOCOLS) == Some(false) {
            self.http.insert(api_id);
            return site.leave_out(resource, skipped);
        }
        let definition = ApiDefinition {
            api_id,
            name: values.text("Name").unwrap_or_else(|| resource.logical_id.clone()),
            description: values.text("Description"),
            route_selection_expression: values.required_text("RouteSelectionExpression"),
            api_key_selection_expression: values.text("ApiKeySelectionExpression"),
            disable_schema_validation: values.flag("DisableSchemaValidation").unwrap_or(false),
            disable_execute_api_endpoint: values.flag("DisableExecuteApiEndpoint").unwrap_or(false),
            ..ApiDefinition::default()
        };
        self.found.push(Api {
            logical_id: resource.logical_id.clone(),
            place: site.place(resource),
            definition,
            places: Places::default(),
        });
    }

    /// Adds a part to the API that it names, if that is one of ours.
    fn part(&mut self, site: &Site<'_, '_>, resource: &Resource, add: Part, skipped: &mut Vec<Skipped>) {
        let Some(kind) = kinds::resource_type(&resource.kind) else { return };
        // What belongs to an HTTP API is not looked at: its properties are others.
        let named = resource.property("ApiId").and_then(|written| site.scope.evaluate(written));
        if named.and_then(|value| value.to_text()).is_some_and(|id| self.http.contains(&id)) {
            return site.leave_out(resource, skipped);
        }
        let values = site.values(resource, kind);
        if let Owner::Ours(api) = self.owner(&values) {
            add(self, api, site, resource, &values);
            self.found[api].places.0.extend(places(site, resource, &values));
        }
    }

    fn owner(&self, values: &Values<'_>) -> Owner {
        let id = values.required_text("ApiId");
        match self.found.iter().position(|api| api.definition.api_id == id) {
            Some(index) => Owner::Ours(index),
            None => {
                if !id.is_empty() {
                    let known = self.found.iter().map(|api| api.logical_id.as_str());
                    let remedy = use_one_of(&id, known, "use Ref with an AWS::ApiGatewayV2::Api of this template");
                    values.problem(values.at_of("ApiId"), format!("there is no API `{id}` in this template"), remedy);
                }
                Owner::Nobody
            }
        }
    }

    pub(super) fn definition(&mut self, api: usize) -> &mut ApiDefinition {
        &mut self.found[api].definition
    }

    fn integration(&mut self, api: usize, site: &Site<'_, '_>, resource: &Resource, values: &Values<'_>) {
        let uri = values.text("IntegrationUri");
        if let Some(uri) = &uri {
            self.called.push((uri.clone(), values.at_of("IntegrationUri")));
        }
        let integration = IntegrationDefinition {
            integration_type: values.required_text("IntegrationType"),
            // CDK writes an empty one for MOCK.
            integration_uri: uri.filter(|uri| !uri.is_empty()),
            integration_method: values.text("IntegrationMethod"),
            connection_type: values.text("ConnectionType"),
            connection_id: values.text("ConnectionId"),
            content_handling_strategy: values.text("ContentHandlingStrategy"),
            credentials_arn: values.text("CredentialsArn"),
            passthrough_behavior: values.text("PassthroughBehavior"),
            request_parameters: values.text_map("RequestParameters"),
            request_templates: values.text_map("RequestTemplates"),
            template_selection_expression: values.text("TemplateSelectionExpression"),
            timeout_in_millis: values.count("TimeoutInMillis", 50..=29_000).map(u64::from),
            payload_format_version: values.text("PayloadFormatVersion"),
            description: values.text("Description"),
            integration_responses: Vec::new(),
        };
        self.definition(api).integrations.insert(site.scope.ref_of(resource), integration);
    }

    fn integration_response(&mut self, api: usize, _: &Site<'_, '_>, _: &Resource, values: &Values<'_>) {
        let id = values.required_text("IntegrationId");
        let response = IntegrationResponseDefinition {
            integration_response_key: values.required_text("IntegrationResponseKey"),
            response_templates: values.text_map("ResponseTemplates"),
            template_selection_expression: values.text("TemplateSelectionExpression"),
            content_handling_strategy: values.text("ContentHandlingStrategy"),
            response_parameters: values.text_map("ResponseParameters"),
        };
        match self.definition(api).integrations.get_mut(&id) {
            Some(integration) => integration.integration_responses.push(response),
            None if id.is_empty() => {}
            None => {
                let remedy = "use Ref with an integration of the same API";
                values.problem(values.at_of("IntegrationId"), format!("the API has no integration `{id}`"), remedy);
            }
        }
    }

    fn authorizer(&mut self, api: usize, site: &Site<'_, '_>, resource: &Resource, values: &Values<'_>) {
        values.missing("AuthorizerType");
        let _ = values.word("AuthorizerType", AUTHORIZERS);
        let uri = values.required_text("AuthorizerUri");
        self.called.push((uri.clone(), values.at_of("AuthorizerUri")));
        let authorizer = AuthorizerDefinition {
            name: values.text("Name").unwrap_or_else(|| resource.logical_id.clone()),
            authorizer_type: values.text("AuthorizerType").unwrap_or_default(),
            authorizer_uri: Some(uri).filter(|uri| !uri.is_empty()),
            authorizer_credentials_arn: values.text("AuthorizerCredentialsArn"),
            identity_source: values.texts("IdentitySource"),
        };
        self.definition(api).authorizers.insert(site.scope.ref_of(resource), authorizer);
    }

    fn model(&mut self, api: usize, _: &Site<'_, '_>, _: &Resource, values: &Values<'_>) {
        let name = values.required_text("Name");
        values.missing("Schema");
        let schema = values.get("Schema").map(|schema| schema.to_json()).unwrap_or_default();
        let (content_type, description) = (values.text("ContentType"), values.text("Description"));
        let model = ModelDefinition { content_type, description, schema };
        if self.definition(api).models.insert(name.clone(), model).is_some() {
            values.problem(values.at_of("Name"), format!("the API has another model `{name}`"), "rename one");
        }
    }

    /// What was gathered, once it is known which functions there are.
    pub(super) fn finish(self, site: &Site<'_, '_>, functions: &[Function]) -> Vec<Api> {
        for (uri, at) in &self.called {
            let lambda = uri.contains(":lambda:path/") || uri.contains(":function:");
            let (name, _) = function_of(uri);
            let broken = || {
                site.resources.iter().any(|one| one.kind == "AWS::Lambda::Function" && site.scope.name_of(one) == name)
            };
            let elsewhere = || site.is_elsewhere(|stack| stack.function(name).is_some());
            if lambda
                && !name.contains("${")
                && !functions.iter().any(|one| one.name == name)
                && !broken()
                && !elsewhere()
            {
                site.scope.findings.note(*at, format!("the function `{name}` is not in this template"));
            }
        }
        for (api, resource) in self.found.iter().zip(site.resources.iter().filter(|one| self.is_ours(site, one))) {
            let definition = &api.definition;
            if definition.stages.is_empty() {
                site.scope
                    .findings
                    .note(resource.at, format!("the API `{}` has no stage: nobody can connect", api.logical_id));
            }
            for stage in definition.stages.iter().filter(|one| !one.auto_deploy && one.deployment_id.is_none()) {
                let message = format!(
                    "the stage `{}` has neither AutoDeploy nor DeploymentId; here it is served",
                    stage.stage_name
                );
                site.scope.findings.note(resource.at, message);
            }
        }
        self.found
    }

    fn is_ours(&self, site: &Site<'_, '_>, resource: &Resource) -> bool {
        resource.kind == API && !self.http.contains(&site.scope.ref_of(resource))
    }
}

/// A part as the gateway will call it, and its properties.
fn places(site: &Site<'_, '_>, resource: &Resource, values: &Values<'_>) -> Vec<(String, Place)> {
    let (id, text) = (|| site.scope.ref_of(resource), |name: &str| values.text(name).unwrap_or_default());
    let part = match resource.kind.as_str() {
        "AWS::ApiGatewayV2::Integration" => format!("integration {}", id()),
        "AWS::ApiGatewayV2::Authorizer" => format!("authorizer {}", id()),
        "AWS::ApiGatewayV2::Route" => format!("route {}", text("RouteKey")),
        "AWS::ApiGatewayV2::Stage" => format!("stage {}", text("StageName")),
        "AWS::ApiGatewayV2::Model" => format!("model {}", text("Name")),
        _ => return Vec::new(),
    };
    let place = site.place(resource);
    let properties = resource.properties.entries().iter().map(|entry| {
        let mut name = entry.key.clone();
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        // What SAM has made of something else is where that is.
        let path = match resource.path.ends_with(&resource.logical_id) {
            true => format!("{}.Properties.{}", place.path, entry.key),
            false => place.path.clone(),
        };
        let at = entry.value.at;
        (format!("{part}.{name}"), Place { line: at.line, column: at.column, path, ..place.clone() })
    });
    let properties: Vec<_> = properties.collect();
    [(part, place)].into_iter().chain(properties).collect()
}

/// Adds a part to an API.
type Part = fn(&mut Apis, usize, &Site<'_, '_>, &Resource, &Values<'_>);

/// `{Required: true}` by name, or the bare boolean.
pub(super) fn parameters(
    name: &str,
    values: &Values<'_>,
) -> std::collections::BTreeMap<String, crate::stack::RequestParameter> {
    let mut parameters = std::collections::BTreeMap::new();
    for entry in values.entries(name) {
        let required = match &entry.value.kind {
            Kind::Map(_) => {
                ["Required", "required"].iter().find_map(|key| entry.value.get(key)).and_then(|one| one.to_text())
            }
            _ => entry.value.to_text(),
        };
        match required.as_deref() {
            Some("true") => parameters.insert(entry.key.clone(), crate::stack::RequestParameter { required: true }),
            Some("false") | None => {
                parameters.insert(entry.key.clone(), crate::stack::RequestParameter { required: false })
            }
            Some(other) => {
                values.problem(
                    entry.at,
                    format!("Required is `{other}`"),
                    "write {Required: true} or {Required: false}",
                );
                None
            }
        };
    }
    parameters
}
