//! Functions, layers, aliases, and what becomes of their asynchronous events.

use super::{Site, function_of};
use crate::document::{At, Node};
use crate::kinds;
use crate::problem::use_one_of;
use crate::resource::Resource;
use crate::stack::{Alias, AsyncInvocation, Function, FunctionPlaces, Layer};
use crate::values::Values;

const DEFAULT_TIMEOUT_SECONDS: u32 = 3;
const DEFAULT_MEMORY_MB: u32 = 128;
const DEFAULT_STORAGE_MB: u32 = 512;

/// What one may mean by a runtime that nobody has.
const KNOWN_RUNTIMES: &[&str] = &[
    "nodejs18.x",
    "nodejs20.x",
    "nodejs22.x",
    "nodejs24.x",
    "python3.9",
    "python3.10",
    "python3.11",
    "python3.12",
    "python3.13",
    "python3.14",
    "provided.al2",
    "provided.al2023",
];
/// Variables that Lambda sets itself; a template's own value does not count.
const RESERVED_VARIABLES: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

impl<'f> Site<'_, 'f> {
    pub(super) fn functions(&self, layers: &[Layer]) -> Vec<Function> {
        let mut functions = self.each(&["AWS::Lambda::Function"], |one, values| self.function(one, values, layers));
        for (resource, values) in self.of_kinds(&["AWS::Lambda::Alias"]) {
            let (name, version) = (values.required_text("Name"), values.text("FunctionVersion").unwrap_or_default());
            if let Some(function) = self.named_function(&mut functions, &values) {
                function.aliases.push(Alias { logical_id: resource.logical_id.clone(), name, version });
            }
        }
        for (_, values) in self.of_kinds(&["AWS::Lambda::EventInvokeConfig"]) {
            let target = |name: &str| {
                values
                    .child("DestinationConfig")
                    .and_then(|config| config.child(name))
                    .and_then(|one| one.text("Destination"))
            };
            let retries = values.count("MaximumRetryAttempts", 0..=2);
            let age = values.count("MaximumEventAgeInSeconds", 60..=21_600);
            let (on_success, on_failure) = (target("OnSuccess"), target("OnFailure"));
            if let Some(function) = self.named_function(&mut functions, &values) {
                let dead_letter = function.asynchronous.dead_letter.take();
                function.asynchronous = AsyncInvocation {
                    maximum_retry_attempts: retries,
                    maximum_event_age_seconds: age,
                    on_success,
                    on_failure,
                    dead_letter,
                };
            }
        }
        functions
    }

    fn named_function<'a>(&self, functions: &'a mut [Function], values: &Values<'_>) -> Option<&'a mut Function> {
        let text = values.required_text("FunctionName");
        let (name, _) = function_of(&text);
        functions.iter_mut().find(|function| function.name == name)
    }

    fn function(&self, resource: &Resource, values: &Values<'f>, layers: &[Layer]) -> Option<Function> {
        let name = self.scope.name_of(resource);
        let arn = self.scope.attribute_of(resource, "Arn")?;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.len() > 64 || !name.chars().all(fits) {
            let remedy = "use up to 64 letters, digits, hyphens and underscores";
            values.problem(values.at_of("FunctionName"), format!("`{name}` is no name of a function"), remedy);
        }
        if values.text("PackageType").is_some_and(|text| text == "Image") {
            let context = resource.metadata.as_ref().and_then(|written| written.get("DockerContext"));
            let remedy = match context.and_then(Node::as_text) {
                Some(context) => kinds::OF_IMAGES.replacen("CodeUri", &format!("CodeUri: {context}"), 1),
                None => kinds::OF_IMAGES.to_owned(),
            };
            values.problem(values.at_of("PackageType"), "functions in container images do not run here", remedy);
            return None;
        }
        let runtime = self.runtime(values);
        let handler = match runtime.as_deref() {
            Some(runtime) if runtime.starts_with("provided") => values.text("Handler").unwrap_or_default(),
            _ => values.required_text("Handler"),
        };
        let code = self.code("Code", values);
        let function = Function {
            logical_id: resource.logical_id.clone(),
            place: self.place(resource),
            name,
            arn,
            description: values.text("Description"),
            handler,
            build: self.build_method(resource),
            environment: self.variables(values),
            timeout_seconds: values.count("Timeout", 1..=900).unwrap_or(DEFAULT_TIMEOUT_SECONDS),
            memory_mb: values.count("MemorySize", 128..=10_240).unwrap_or(DEFAULT_MEMORY_MB),
            ephemeral_storage_mb: values
                .child("EphemeralStorage")
                .and_then(|storage| storage.count("Size", 512..=10_240))
                .unwrap_or(DEFAULT_STORAGE_MB),
            reserved_concurrency: values.count("ReservedConcurrentExecutions", 0..=1_000_000),
            layers: self.layers_of(values, layers),
            architecture: architecture(values),
            aliases: Vec::new(),
            asynchronous: AsyncInvocation {
                dead_letter: values.child("DeadLetterConfig").and_then(|config| config.text("TargetArn")),
                ..AsyncInvocation::default()
            },
            log_format: values.child("LoggingConfig").and_then(|config| config.text("LogFormat")),
            log_level: values.child("LoggingConfig").and_then(|config| config.text("ApplicationLogLevel")),
            places: FunctionPlaces::default(),
            runtime: runtime?,
            code: code?,
        };
        Some(function)
    }

    fn runtime(&self, values: &Values<'_>) -> Option<String> {
        let runtime = values.required_text("Runtime");
        let at = values.at_of("Runtime");
        let runs = runs(&runtime);
        if runs || runtime.is_empty() {
            return Some(runtime).filter(|runtime| !runtime.is_empty());
        }
        let (message, remedy) = if runtime == "go1.x" {
            (
                "the runtime go1.x does not run here, nor on AWS any more".to_owned(),
                "build it as `bootstrap` (with -tags lambda.norpc) for provided.al2023".to_owned(),
            )
        } else {
            let otherwise = "use nodejs*, python* or provided.al2023 with a `bootstrap`";
            let foreign = ["java", "dotnet", "ruby"].iter().any(|family| runtime.starts_with(family));
            let remedy = if foreign {
                otherwise.to_owned()
            } else {
                use_one_of(&runtime, KNOWN_RUNTIMES.iter().copied(), otherwise)
            };
            (format!("the runtime `{runtime}` does not run here"), remedy)
        };
        values.problem(at, message, remedy);
        None
    }

    fn variables(&self, values: &Values<'_>) -> std::collections::BTreeMap<String, String> {
        const MOST_BYTES: usize = 4096;
        let Some(environment) = values.child("Environment") else { return Default::default() };
        environment.only(&["Variables"]);
        let variables = environment.text_map("Variables");
        for entry in environment.entries("Variables") {
            self.check_variable(&entry.key, entry.at, values);
        }
        let bytes: usize = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > MOST_BYTES {
            let message = format!("the variables have {bytes} bytes; at most {MOST_BYTES}, as on AWS");
            values.problem(environment.at(), message, "put long values into a file or a table");
        }
        variables
    }

    fn check_variable(&self, name: &str, at: At, values: &Values<'_>) {
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic()) || RESERVED_VARIABLES.contains(&name);
        if !begins || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            values.problem(
                at,
                format!("`{name}` is no name of a variable"),
                "use letters, digits and `_`, a letter first",
            );
        }
        if RESERVED_VARIABLES.contains(&name) {
            self.scope
                .findings
                .note(at, format!("`{name}` is set by Lambda itself; the template's value does not count"));
        }
    }

    fn layers_of(&self, values: &Values<'_>, layers: &[Layer]) -> Vec<String> {
        let arns = values.texts("Layers");
        for (arn, item) in arns.iter().zip(values.items("Layers")) {
            let is_it = |layer: &Layer| layer.arn == *arn;
            if !layers.iter().any(is_it) && !self.is_elsewhere(|stack| stack.layers.iter().any(is_it)) {
                self.scope.findings.note(item.at, format!("the layer {arn} is not in this template; it is left out"));
            }
        }
        arns
    }

    pub(super) fn layer(&self, resource: &Resource, values: &Values<'f>) -> Option<Layer> {
        Some(Layer {
            logical_id: resource.logical_id.clone(),
            place: self.place(resource),
            name: self.scope.name_of(resource),
            arn: self.scope.ref_of(resource),
            content: self.code("Content", values)?,
            build: self.build_method(resource),
            compatible_runtimes: values.texts("CompatibleRuntimes"),
        })
    }
}

fn architecture(values: &Values<'_>) -> String {
    let mut all = values.texts("Architectures");
    match (all.pop(), all.is_empty()) {
        (Some(one), true) if one == "x86_64" || one == "arm64" => one,
        (None, _) => "x86_64".to_owned(),
        _ => {
            values.problem(values.at_of("Architectures"), "these are no architectures", "use [x86_64] or [arm64]");
            "x86_64".to_owned()
        }
    }
}

/// `nodejs22.x`, `python3.13`, `provided.al2023`: any version of these.
fn runs(runtime: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    runtime.strip_prefix("nodejs").and_then(|rest| rest.strip_suffix(".x")).is_some_and(digits)
        || runtime.strip_prefix("python3.").is_some_and(digits)
        || matches!(runtime, "provided" | "provided.al2" | "provided.al2023")
}
