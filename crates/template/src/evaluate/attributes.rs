//! `Fn::GetAtt`: what a resource says of itself beyond its name.

use super::Scope;
use super::references::VERSION;
use crate::document::{At, Kind, Node};
use crate::environment;
use crate::nested;
use crate::problem::use_one_of;
use crate::resource::Resource;

/// Stands for the label of a table's stream in its ARN, which is only known once the table is there.
pub const STREAM_LABEL: &str = "1970-01-01T00:00:00.000";

/// Attributes of what we know. Others have any attribute one asks for.
fn attributes(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "AWS::ApiGatewayV2::Api" => &["ApiEndpoint", "ApiId"],
        "AWS::ApiGatewayV2::Integration" => &["IntegrationId"],
        "AWS::ApiGatewayV2::Route" => &["RouteId"],
        "AWS::ApiGatewayV2::Authorizer" => &["AuthorizerId"],
        "AWS::ApiGatewayV2::Deployment" => &["DeploymentId"],
        "AWS::ApiGatewayV2::DomainName" => {
            &["RegionalDomainName", "RegionalHostedZoneId", "DomainName", "DomainNameArn"]
        }
        "AWS::ApiGateway::ApiKey" => &["APIKeyId"],
        "AWS::ApiGateway::UsagePlan" | "AWS::ApiGateway::UsagePlanKey" => &["Id"],
        "AWS::Lambda::Function" => &["Arn", "SnapStartResponse.ApplyOn", "SnapStartResponse.OptimizationStatus"],
        "AWS::Lambda::Version" => &["Version", "FunctionArn"],
        "AWS::Lambda::Alias" => &["AliasArn"],
        "AWS::Lambda::LayerVersion" => &["LayerVersionArn"],
        "AWS::Lambda::EventSourceMapping" => &["Id", "EventSourceMappingArn"],
        "AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable" => &["Arn", "StreamArn", "TableId"],
        "AWS::SQS::Queue" => &["Arn", "QueueName", "QueueUrl"],
        "AWS::SNS::Topic" => &["TopicArn", "TopicName"],
        _ => return None,
    })
}

impl Scope<'_> {
    pub(super) fn get_att(&self, argument: &Node, at: At) -> Node {
        let usage = "write [resource, attribute], or resource.attribute in YAML";
        let parts: Vec<&Node> = match &argument.kind {
            Kind::List(items) if items.len() >= 2 => items.iter().collect(),
            Kind::Text(text) => match text.split_once('.') {
                Some((resource, attribute)) => {
                    let parts = [resource, attribute].map(|part| Node::text(argument.at, part));
                    return self.get_att(&Node::list(argument.at, parts.into()), at);
                }
                None => return self.broken(argument.at, "Fn::GetAtt names no attribute", usage),
            },
            _ => return self.broken(argument.at, "Fn::GetAtt is not written like this", usage),
        };
        let Some(name) = parts[0].as_text() else {
            return self.broken(parts[0].at, "Fn::GetAtt names no resource", usage);
        };
        let mut attribute = String::new();
        for part in &parts[1..] {
            match self.text("Fn::GetAtt", part) {
                Some(text) if attribute.is_empty() => attribute = text,
                Some(text) => attribute = format!("{attribute}.{text}"),
                None => return Node::broken(at),
            }
        }
        if self.parameters.contains_key(name) {
            return self.broken(parts[0].at, format!("`{name}` is a parameter, and has no attributes"), "use Ref");
        }
        let Some(resource) = self.resource(name, parts[0].at) else { return Node::broken(at) };
        if resource.kind == nested::KIND {
            return self.output_of(resource, &attribute, (parts[1].at, at));
        }
        match self.attribute_of(resource, &attribute) {
            Some(text) => Node::text(at, text),
            None => {
                let known = attributes(&resource.kind).unwrap_or_default();
                let remedy = use_one_of(&attribute, known.iter().copied(), "use an attribute of its type");
                let message = format!("`{name}` ({}) has no attribute `{attribute}`", resource.kind);
                self.broken(parts[1].at, message, remedy)
            }
        }
    }

    /// `Outputs.X` of a nested stack.
    fn output_of(&self, resource: &Resource, attribute: &str, (place, at): (At, At)) -> Node {
        let nested = self.nested.borrow();
        let Some(Some(outputs)) = nested.get(&resource.logical_id) else { return Node::broken(at) };
        match attribute.strip_prefix("Outputs.").and_then(|name| outputs.get(name)) {
            Some(value) => Node::text(at, value.as_str()),
            None => {
                let known: Vec<String> = outputs.keys().map(|name| format!("Outputs.{name}")).collect();
                let remedy =
                    use_one_of(attribute, known.iter().map(String::as_str), "add it to the template's Outputs");
                let message = format!("the nested stack `{}` has no `{attribute}`", resource.logical_id);
                self.broken(place, message, remedy)
            }
        }
    }

    /// `None` if its type has no such attribute.
    pub(crate) fn attribute_of(&self, resource: &Resource, attribute: &str) -> Option<String> {
        let environment = self.environment;
        let known = attributes(&resource.kind);
        if known.is_some_and(|known| !known.contains(&attribute)) {
            return None;
        }
        let name = || self.name_of(resource);
        Some(match (resource.kind.as_str(), attribute) {
            ("AWS::ApiGatewayV2::Api", "ApiEndpoint") => {
                let scheme = if self.is_http_api(resource) { "https" } else { "wss" };
                format!("{scheme}://{}", environment.execute_api_host(&self.ref_of(resource)))
            }
            ("AWS::ApiGatewayV2::DomainName", "RegionalDomainName") => {
                let id = self.id(resource, 10);
                format!("d-{id}.execute-api.{}.{}", environment.region, environment.url_suffix)
            }
            ("AWS::ApiGatewayV2::DomainName", "DomainName") => name(),
            ("AWS::ApiGatewayV2::DomainName", "DomainNameArn") => {
                environment.arn("apigateway", &format!("/domainnames/{}", name()))
            }
            ("AWS::Lambda::Function", "Arn") => environment.arn("lambda", &format!("function:{}", name())),
            ("AWS::Lambda::Function", _) => "None".to_owned(),
            ("AWS::Lambda::Version", "Version") => VERSION.to_owned(),
            ("AWS::Lambda::Version", _) | ("AWS::Lambda::Alias", _) | ("AWS::Lambda::LayerVersion", _) => {
                self.ref_of(resource)
            }
            ("AWS::Lambda::EventSourceMapping", "EventSourceMappingArn") => {
                environment.arn("lambda", &format!("event-source-mapping:{}", self.ref_of(resource)))
            }
            ("AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable", attribute) => match attribute {
                "Arn" => environment.arn("dynamodb", &format!("table/{}", name())),
                "StreamArn" => environment.arn("dynamodb", &format!("table/{}/stream/{STREAM_LABEL}", name())),
                _ => environment::uuid(self.stack, &resource.logical_id),
            },
            ("AWS::SQS::Queue", "Arn") => environment.arn("sqs", &name()),
            ("AWS::SQS::Queue", "QueueName") => name(),
            ("AWS::SNS::Topic", "TopicName") => name(),
            // The rest of what we know is an id that Ref gives as well.
            (_, _) if known.is_some() => self.ref_of(resource),
            (kind, attribute) => self.opaque_attribute(resource, kind, attribute),
        })
    }

    /// Of what is skipped: plausible, always the same, and leading nowhere.
    fn opaque_attribute(&self, resource: &Resource, kind: &str, attribute: &str) -> String {
        let (environment, name) = (self.environment, self.name_of(resource));
        let mut words = kind.split("::").skip(1);
        let (service, noun) = (words.next().unwrap_or("custom").to_lowercase(), words.next().unwrap_or_default());
        match (kind, attribute) {
            ("AWS::IAM::Role", "Arn") => environment.global_arn("iam", &format!("role/{name}")),
            ("AWS::IAM::User", "Arn") => environment.global_arn("iam", &format!("user/{name}")),
            ("AWS::S3::Bucket", "Arn") => format!("arn:{}:s3:::{name}", environment.partition),
            ("AWS::S3::Bucket", "DomainName" | "RegionalDomainName") => {
                format!("{name}.s3.{}.{}", environment.region, environment.url_suffix)
            }
            ("AWS::Cognito::UserPool", "ProviderURL" | "ProviderName") => {
                let host =
                    format!("cognito-idp.{}.{}/{}", environment.region, environment.url_suffix, self.ref_of(resource));
                if attribute == "ProviderURL" { format!("https://{host}") } else { host }
            }
            (_, attribute) if attribute.ends_with("Arn") || attribute.ends_with("ARN") => {
                let mut noun = noun.to_owned();
                if let Some(first) = noun.get_mut(..1) {
                    first.make_ascii_lowercase();
                }
                environment.arn(&service, &format!("{noun}/{name}"))
            }
            (_, attribute) => format!("{name}.{attribute}"),
        }
    }

    /// APIs of API Gateway V2 are WebSocket or HTTP APIs; the latter do not concern us.
    pub(crate) fn is_http_api(&self, api: &Resource) -> bool {
        let written = api.property("ProtocolType").and_then(|written| self.evaluate(written));
        written.and_then(|value| value.to_text()).is_some_and(|text| text == "HTTP")
    }
}
