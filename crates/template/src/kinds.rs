//! The resource types that concern us, property by property. The reference page is made of this list.

use crate::problem::did_you_mean;

/// A type of resource that is made.
#[derive(Debug)]
pub struct ResourceType {
    pub name: &'static str,
    /// Properties that mean something here.
    pub used: &'static [&'static str],
    /// Properties that may be there and change nothing.
    pub ignored: &'static [&'static str],
    /// Properties that are a problem: what they ask for cannot be done.
    pub refused: &'static [Refused],
}

/// A property, why it is refused, and what to do instead.
#[derive(Debug)]
pub struct Refused {
    pub property: &'static str,
    pub message: &'static str,
    pub remedy: &'static str,
}

const fn refused(property: &'static str, message: &'static str, remedy: &'static str) -> Refused {
    Refused { property, message, remedy }
}

/// What to do about functions in container images.
pub(crate) const OF_IMAGES: &str = "deploy its code as a folder or a zip: write Runtime, Handler and CodeUri (Code) instead of \
                                    PackageType and ImageUri; what is no Node or Python, as `bootstrap` for provided.al2023";

const IMAGE: &[Refused] = &[
    refused("ImageUri", "functions in container images do not run here", OF_IMAGES),
    refused("ImageConfig", "functions in container images do not run here", OF_IMAGES),
];

/// Every type that is made, SAM's own among them.
pub const TYPES: &[ResourceType] = &[
    ResourceType {
        name: "AWS::ApiGatewayV2::Api",
        used: &[
            "Name",
            "Description",
            "ProtocolType",
            "RouteSelectionExpression",
            "ApiKeySelectionExpression",
            "DisableSchemaValidation",
            "DisableExecuteApiEndpoint",
        ],
        ignored: &[
            "Tags",
            "Version",
            "IpAddressType",
            "FailOnWarnings",
            "BasePath",
            "CredentialsArn",
            "RouteKey",
            "Target",
        ],
        refused: &[
            refused("Body", "an OpenAPI body describes HTTP APIs only", "write routes and integrations as resources"),
            refused(
                "BodyS3Location",
                "an OpenAPI body describes HTTP APIs only",
                "write routes and integrations as resources",
            ),
            refused(
                "CorsConfiguration",
                "WebSocket APIs have no CORS",
                "check Origin in $connect, or with allowed origins of a stage",
            ),
        ],
    },
    ResourceType {
        name: "AWS::ApiGatewayV2::Route",
        used: &[
            "ApiId",
            "RouteKey",
            "Target",
            "AuthorizationType",
            "AuthorizerId",
            "ApiKeyRequired",
            "ModelSelectionExpression",
            "RequestModels",
            "RequestParameters",
            "RouteResponseSelectionExpression",
            "OperationName",
        ],
        ignored: &["AuthorizationScopes"],
        refused: &[],
    },
    ResourceType {
        name: "AWS::ApiGatewayV2::RouteResponse",
        used: &[
            "ApiId",
            "RouteId",
            "RouteResponseKey",
            "ModelSelectionExpression",
            "ResponseModels",
            "ResponseParameters",
        ],
        ignored: &[],
        refused: &[],
    },
    ResourceType {
        name: "AWS::ApiGatewayV2::Integration",
        used: &[
            "ApiId",
            "IntegrationType",
            "IntegrationUri",
            "IntegrationMethod",
            "ConnectionType",
            "ConnectionId",
            "ContentHandlingStrategy",
            "CredentialsArn",
            "PassthroughBehavior",
            "RequestParameters",
            "RequestTemplates",
            "TemplateSelectionExpression",
            "TimeoutInMillis",
            "PayloadFormatVersion",
            "Description",
        ],
        ignored: &["ResponseParameters", "TlsConfig", "IntegrationSubtype"],
        refused: &[],
    },
    ResourceType {
        name: "AWS::ApiGatewayV2::IntegrationResponse",
        used: &[
            "ApiId",
            "IntegrationId",
            "IntegrationResponseKey",
            "ResponseTemplates",
            "TemplateSelectionExpression",
            "ContentHandlingStrategy",
            "ResponseParameters",
        ],
        ignored: &[],
        refused: &[],
    },
    ResourceType {
        name: "AWS::ApiGatewayV2::Authorizer",
        used: &["ApiId", "Name", "AuthorizerType", "AuthorizerUri", "AuthorizerCredentialsArn", "IdentitySource"],
        ignored: &[
            "AuthorizerPayloadFormatVersion",
            "EnableSimpleResponses",
            "IdentityValidationExpression",
            "AuthorizerResultTtlInSeconds",
        ],
        refused: &[refused(
            "JwtConfiguration",
            "authorizers of WebSocket APIs are REQUEST authorizers",
            "verify the token in a function, or with a stage's own jwt setting",
        )],
    },
    ResourceType {
        name: "AWS::ApiGatewayV2::Model",
        used: &["ApiId", "Name", "ContentType", "Description", "Schema"],
        ignored: &[],
        refused: &[],
    },
    ResourceType {
        name: "AWS::ApiGatewayV2::Stage",
        used: &[
            "ApiId",
            "StageName",
            "AutoDeploy",
            "DeploymentId",
            "Description",
            "StageVariables",
            "DefaultRouteSettings",
            "RouteSettings",
            "AccessLogSettings",
        ],
        ignored: &["Tags", "ClientCertificateId", "AccessPolicyId"],
        refused: &[],
    },
    ResourceType {
        name: "AWS::ApiGatewayV2::Deployment",
        used: &["ApiId", "StageName"],
        ignored: &["Description"],
        refused: &[],
    },
    ResourceType {
        name: "AWS::ApiGatewayV2::DomainName",
        used: &["DomainName"],
        ignored: &["DomainNameConfigurations", "MutualTlsAuthentication", "RoutingMode", "Tags"],
        refused: &[],
    },
    ResourceType {
        name: "AWS::ApiGatewayV2::ApiMapping",
        used: &["ApiId", "DomainName", "Stage", "ApiMappingKey"],
        ignored: &[],
        refused: &[],
    },
    ResourceType {
        name: "AWS::ApiGateway::ApiKey",
        used: &["Name", "Value", "Enabled"],
        ignored: &["CustomerId", "Description", "GenerateDistinctId", "StageKeys", "Tags"],
        refused: &[],
    },
    ResourceType {
        name: "AWS::ApiGateway::UsagePlan",
        used: &["UsagePlanName", "ApiStages", "Throttle", "Quota"],
        ignored: &["Description", "Tags"],
        refused: &[],
    },
    ResourceType {
        name: "AWS::ApiGateway::UsagePlanKey",
        used: &["KeyId", "KeyType", "UsagePlanId"],
        ignored: &[],
        refused: &[],
    },
    ResourceType {
        name: "AWS::Lambda::Function",
        used: &[
            "FunctionName",
            "Description",
            "Runtime",
            "Handler",
            "Code",
            "PackageType",
            "Environment",
            "Timeout",
            "MemorySize",
            "EphemeralStorage",
            "ReservedConcurrentExecutions",
            "Layers",
            "Architectures",
            "DeadLetterConfig",
            "LoggingConfig",
        ],
        ignored: &[
            "Role",
            "Tags",
            "TracingConfig",
            "VpcConfig",
            "KmsKeyArn",
            "FileSystemConfigs",
            "SnapStart",
            "RuntimeManagementConfig",
            "CodeSigningConfigArn",
            "RecursiveLoop",
            "PublishToLatestPublished",
            "CapacityProviderConfig",
            "FunctionScalingConfig",
            "TenancyConfig",
            "DurableConfig",
        ],
        refused: IMAGE,
    },
    ResourceType {
        name: "AWS::Lambda::Version",
        used: &["FunctionName"],
        ignored: &[
            "CodeSha256",
            "Description",
            "ProvisionedConcurrencyConfig",
            "RuntimePolicy",
            "FunctionScalingConfig",
        ],
        refused: &[],
    },
    ResourceType {
        name: "AWS::Lambda::Alias",
        used: &["FunctionName", "FunctionVersion", "Name"],
        ignored: &["Description", "ProvisionedConcurrencyConfig"],
        refused: &[refused(
            "RoutingConfig",
            "traffic cannot be split between versions: there is one of each function",
            "remove RoutingConfig",
        )],
    },
    ResourceType {
        name: "AWS::Lambda::EventInvokeConfig",
        used: &["FunctionName", "MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig"],
        ignored: &["Qualifier"],
        refused: &[],
    },
    ResourceType {
        name: "AWS::Lambda::LayerVersion",
        used: &["LayerName", "Content", "CompatibleRuntimes"],
        ignored: &["Description", "LicenseInfo", "CompatibleArchitectures"],
        refused: &[],
    },
    ResourceType {
        name: "AWS::Lambda::EventSourceMapping",
        used: &[
            "EventSourceArn",
            "FunctionName",
            "Enabled",
            "StartingPosition",
            "BatchSize",
            "MaximumBatchingWindowInSeconds",
            "MaximumRetryAttempts",
            "MaximumRecordAgeInSeconds",
            "BisectBatchOnFunctionError",
            "ParallelizationFactor",
            "TumblingWindowInSeconds",
            "FunctionResponseTypes",
            "DestinationConfig",
            "FilterCriteria",
            "ScalingConfig",
        ],
        ignored: &[
            "Tags",
            "KmsKeyArn",
            "MetricsConfig",
            "ProvisionedPollerConfig",
            "StartingPositionTimestamp",
            "LoggingConfig",
            "Queues",
            "Topics",
            "SourceAccessConfigurations",
            "SelfManagedEventSource",
            "AmazonManagedKafkaEventSourceConfig",
            "SelfManagedKafkaEventSourceConfig",
            "DocumentDBEventSourceConfig",
        ],
        refused: &[],
    },
    ResourceType {
        name: "AWS::DynamoDB::Table",
        used: &[
            "TableName",
            "KeySchema",
            "AttributeDefinitions",
            "GlobalSecondaryIndexes",
            "LocalSecondaryIndexes",
            "StreamSpecification",
            "TimeToLiveSpecification",
            "DeletionProtectionEnabled",
        ],
        ignored: &[
            "BillingMode",
            "ProvisionedThroughput",
            "OnDemandThroughput",
            "WarmThroughput",
            "SSESpecification",
            "PointInTimeRecoverySpecification",
            "ContributorInsightsSpecification",
            "TableClass",
            "Tags",
            "ResourcePolicy",
            "KinesisStreamSpecification",
        ],
        refused: &[refused(
            "ImportSourceSpecification",
            "tables are not filled from buckets",
            "remove it, and put the items with a script",
        )],
    },
    ResourceType {
        name: "AWS::DynamoDB::GlobalTable",
        used: &[
            "TableName",
            "KeySchema",
            "AttributeDefinitions",
            "GlobalSecondaryIndexes",
            "LocalSecondaryIndexes",
            "StreamSpecification",
            "TimeToLiveSpecification",
        ],
        ignored: &[
            "BillingMode",
            "Replicas",
            "SSESpecification",
            "WriteProvisionedThroughputSettings",
            "WriteOnDemandThroughputSettings",
            "ReadProvisionedThroughputSettings",
            "ReadOnDemandThroughputSettings",
            "WarmThroughput",
            "MultiRegionConsistency",
            "GlobalTableWitnesses",
            "GlobalTableSourceArn",
            "GlobalTableSettingsReplicationMode",
        ],
        refused: &[],
    },
    ResourceType {
        name: "AWS::CloudFormation::Stack",
        used: &["TemplateURL", "Parameters"],
        ignored: &["NotificationARNs", "Tags", "TimeoutInMinutes"],
        refused: &[],
    },
    ResourceType {
        name: "AWS::SQS::Queue",
        used: &[
            "QueueName",
            "VisibilityTimeout",
            "MessageRetentionPeriod",
            "DelaySeconds",
            "ReceiveMessageWaitTimeSeconds",
            "MaximumMessageSize",
            "RedrivePolicy",
            "FifoQueue",
        ],
        ignored: &[
            "Tags",
            "KmsMasterKeyId",
            "KmsDataKeyReusePeriodSeconds",
            "SqsManagedSseEnabled",
            "RedriveAllowPolicy",
            "ContentBasedDeduplication",
            "DeduplicationScope",
            "FifoThroughputLimit",
        ],
        refused: &[],
    },
    ResourceType {
        name: "AWS::SNS::Topic",
        used: &["TopicName", "DisplayName", "Subscription", "FifoTopic"],
        ignored: &[
            "Tags",
            "KmsMasterKeyId",
            "TracingConfig",
            "SignatureVersion",
            "ArchivePolicy",
            "DataProtectionPolicy",
            "ContentBasedDeduplication",
            "DeliveryStatusLogging",
            "FifoThroughputScope",
        ],
        refused: &[],
    },
    ResourceType {
        name: "AWS::SNS::Subscription",
        used: &[
            "TopicArn",
            "Protocol",
            "Endpoint",
            "RawMessageDelivery",
            "FilterPolicy",
            "FilterPolicyScope",
            "RedrivePolicy",
        ],
        ignored: &["Region", "DeliveryPolicy", "ReplayPolicy", "SubscriptionRoleArn"],
        refused: &[],
    },
    ResourceType {
        name: "AWS::Serverless::Function",
        used: &[
            "FunctionName",
            "Description",
            "Runtime",
            "Handler",
            "CodeUri",
            "InlineCode",
            "PackageType",
            "Environment",
            "Timeout",
            "MemorySize",
            "EphemeralStorage",
            "ReservedConcurrentExecutions",
            "Layers",
            "Architectures",
            "DeadLetterQueue",
            "EventInvokeConfig",
            "Events",
            "AutoPublishAlias",
            "LoggingConfig",
        ],
        ignored: &[
            "Role",
            "Policies",
            "Tags",
            "Tracing",
            "VpcConfig",
            "KmsKeyArn",
            "FileSystemConfigs",
            "SnapStart",
            "RuntimeManagementConfig",
            "CodeSigningConfigArn",
            "RecursiveLoop",
            "PermissionsBoundary",
            "RolePath",
            "AssumeRolePolicyDocument",
            "ProvisionedConcurrencyConfig",
            "DeploymentPreference",
            "VersionDescription",
            "AutoPublishCodeSha256",
            "AutoPublishAliasAllProperties",
            "FunctionUrlConfig",
            "PropagateTags",
            "SourceKMSKeyArn",
            "PublishToLatestPublished",
            "CapacityProviderConfig",
            "FunctionScalingConfig",
            "VersionDeletionPolicy",
            "TenancyConfig",
            "DurableConfig",
        ],
        refused: IMAGE,
    },
    ResourceType {
        name: "AWS::Serverless::Application",
        used: &["Location", "Parameters"],
        ignored: &["NotificationARNs", "Tags", "TimeoutInMinutes"],
        refused: &[],
    },
    ResourceType {
        name: "AWS::Serverless::SimpleTable",
        used: &["TableName", "PrimaryKey"],
        ignored: &["ProvisionedThroughput", "SSESpecification", "Tags", "PointInTimeRecoverySpecification"],
        refused: &[],
    },
    ResourceType {
        name: "AWS::Serverless::LayerVersion",
        used: &["LayerName", "ContentUri", "CompatibleRuntimes"],
        ignored: &["Description", "LicenseInfo", "CompatibleArchitectures", "RetentionPolicy", "PublishLambdaVersion"],
        refused: &[],
    },
    ResourceType {
        name: "AWS::Serverless::WebSocketApi",
        used: &[
            "ApiKeySelectionExpression",
            "AccessLogSettings",
            "Auth",
            "DefaultRouteSettings",
            "Description",
            "DisableExecuteApiEndpoint",
            "DisableSchemaValidation",
            "Domain",
            "Name",
            "Routes",
            "RouteSelectionExpression",
            "RouteSettings",
            "StageName",
            "StageVariables",
        ],
        ignored: &["IpAddressType", "PropagateTags", "Tags"],
        refused: &[],
    },
];

/// Types that say who may do what, or where logs go: there is nothing to make, and nobody misses them.
const IMPLIED: &[&str] = &[
    "AWS::Lambda::Permission",
    "AWS::Lambda::LayerVersionPermission",
    "AWS::Logs::LogGroup",
    "AWS::SQS::QueuePolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::CDK::Metadata",
    "AWS::ApiGateway::Account",
    "AWS::S3::BucketPolicy",
    "AWS::Serverless::Connector",
    "AWS::CloudFormation::WaitConditionHandle",
];

/// The type of this name, if it concerns us.
pub fn resource_type(name: &str) -> Option<&'static ResourceType> {
    TYPES.iter().find(|one| one.name == name)
}

/// Whether nothing is lost by leaving it out.
pub fn is_implied(name: &str) -> bool {
    let of_terraform = [
        "aws_iam_",
        "aws_lambda_permission",
        "aws_cloudwatch_log_group",
        "aws_sqs_queue_policy",
        "aws_sns_topic_policy",
    ];
    name.starts_with("AWS::IAM::")
        || IMPLIED.contains(&name)
        || of_terraform.iter().any(|prefix| name.starts_with(prefix))
}

/// What somebody who wrote a type that does not exist probably meant.
pub(crate) fn misspelt(name: &str) -> Option<&'static str> {
    // Namesakes of another service, two letters away.
    if name.starts_with("AWS::ApiGateway::") || is_implied(name) {
        return None;
    }
    TYPES.iter().map(|one| one.name).find(|known| strsim::levenshtein(known, name) <= 2)
}

impl ResourceType {
    /// Whether a property is one of those known; else what was probably meant.
    pub(crate) fn probably_meant(&self, property: &str) -> Option<&'static str> {
        did_you_mean(property, self.used.iter().chain(self.ignored).copied())
    }
}
