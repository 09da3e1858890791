//! `Ref`: parameters, pseudo parameters, and what a resource is called.

use super::Scope;
use crate::document::{At, Node};
use crate::environment;
use crate::nested;
use crate::problem::use_one_of;
use crate::resource::Resource;

const PSEUDO: &[&str] = &[
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

/// Most characters of the names that AWS would make.
const FUNCTION_NAME: usize = 64;
const TABLE_NAME: usize = 255;
const QUEUE_NAME: usize = 80;
const TOPIC_NAME: usize = 256;
const LAYER_NAME: usize = 140;
const OTHER_NAME: usize = 255;
/// Whatever a template writes, a name is no essay.
const WRITTEN_NAME: usize = 1024;

/// There is one version of each function.
pub(crate) const VERSION: &str = "1";

impl Scope<'_> {
    /// `None` for `AWS::NoValue`.
    pub(super) fn reference(&self, argument: &Node, at: At) -> Option<Node> {
        let Some(name) = argument.as_text() else {
            return Some(self.broken(argument.at, "Ref names nothing", "write the name of a parameter or a resource"));
        };
        if let Some(pseudo) = name.strip_prefix("AWS::") {
            return self.pseudo(pseudo, argument, at);
        }
        if let Some(value) = self.parameters.get(name) {
            return Some(Node { at, kind: value.kind.clone() });
        }
        if let Some(resource) = self.resource(name, argument.at) {
            return Some(Node::text(at, self.ref_of(resource)));
        }
        Some(Node::broken(at))
    }

    fn pseudo(&self, pseudo: &str, argument: &Node, at: At) -> Option<Node> {
        let environment = self.environment;
        let text = match pseudo {
            "NoValue" => return None,
            "Region" => environment.region.clone(),
            "AccountId" => environment.account.clone(),
            "Partition" => environment.partition.clone(),
            "URLSuffix" => environment.url_suffix.clone(),
            "StackName" => self.stack.to_owned(),
            "StackId" => {
                let id = environment::uuid(self.stack, "");
                environment.arn("cloudformation", &format!("stack/{}/{id}", self.stack))
            }
            "NotificationARNs" => return Some(Node::list(at, Vec::new())),
            _ => {
                let name = format!("AWS::{pseudo}");
                let remedy = use_one_of(&name, PSEUDO.iter().copied(), "use a pseudo parameter of CloudFormation");
                return Some(self.broken(argument.at, format!("there is no pseudo parameter `{name}`"), remedy));
            }
        };
        Some(Node::text(at, text))
    }

    /// A resource of this name that exists under the conditions; otherwise that is a problem at `at`.
    pub(super) fn resource(&self, name: &str, at: At) -> Option<&Resource> {
        let name = self.meant(name);
        let Some(resource) = self.resources.get(name).copied() else {
            let known = self.parameters.keys().map(String::as_str).chain(self.resources.keys().copied());
            let remedy = use_one_of(name, known, "add it to Parameters or Resources");
            self.problem(at, format!("there is no parameter or resource `{name}`"), remedy);
            return None;
        };
        match &resource.condition {
            Some((condition, place)) if !self.holds(condition, *place) => {
                let message = format!("`{name}` is not created: its condition `{condition}` does not hold");
                self.problem(at, message, format!("refer to it only where it exists: Fn::If: [{condition}, …, …]"));
                None
            }
            _ => Some(resource),
        }
    }

    /// The logical id behind a name that SAM understands: `Function.Alias`, and `Api.Stage` of what is skipped.
    pub(crate) fn meant<'n>(&'n self, name: &'n str) -> &'n str {
        if let Some(generated) = self.generated.get(name) {
            return generated;
        }
        let whole = name.split_once('.').map(|(whole, _)| whole);
        let skipped = |id: &&str| self.resources.get(id).is_some_and(|one| one.kind.starts_with("AWS::Serverless::"));
        whole.filter(skipped).unwrap_or(name)
    }

    /// What `Ref` gives.
    pub(crate) fn ref_of(&self, resource: &Resource) -> String {
        let (environment, name) = (self.environment, || self.name_of(resource));
        match resource.kind.as_str() {
            "AWS::ApiGatewayV2::Api" | "AWS::ApiGateway::RestApi" => self.id(resource, 10),
            "AWS::ApiGatewayV2::Integration" | "AWS::ApiGatewayV2::Route" => self.id(resource, 7),
            kind if kind.starts_with("AWS::ApiGatewayV2::")
                && !matches!(kind, "AWS::ApiGatewayV2::Stage" | "AWS::ApiGatewayV2::DomainName") =>
            {
                self.id(resource, 6)
            }
            "AWS::Lambda::Version" => format!("{}:{VERSION}", self.function_arn(resource)),
            "AWS::Lambda::Alias" => format!("{}:{}", self.function_arn(resource), name()),
            "AWS::Lambda::LayerVersion" => {
                format!("{}:{VERSION}", environment.arn("lambda", &format!("layer:{}", name())))
            }
            "AWS::Lambda::EventSourceMapping" => environment::uuid(self.stack, &resource.logical_id),
            "AWS::SQS::Queue" => {
                let (region, suffix, account) = (&environment.region, &environment.url_suffix, &environment.account);
                format!("https://sqs.{region}.{suffix}/{account}/{}", name())
            }
            "AWS::SNS::Topic" => environment.arn("sns", &name()),
            "AWS::SNS::Subscription" => environment.arn(
                "sns",
                &format!("{}:{}", self.id(resource, 8), environment::uuid(self.stack, &resource.logical_id)),
            ),
            nested::KIND => {
                let name = format!("{}-{}", self.stack, resource.logical_id);
                environment.arn("cloudformation", &format!("stack/{name}/{}", environment::uuid(&name, "")))
            }
            "AWS::StepFunctions::StateMachine" | "AWS::Serverless::StateMachine" => {
                environment.arn("states", &format!("stateMachine:{}", name()))
            }
            "AWS::SecretsManager::Secret" => environment.arn("secretsmanager", &format!("secret:{}", name())),
            "AWS::Cognito::UserPool" => format!("{}_{}", environment.region, self.id(resource, 9)),
            "AWS::Cognito::UserPoolClient" | "AWS::ApiGateway::ApiKey" | "AWS::ApiGateway::UsagePlan" => {
                self.id(resource, 10)
            }
            _ => name(),
        }
    }

    /// What a resource is called: as it says itself, or by stack and logical id.
    pub(crate) fn name_of(&self, resource: &Resource) -> String {
        let (property, most) = match resource.kind.as_str() {
            "AWS::Lambda::Function" => ("FunctionName", FUNCTION_NAME),
            "AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable" => ("TableName", TABLE_NAME),
            "AWS::SQS::Queue" => ("QueueName", QUEUE_NAME),
            "AWS::SNS::Topic" => ("TopicName", TOPIC_NAME),
            "AWS::Lambda::LayerVersion" => ("LayerName", LAYER_NAME),
            "AWS::ApiGatewayV2::Stage" => ("StageName", OTHER_NAME),
            "AWS::ApiGatewayV2::DomainName" => ("DomainName", OTHER_NAME),
            "AWS::Lambda::Alias" => ("Name", OTHER_NAME),
            // `AWS::S3::Bucket` has a `BucketName`, and so on.
            kind => return self.name_of_other(resource, kind.rsplit("::").next().unwrap_or(kind)),
        };
        self.named_by(resource, property).unwrap_or_else(|| self.made_up_name(resource, most))
    }

    fn name_of_other(&self, resource: &Resource, noun: &str) -> String {
        let property = format!("{noun}Name");
        let written = resource.property(&property).map(|_| property.as_str());
        written.and_then(|property| self.named_by(resource, property)).unwrap_or_else(|| {
            let name = self.made_up_name(resource, OTHER_NAME);
            if noun == "Bucket" { name.to_lowercase() } else { name }
        })
    }

    fn made_up_name(&self, resource: &Resource, most: usize) -> String {
        const FIFO: &str = ".fifo";
        let fifo = resource.property("FifoQueue").or_else(|| resource.property("FifoTopic"));
        if fifo.and_then(Node::to_text).is_some_and(|text| text == "true") {
            return environment::physical_name(self.stack, &resource.logical_id, most - FIFO.len()) + FIFO;
        }
        environment::physical_name(self.stack, &resource.logical_id, most)
    }

    /// The name a resource gives itself, worked out once.
    fn named_by(&self, resource: &Resource, property: &str) -> Option<String> {
        let written = resource.property(property)?;
        if let Some(known) = self.progress.names.borrow().get(&resource.logical_id) {
            return known.clone();
        }
        // Until it is known, whoever asks gets the made-up one. A circle of references is reported on its own.
        self.progress.names.borrow_mut().insert(resource.logical_id.clone(), None);
        let value = self.evaluate(written);
        let name = value.as_ref().and_then(Node::to_text).filter(|name| !name.is_empty() && name.len() <= WRITTEN_NAME);
        if let Some(value) = &value
            && name.is_none()
            && !value.is_broken()
        {
            self.problem(written.at, format!("{property} is no name"), format!("write 1 to {WRITTEN_NAME} characters"));
        }
        self.progress.names.borrow_mut().insert(resource.logical_id.clone(), name.clone());
        name
    }

    /// The ARN of the function that a version or an alias is of.
    fn function_arn(&self, resource: &Resource) -> String {
        let written = resource.property("FunctionName");
        let name =
            written.and_then(|written| self.evaluate(written)).and_then(|value| value.to_text()).unwrap_or_default();
        if name.starts_with("arn:") {
            return name;
        }
        self.environment.arn("lambda", &format!("function:{name}"))
    }

    pub(super) fn id(&self, resource: &Resource, length: usize) -> String {
        environment::id(self.stack, &resource.logical_id, length)
    }
}
