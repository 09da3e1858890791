//! What is refused, in AWS's words. An error has two names: that of its shape, which JSON answers carry, and the older code
//! that XML answers carry, and that SDKs still show; JSON answers repeat it in a header.

use std::borrow::Cow;
use std::fmt;

/// A kind of error.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// For JSON.
    pub(crate) shape: &'static str,
    /// For XML, and for what SDKs show.
    pub code: &'static str,
    /// Of XML answers; JSON knows only 400 and 500.
    pub(crate) status: u16,
}

/// Why an operation was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub fault: &'static Fault,
    pub message: Cow<'static, str>,
}

macro_rules! faults {
    ($($name:ident $shape:literal $code:literal $status:literal;)*) => {
        $(pub(crate) const $name: Fault = Fault { shape: $shape, code: $code, status: $status };)*
    };
}

faults! {
    QUEUE_DOES_NOT_EXIST "com.amazonaws.sqs#QueueDoesNotExist" "AWS.SimpleQueueService.NonExistentQueue" 400;
    QUEUE_NAME_EXISTS "com.amazonaws.sqs#QueueNameExists" "QueueAlreadyExists" 400;
    PURGE_IN_PROGRESS "com.amazonaws.sqs#PurgeQueueInProgress" "AWS.SimpleQueueService.PurgeQueueInProgress" 403;
    EMPTY_BATCH "com.amazonaws.sqs#EmptyBatchRequest" "AWS.SimpleQueueService.EmptyBatchRequest" 400;
    TOO_MANY_ENTRIES "com.amazonaws.sqs#TooManyEntriesInBatchRequest" "AWS.SimpleQueueService.TooManyEntriesInBatchRequest" 400;
    IDS_NOT_DISTINCT "com.amazonaws.sqs#BatchEntryIdsNotDistinct" "AWS.SimpleQueueService.BatchEntryIdsNotDistinct" 400;
    BATCH_TOO_LONG "com.amazonaws.sqs#BatchRequestTooLong" "AWS.SimpleQueueService.BatchRequestTooLong" 400;
    INVALID_ENTRY_ID "com.amazonaws.sqs#InvalidBatchEntryId" "AWS.SimpleQueueService.InvalidBatchEntryId" 400;
    INVALID_ATTRIBUTE_NAME "com.amazonaws.sqs#InvalidAttributeName" "InvalidAttributeName" 400;
    INVALID_ATTRIBUTE_VALUE "com.amazonaws.sqs#InvalidAttributeValue" "InvalidAttributeValue" 400;
    INVALID_CONTENTS "com.amazonaws.sqs#InvalidMessageContents" "InvalidMessageContents" 400;
    INVALID_RECEIPT "com.amazonaws.sqs#ReceiptHandleIsInvalid" "ReceiptHandleIsInvalid" 404;
    NOT_IN_FLIGHT "com.amazonaws.sqs#MessageNotInflight" "AWS.SimpleQueueService.MessageNotInflight" 400;
    OVER_LIMIT "com.amazonaws.sqs#OverLimit" "OverLimit" 403;
    UNSUPPORTED "com.amazonaws.sqs#UnsupportedOperation" "AWS.SimpleQueueService.UnsupportedOperation" 400;
    INVALID_VALUE "com.amazon.coral.service#InvalidParameterValueException" "InvalidParameterValue" 400;
    MISSING_PARAMETER "com.amazon.coral.service#MissingRequiredParameterException" "MissingParameter" 400;
    UNKNOWN_OPERATION "com.amazon.coral.service#UnknownOperationException" "InvalidAction" 400;
    SERIALIZATION "com.amazon.coral.service#SerializationException" "MalformedInput" 400;
    ACCESS_DENIED "com.amazon.coral.service#AccessDeniedException" "AccessDenied" 403;
    UNAVAILABLE "com.amazon.coral.service#ServiceUnavailableException" "ServiceUnavailable" 503;
    INTERNAL "com.amazon.coral.service#InternalFailure" "InternalFailure" 500;
    MISSING_TOKEN "com.amazon.coral.service#MissingAuthenticationTokenException" "MissingAuthenticationToken" 403;
    INCOMPLETE_SIGNATURE "com.amazon.coral.service#IncompleteSignatureException" "IncompleteSignature" 403;
    INVALID_SIGNATURE "com.amazon.coral.service#InvalidSignatureException" "SignatureDoesNotMatch" 403;
    UNKNOWN_KEY "com.amazon.coral.service#UnrecognizedClientException" "InvalidClientTokenId" 403;

    SNS_INVALID "InvalidParameterException" "InvalidParameter" 400;
    SNS_INVALID_VALUE "InvalidParameterValueException" "ParameterValueInvalid" 400;
    SNS_NOT_FOUND "NotFoundException" "NotFound" 404;
    SNS_TOPIC_LIMIT "TopicLimitExceededException" "TopicLimitExceeded" 403;
    SNS_SUBSCRIPTION_LIMIT "SubscriptionLimitExceededException" "SubscriptionLimitExceeded" 403;
    SNS_ACCESS_DENIED "AuthorizationErrorException" "AuthorizationError" 403;
    SNS_EMPTY_BATCH "EmptyBatchRequestException" "EmptyBatchRequest" 400;
    SNS_TOO_MANY_ENTRIES "TooManyEntriesInBatchRequestException" "TooManyEntriesInBatchRequest" 400;
    SNS_IDS_NOT_DISTINCT "BatchEntryIdsNotDistinctException" "BatchEntryIdsNotDistinct" 400;
    SNS_INVALID_ENTRY_ID "InvalidBatchEntryIdException" "InvalidBatchEntryId" 400;
    SNS_BATCH_TOO_LONG "BatchRequestTooLongException" "BatchRequestTooLong" 400;
}

impl Refusal {
    pub(crate) fn new(fault: &'static Fault, message: impl Into<Cow<'static, str>>) -> Self {
        Self { fault, message: message.into() }
    }

    pub(crate) fn no_queue() -> Self {
        Self::new(&QUEUE_DOES_NOT_EXIST, "The specified queue does not exist.")
    }

    pub(crate) fn no_topic() -> Self {
        Self::new(&SNS_NOT_FOUND, "Topic does not exist")
    }

    /// `Value 11 for parameter MaxNumberOfMessages is invalid. Reason: {reason}.`
    pub(crate) fn value(value: impl fmt::Display, parameter: &str, reason: &str) -> Self {
        Self::new(&INVALID_VALUE, format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}."))
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::new(&MISSING_PARAMETER, format!("The request must contain the parameter {parameter}."))
    }

    /// Of a parameter of SNS.
    pub(crate) fn sns(reason: impl fmt::Display) -> Self {
        Self::new(&SNS_INVALID, format!("Invalid parameter: {reason}"))
    }

    /// The cause is in the log.
    pub(crate) fn internal() -> Self {
        Self::new(&INTERNAL, "We encountered an internal error. Please try again.")
    }

    pub(crate) fn unavailable(message: &'static str) -> Self {
        Self::new(&UNAVAILABLE, message)
    }

    pub fn is_server_fault(&self) -> bool {
        self.fault.status >= 500
    }

    /// Whether there is no such queue or topic.
    pub fn is_missing(&self) -> bool {
        [&QUEUE_DOES_NOT_EXIST, &SNS_NOT_FOUND].contains(&self.fault)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.fault.code, self.message)
    }
}

impl std::error::Error for Refusal {}
