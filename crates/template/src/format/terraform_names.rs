//! What resources and attributes of Terraform's AWS provider are called in CloudFormation.

/// How an attribute becomes a property.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// As it is.
    Plain,
    /// Another resource's id or ARN, which a plan does not know yet: taken from what the configuration refers to.
    Link,
    /// `integrations/{id}`
    Target,
    /// A function to call.
    Call,
    /// JSON text that stands for a value.
    Json,
}

use Shape::{Call, Json, Link, Plain, Target};

/// Resource type, its name in CloudFormation, and its attributes. Those that need more are dealt with in `terraform.rs`.
pub(super) type TypeNames = (&'static str, &'static str, &'static [(&'static str, &'static str, Shape)]);

pub(super) const TYPES: &[TypeNames] = &[
    (
        "aws_apigatewayv2_api",
        "AWS::ApiGatewayV2::Api",
        &[
            ("name", "Name", Plain),
            ("description", "Description", Plain),
            ("protocol_type", "ProtocolType", Plain),
            ("route_selection_expression", "RouteSelectionExpression", Plain),
            ("api_key_selection_expression", "ApiKeySelectionExpression", Plain),
            ("disable_execute_api_endpoint", "DisableExecuteApiEndpoint", Plain),
        ],
    ),
    (
        "aws_apigatewayv2_route",
        "AWS::ApiGatewayV2::Route",
        &[
            ("api_id", "ApiId", Link),
            ("route_key", "RouteKey", Plain),
            ("target", "Target", Target),
            ("authorization_type", "AuthorizationType", Plain),
            ("authorizer_id", "AuthorizerId", Link),
            ("api_key_required", "ApiKeyRequired", Plain),
            ("model_selection_expression", "ModelSelectionExpression", Plain),
            ("request_models", "RequestModels", Plain),
            ("route_response_selection_expression", "RouteResponseSelectionExpression", Plain),
            ("operation_name", "OperationName", Plain),
        ],
    ),
    (
        "aws_apigatewayv2_route_response",
        "AWS::ApiGatewayV2::RouteResponse",
        &[
            ("api_id", "ApiId", Link),
            ("route_id", "RouteId", Link),
            ("route_response_key", "RouteResponseKey", Plain),
            ("model_selection_expression", "ModelSelectionExpression", Plain),
            ("response_models", "ResponseModels", Plain),
        ],
    ),
    (
        "aws_apigatewayv2_integration",
        "AWS::ApiGatewayV2::Integration",
        &[
            ("api_id", "ApiId", Link),
            ("integration_type", "IntegrationType", Plain),
            ("integration_uri", "IntegrationUri", Call),
            ("integration_method", "IntegrationMethod", Plain),
            ("content_handling_strategy", "ContentHandlingStrategy", Plain),
            ("credentials_arn", "CredentialsArn", Plain),
            ("passthrough_behavior", "PassthroughBehavior", Plain),
            ("request_parameters", "RequestParameters", Plain),
            ("request_templates", "RequestTemplates", Plain),
            ("template_selection_expression", "TemplateSelectionExpression", Plain),
            ("timeout_milliseconds", "TimeoutInMillis", Plain),
            ("payload_format_version", "PayloadFormatVersion", Plain),
            ("description", "Description", Plain),
        ],
    ),
    (
        "aws_apigatewayv2_integration_response",
        "AWS::ApiGatewayV2::IntegrationResponse",
        &[
            ("api_id", "ApiId", Link),
            ("integration_id", "IntegrationId", Link),
            ("integration_response_key", "IntegrationResponseKey", Plain),
            ("response_templates", "ResponseTemplates", Plain),
            ("template_selection_expression", "TemplateSelectionExpression", Plain),
            ("content_handling_strategy", "ContentHandlingStrategy", Plain),
        ],
    ),
    (
        "aws_apigatewayv2_authorizer",
        "AWS::ApiGatewayV2::Authorizer",
        &[
            ("api_id", "ApiId", Link),
            ("name", "Name", Plain),
            ("authorizer_type", "AuthorizerType", Plain),
            ("authorizer_uri", "AuthorizerUri", Call),
            ("authorizer_credentials_arn", "AuthorizerCredentialsArn", Plain),
            ("identity_sources", "IdentitySource", Plain),
        ],
    ),
    (
        "aws_apigatewayv2_model",
        "AWS::ApiGatewayV2::Model",
        &[
            ("api_id", "ApiId", Link),
            ("name", "Name", Plain),
            ("content_type", "ContentType", Plain),
            ("description", "Description", Plain),
            ("schema", "Schema", Json),
        ],
    ),
    (
        "aws_apigatewayv2_stage",
        "AWS::ApiGatewayV2::Stage",
        &[
            ("api_id", "ApiId", Link),
            ("name", "StageName", Plain),
            ("auto_deploy", "AutoDeploy", Plain),
            ("deployment_id", "DeploymentId", Link),
            ("description", "Description", Plain),
            ("stage_variables", "StageVariables", Plain),
        ],
    ),
    ("aws_apigatewayv2_deployment", "AWS::ApiGatewayV2::Deployment", &[("api_id", "ApiId", Link)]),
    ("aws_apigatewayv2_domain_name", "AWS::ApiGatewayV2::DomainName", &[("domain_name", "DomainName", Plain)]),
    (
        "aws_apigatewayv2_api_mapping",
        "AWS::ApiGatewayV2::ApiMapping",
        &[
            ("api_id", "ApiId", Link),
            ("domain_name", "DomainName", Link),
            ("stage", "Stage", Link),
            ("api_mapping_key", "ApiMappingKey", Plain),
        ],
    ),
    (
        "aws_lambda_function",
        "AWS::Lambda::Function",
        &[
            ("function_name", "FunctionName", Plain),
            ("description", "Description", Plain),
            ("runtime", "Runtime", Plain),
            ("handler", "Handler", Plain),
            ("package_type", "PackageType", Plain),
            ("timeout", "Timeout", Plain),
            ("memory_size", "MemorySize", Plain),
            ("architectures", "Architectures", Plain),
        ],
    ),
    (
        "aws_lambda_alias",
        "AWS::Lambda::Alias",
        &[
            ("name", "Name", Plain),
            ("function_name", "FunctionName", Link),
            ("function_version", "FunctionVersion", Plain),
        ],
    ),
    (
        "aws_lambda_layer_version",
        "AWS::Lambda::LayerVersion",
        &[("layer_name", "LayerName", Plain), ("compatible_runtimes", "CompatibleRuntimes", Plain)],
    ),
    (
        "aws_lambda_event_source_mapping",
        "AWS::Lambda::EventSourceMapping",
        &[
            ("event_source_arn", "EventSourceArn", Link),
            ("function_name", "FunctionName", Link),
            ("enabled", "Enabled", Plain),
            ("starting_position", "StartingPosition", Plain),
            ("batch_size", "BatchSize", Plain),
            ("maximum_batching_window_in_seconds", "MaximumBatchingWindowInSeconds", Plain),
            ("maximum_retry_attempts", "MaximumRetryAttempts", Plain),
            ("maximum_record_age_in_seconds", "MaximumRecordAgeInSeconds", Plain),
            ("bisect_batch_on_function_error", "BisectBatchOnFunctionError", Plain),
            ("parallelization_factor", "ParallelizationFactor", Plain),
            ("tumbling_window_in_seconds", "TumblingWindowInSeconds", Plain),
            ("function_response_types", "FunctionResponseTypes", Plain),
        ],
    ),
    (
        "aws_dynamodb_table",
        "AWS::DynamoDB::Table",
        &[("name", "TableName", Plain), ("deletion_protection_enabled", "DeletionProtectionEnabled", Plain)],
    ),
    (
        "aws_sqs_queue",
        "AWS::SQS::Queue",
        &[
            ("name", "QueueName", Plain),
            ("fifo_queue", "FifoQueue", Plain),
            ("visibility_timeout_seconds", "VisibilityTimeout", Plain),
            ("message_retention_seconds", "MessageRetentionPeriod", Plain),
            ("delay_seconds", "DelaySeconds", Plain),
            ("receive_wait_time_seconds", "ReceiveMessageWaitTimeSeconds", Plain),
            ("max_message_size", "MaximumMessageSize", Plain),
            ("redrive_policy", "RedrivePolicy", Plain),
        ],
    ),
    (
        "aws_sns_topic",
        "AWS::SNS::Topic",
        &[("name", "TopicName", Plain), ("display_name", "DisplayName", Plain), ("fifo_topic", "FifoTopic", Plain)],
    ),
    (
        "aws_sns_topic_subscription",
        "AWS::SNS::Subscription",
        &[
            ("topic_arn", "TopicArn", Link),
            ("protocol", "Protocol", Plain),
            ("endpoint", "Endpoint", Link),
            ("raw_message_delivery", "RawMessageDelivery", Plain),
            ("filter_policy", "FilterPolicy", Json),
            ("filter_policy_scope", "FilterPolicyScope", Plain),
        ],
    ),
];
