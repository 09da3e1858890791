//! Routes and their responses.

use super::Site;
use super::api::{Apis, parameters};
use crate::problem::use_one_of;
use crate::resource::Resource;
use crate::stack::{RouteDefinition, RouteResponseDefinition};
use crate::values::Values;

const AUTHORIZATION: &[(&str, ())] = &[("NONE", ()), ("AWS_IAM", ()), ("CUSTOM", ())];

impl Apis {
    pub(super) fn route(&mut self, api: usize, site: &Site<'_, '_>, resource: &Resource, values: &Values<'_>) {
        let _ = values.word("AuthorizationType", AUTHORIZATION);
        let route = RouteDefinition {
            route_key: values.required_text("RouteKey"),
            target: values.text("Target"),
            authorization_type: values.text("AuthorizationType"),
            authorizer_id: values.text("AuthorizerId"),
            api_key_required: values.flag("ApiKeyRequired").unwrap_or(false),
            model_selection_expression: values.text("ModelSelectionExpression"),
            request_models: values.text_map("RequestModels"),
            request_parameters: parameters("RequestParameters", values),
            route_response_selection_expression: values.text("RouteResponseSelectionExpression"),
            route_responses: Vec::new(),
            operation_name: values.text("OperationName"),
        };
        let definition = self.definition(api);
        if let Some(target) = &route.target {
            let id = target.strip_prefix("integrations/").unwrap_or(target);
            if !definition.integrations.contains_key(id) {
                let remedy = "write integrations/${Integration} with Fn::Sub, naming an integration of the same API";
                values.problem(values.at_of("Target"), format!("`{target}` is no integration of the API"), remedy);
            }
        }
        if let Some(id) = &route.authorizer_id
            && !definition.authorizers.contains_key(id)
        {
            let remedy = "use Ref with an authorizer of the same API";
            values.problem(values.at_of("AuthorizerId"), format!("the API has no authorizer `{id}`"), remedy);
        }
        if let Some(earlier) = definition.routes.iter().find(|earlier| earlier.route_key == route.route_key) {
            let message = format!("the API has another route `{}`", earlier.route_key);
            values.problem(values.at_of("RouteKey"), message, "remove one, or give it another key");
        }
        for (key, model) in &route.request_models {
            if !definition.models.contains_key(model) {
                let remedy =
                    use_one_of(model, definition.models.keys().map(String::as_str), "add an AWS::ApiGatewayV2::Model");
                values.problem(
                    values.at_of("RequestModels"),
                    format!("`{key}` names no model of the API: `{model}`"),
                    remedy,
                );
            }
        }
        definition.routes.push(route);
        let place = (api, definition.routes.len() - 1);
        self.routes.insert(site.scope.ref_of(resource), place);
    }

    pub(super) fn route_response(&mut self, api: usize, _: &Site<'_, '_>, _: &Resource, values: &Values<'_>) {
        let id = values.required_text("RouteId");
        let response = RouteResponseDefinition {
            route_response_key: values.required_text("RouteResponseKey"),
            model_selection_expression: values.text("ModelSelectionExpression"),
            response_models: values.text_map("ResponseModels"),
            response_parameters: parameters("ResponseParameters", values),
        };
        match self.routes.get(&id).copied() {
            Some((owner, route)) if owner == api => self.definition(api).routes[route].route_responses.push(response),
            _ if id.is_empty() => {}
            _ => {
                let remedy = "use Ref with a route of the same API";
                values.problem(values.at_of("RouteId"), format!("the API has no route `{id}`"), remedy);
            }
        }
    }
}
