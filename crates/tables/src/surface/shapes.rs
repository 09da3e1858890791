//! The shapes of requests, and what AWS says when a member has another JSON type than its own.
//!
//! AWS reads a request into its typed form before it looks at any value, and words what it meets in terms of its reader's
//! tokens and classes. Clients and conformance suites match on these words. The engine's readers say them for attribute
//! values and a few members; the rest is described here, as data.

use super::operation::Operation;
use crate::refusal::Refusal;
use Shape::{Flag, Integer, List, Long, Map, Struct, Text};
use serde_json::Value;

/// What AWS answers for a list or map where its own types are nested generics.
const GENERIC_CAST: &str = "class sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl cannot be cast to class \
     java.lang.Class (sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl and java.lang.Class are in module \
     java.base of loader 'bootstrap')";

const NESTED_TOO_DEEP: &str = "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels \
     beyond supported limit";

const MODEL: &str = "com.amazonaws.dynamodb.v20120810";

/// The JSON type of a member.
enum Shape {
    Text,
    Flag,
    Integer,
    Long,
    Struct(&'static Structure),
    List(&'static Shape),
    Map(&'static Shape),
}

/// A structure of the service model, as far as its members are checked here.
struct Structure {
    class: &'static str,
    members: &'static [(&'static str, Shape)],
}

macro_rules! structures {
    ($($name:ident $class:literal { $($member:ident: $shape:expr),* $(,)? })*) => {
        $(static $name: Structure = Structure { class: $class, members: &[$((stringify!($member), $shape)),*] };)*
    };
}

static TEXTS: Shape = Text;
static VALUE: Shape = Struct(&ATTRIBUTE_VALUE);
static VALUES: Shape = Map(&VALUE);

structures! {
    ATTRIBUTE_VALUE "AttributeValue" { S: Text, N: Text, B: Text, L: List(&VALUE), M: Map(&VALUE) }
    CONDITION "Condition" { ComparisonOperator: Text, AttributeValueList: List(&VALUE) }
    EXPECTED "ExpectedAttributeValue" {
        Value: Struct(&ATTRIBUTE_VALUE), Exists: Flag, ComparisonOperator: Text, AttributeValueList: List(&VALUE),
    }
    UPDATE_VALUE "AttributeValueUpdate" { Value: Struct(&ATTRIBUTE_VALUE), Action: Text }
    KEYS_AND_ATTRIBUTES "KeysAndAttributes" {
        Keys: List(&VALUES), AttributesToGet: List(&TEXTS), ConsistentRead: Flag, ProjectionExpression: Text,
        ExpressionAttributeNames: Map(&TEXTS),
    }
    PUT_REQUEST "PutRequest" { Item: Map(&VALUE) }
    DELETE_REQUEST "DeleteRequest" { Key: Map(&VALUE) }
    WRITE_REQUEST "WriteRequest" { DeleteRequest: Struct(&DELETE_REQUEST), PutRequest: Struct(&PUT_REQUEST) }
    TRANSACTED "TransactWriteItem" {
        TableName: Text, Key: Map(&VALUE), Item: Map(&VALUE), ConditionExpression: Text, UpdateExpression: Text,
        ProjectionExpression: Text, ExpressionAttributeNames: Map(&TEXTS), ExpressionAttributeValues: Map(&VALUE),
        ReturnValuesOnConditionCheckFailure: Text,
    }
    TRANSACT_WRITE "TransactWriteItem" {
        ConditionCheck: Struct(&TRANSACTED), Put: Struct(&TRANSACTED), Delete: Struct(&TRANSACTED),
        Update: Struct(&TRANSACTED),
    }
    TRANSACT_GET "TransactGetItem" { Get: Struct(&TRANSACTED) }
    ATTRIBUTE_DEFINITION "AttributeDefinition" { AttributeName: Text, AttributeType: Text }
    KEY_ELEMENT "KeySchemaElement" { KeyType: Text, AttributeName: Text }
    PROJECTION "Projection" { ProjectionType: Text, NonKeyAttributes: List(&TEXTS) }
    THROUGHPUT "ProvisionedThroughput" { WriteCapacityUnits: Long, ReadCapacityUnits: Long }
    LOCAL_INDEX "LocalSecondaryIndex" {
        Projection: Struct(&PROJECTION), KeySchema: List(&KEY_ELEMENT_SHAPE), IndexName: Text,
    }
    GLOBAL_INDEX "GlobalSecondaryIndex" {
        Projection: Struct(&PROJECTION), ProvisionedThroughput: Struct(&THROUGHPUT), KeySchema: List(&KEY_ELEMENT_SHAPE),
        IndexName: Text,
    }
    CREATE_INDEX "CreateGlobalSecondaryIndexAction" {
        Projection: Struct(&PROJECTION), ProvisionedThroughput: Struct(&THROUGHPUT), KeySchema: List(&KEY_ELEMENT_SHAPE),
        IndexName: Text,
    }
    UPDATE_INDEX "UpdateGlobalSecondaryIndexAction" { ProvisionedThroughput: Struct(&THROUGHPUT), IndexName: Text }
    DELETE_INDEX "DeleteGlobalSecondaryIndexAction" { IndexName: Text }
    INDEX_CHANGE "GlobalSecondaryIndexUpdate" {
        Create: Struct(&CREATE_INDEX), Update: Struct(&UPDATE_INDEX), Delete: Struct(&DELETE_INDEX),
    }
    STREAM "StreamSpecification" { StreamEnabled: Flag, StreamViewType: Text }
    TIME_TO_LIVE "TimeToLiveSpecification" { Enabled: Flag, AttributeName: Text }
    TAG "Tag" { Key: Text, Value: Text }
    SHARD_FILTER "ShardFilter" { Type: Text, ShardId: Text }
}

static KEY_ELEMENT_SHAPE: Shape = Struct(&KEY_ELEMENT);
static ATTRIBUTE_DEFINITION_SHAPE: Shape = Struct(&ATTRIBUTE_DEFINITION);
static LOCAL_INDEX_SHAPE: Shape = Struct(&LOCAL_INDEX);
static GLOBAL_INDEX_SHAPE: Shape = Struct(&GLOBAL_INDEX);
static INDEX_CHANGE_SHAPE: Shape = Struct(&INDEX_CHANGE);
static CONDITION_SHAPE: Shape = Struct(&CONDITION);
static EXPECTED_SHAPE: Shape = Struct(&EXPECTED);
static UPDATE_VALUE_SHAPE: Shape = Struct(&UPDATE_VALUE);
static KEYS_SHAPE: Shape = Struct(&KEYS_AND_ATTRIBUTES);
static WRITE_REQUEST_SHAPE: Shape = Struct(&WRITE_REQUEST);
static WRITE_REQUESTS: Shape = List(&WRITE_REQUEST_SHAPE);
static TRANSACT_WRITE_SHAPE: Shape = Struct(&TRANSACT_WRITE);
static TRANSACT_GET_SHAPE: Shape = Struct(&TRANSACT_GET);
static TAG_SHAPE: Shape = Struct(&TAG);

type Members = &'static [(&'static str, Shape)];

static CREATE_TABLE: Members = &[
    ("AttributeDefinitions", List(&ATTRIBUTE_DEFINITION_SHAPE)),
    ("KeySchema", List(&KEY_ELEMENT_SHAPE)),
    ("LocalSecondaryIndexes", List(&LOCAL_INDEX_SHAPE)),
    ("GlobalSecondaryIndexes", List(&GLOBAL_INDEX_SHAPE)),
    ("ProvisionedThroughput", Struct(&THROUGHPUT)),
    ("StreamSpecification", Struct(&STREAM)),
    ("Tags", List(&TAG_SHAPE)),
    ("BillingMode", Text),
];
static UPDATE_TABLE: Members = &[
    ("AttributeDefinitions", List(&ATTRIBUTE_DEFINITION_SHAPE)),
    ("GlobalSecondaryIndexUpdates", List(&INDEX_CHANGE_SHAPE)),
    ("ProvisionedThroughput", Struct(&THROUGHPUT)),
    ("StreamSpecification", Struct(&STREAM)),
    ("BillingMode", Text),
];
static WRITE_ITEM: Members = &[("AttributeUpdates", Map(&UPDATE_VALUE_SHAPE))];
static QUERY: Members = &[
    ("KeyConditions", Map(&CONDITION_SHAPE)),
    ("QueryFilter", Map(&CONDITION_SHAPE)),
    ("ExclusiveStartKey", Map(&VALUE)),
    ("AttributesToGet", List(&TEXTS)),
];
static SCAN: Members =
    &[("ScanFilter", Map(&CONDITION_SHAPE)), ("ExclusiveStartKey", Map(&VALUE)), ("AttributesToGet", List(&TEXTS))];
static BATCH_GET: Members = &[("RequestItems", Map(&KEYS_SHAPE))];
static BATCH_WRITE: Members = &[("RequestItems", Map(&WRITE_REQUESTS))];
static TRANSACT_WRITES: Members = &[("TransactItems", List(&TRANSACT_WRITE_SHAPE)), ("ClientRequestToken", Text)];
static TRANSACT_GETS: Members = &[("TransactItems", List(&TRANSACT_GET_SHAPE))];
static TAGS: Members =
    &[("ResourceArn", Text), ("Tags", List(&TAG_SHAPE)), ("TagKeys", List(&TEXTS)), ("NextToken", Text)];
static TIME_TO_LIVES: Members = &[("TimeToLiveSpecification", Struct(&TIME_TO_LIVE))];
static LIST_TABLES: Members = &[("ExclusiveStartTableName", Text)];
static STATEMENTS: Members = &[("Statement", Text), ("NextToken", Text)];
static STREAMS: Members = &[
    ("ExclusiveStartStreamArn", Text),
    ("StreamArn", Text),
    ("ExclusiveStartShardId", Text),
    ("ShardFilter", Struct(&SHARD_FILTER)),
    ("ShardId", Text),
    ("ShardIteratorType", Text),
    ("ShardIterator", Text),
    ("SequenceNumber", Text),
];

/// Members that mean the same wherever they occur; AWS reports them after an operation's own.
static SHARED: Members = &[
    ("Key", Map(&VALUE)),
    ("Item", Map(&VALUE)),
    ("ExpressionAttributeNames", Map(&TEXTS)),
    ("ExpressionAttributeValues", Map(&VALUE)),
    ("Expected", Map(&EXPECTED_SHAPE)),
    ("TableName", Text),
    ("IndexName", Text),
    ("ReturnConsumedCapacity", Text),
    ("ReturnValues", Text),
    ("ReturnItemCollectionMetrics", Text),
    ("ReturnValuesOnConditionCheckFailure", Text),
    ("ConditionalOperator", Text),
    ("Select", Text),
    ("ConditionExpression", Text),
    ("FilterExpression", Text),
    ("KeyConditionExpression", Text),
    ("ProjectionExpression", Text),
    ("UpdateExpression", Text),
    ("Limit", Integer),
    ("Segment", Integer),
    ("TotalSegments", Integer),
    ("ScanIndexForward", Flag),
    ("ConsistentRead", Flag),
];

fn members_of(operation: Operation) -> Members {
    match operation {
        Operation::CreateTable => CREATE_TABLE,
        Operation::UpdateTable => UPDATE_TABLE,
        Operation::PutItem | Operation::UpdateItem | Operation::DeleteItem => WRITE_ITEM,
        Operation::Query => QUERY,
        Operation::Scan => SCAN,
        Operation::BatchGetItem => BATCH_GET,
        Operation::BatchWriteItem => BATCH_WRITE,
        Operation::TransactWriteItems => TRANSACT_WRITES,
        Operation::TransactGetItems => TRANSACT_GETS,
        Operation::TagResource | Operation::UntagResource | Operation::ListTagsOfResource => TAGS,
        Operation::UpdateTimeToLive => TIME_TO_LIVES,
        Operation::ListTables => LIST_TABLES,
        Operation::ExecuteStatement => STATEMENTS,
        Operation::ListStreams | Operation::DescribeStream | Operation::GetShardIterator | Operation::GetRecords => {
            STREAMS
        }
        _ => &[],
    }
}

/// Checks the JSON types of a request.
pub(crate) fn check(operation: Operation, request: &Value) -> Result<(), Refusal> {
    // This one's own reader words everything in its own way, as its service does at AWS.
    if operation == Operation::SearchVectors {
        return Ok(());
    }
    if !request.is_object() {
        return Err(Refusal::serialization(request.is_array().then_some("Unexpected value type in payload")));
    }
    check_members(members_of(operation), request)
        .and_then(|()| check_members(SHARED, request))
        .map_err(|message| Refusal::serialization(Some(&message)))
}

/// What a body is told that is no JSON, or nests deeper than any JSON we read. Values nested that deep are refused by AWS
/// for their nesting, not their syntax.
pub(crate) fn unreadable(operation: Operation, error: &serde_json::Error) -> Refusal {
    if !operation.is_streams() && error.to_string().starts_with("recursion limit exceeded") {
        return Refusal::validation(NESTED_TOO_DEEP);
    }
    Refusal::serialization(None)
}

fn check_members(members: Members, parent: &Value) -> Result<(), String> {
    members.iter().try_for_each(|(name, shape)| match parent.get(name) {
        None | Some(Value::Null) => Ok(()),
        Some(value) => shape.check(value),
    })
}

impl Shape {
    /// A member of a structure.
    fn check(&self, value: &Value) -> Result<(), String> {
        match (self, value) {
            (Text, Value::String(_)) | (Integer | Long, Value::Number(_)) | (Flag, Value::Bool(_)) => Ok(()),
            (Flag, Value::String(text)) if reads_as_flag(text) => Ok(()),
            (Flag, Value::String(_)) => Err("Unexpected token received from parser".into()),
            (Struct(structure), Value::Object(_)) => check_members(structure.members, value),
            (List(element), Value::Array(values)) => values.iter().try_for_each(|value| element.check_element(value)),
            (Map(element), Value::Object(values)) => values.values().try_for_each(|value| element.check_element(value)),
            (Text | Integer | Long | Flag, Value::Object(_)) | (List(_), Value::Object(_)) => {
                Err("Start of structure or map found where not expected".into())
            }
            (Text | Integer | Long | Flag, Value::Array(_)) => {
                Err(format!("Unrecognized collection type class {}", self.class()))
            }
            (Text | Integer | Long | Flag, scalar) => {
                let class = self.class();
                Err(format!("{} cannot be converted to {}", token(scalar), class.trim_start_matches("java.lang.")))
            }
            (Struct(_), Value::Array(_)) => Err(format!("Unrecognized collection type class {}", self.class())),
            (Map(_), Value::Array(_)) => Err(format!("Unrecognized collection type {}", self.class())),
            (Struct(_) | List(_) | Map(_), _) => Err("Unexpected field type".into()),
        }
    }

    /// An element of a list or a value of a map.
    fn check_element(&self, value: &Value) -> Result<(), String> {
        match (self, value) {
            (_, Value::Null) => Ok(()),
            (Struct(_), Value::Object(_)) => self.check(value),
            (Struct(_), Value::Array(_)) => Err(format!("Unrecognized collection type class {}", self.class())),
            (Struct(_), _) => Err("Unexpected value type in payload".into()),
            (List(_), Value::Array(_)) | (Map(_), Value::Object(_)) => self.check(value),
            (List(_) | Map(_), _) => Err(GENERIC_CAST.into()),
            (Text | Flag | Integer | Long, _) => self.check(value),
        }
    }

    /// The Java class that AWS names.
    fn class(&self) -> String {
        match self {
            Text => "java.lang.String".into(),
            Flag => "java.lang.Boolean".into(),
            Integer => "java.lang.Integer".into(),
            Long => "java.lang.Long".into(),
            Struct(structure) => format!("{MODEL}.{}", structure.class),
            List(element) => format!("java.util.List<{}>", element.class()),
            Map(element) => format!("java.util.Map<java.lang.String, {}>", element.class()),
        }
    }
}

/// AWS reads these words as booleans, in any case.
fn reads_as_flag(text: &str) -> bool {
    ["true", "t", "yes", "y", "1", "false", "f", "no", "n", "0"].iter().any(|word| word.eq_ignore_ascii_case(text))
}

fn token(scalar: &Value) -> &'static str {
    match scalar {
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(number) if number.is_f64() => "DECIMAL_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        _ => "STRING_VALUE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn wrong_types_are_worded_as_aws_words_them() {
        for (operation, request, expected) in [
            (Operation::PutItem, json!({"TableName": 23}), "NUMBER_VALUE cannot be converted to String"),
            (Operation::PutItem, json!({"TableName": 2.5}), "DECIMAL_VALUE cannot be converted to String"),
            (Operation::PutItem, json!({"TableName": true}), "TRUE_VALUE cannot be converted to String"),
            (Operation::PutItem, json!({"TableName": []}), "Unrecognized collection type class java.lang.String"),
            (Operation::PutItem, json!({"TableName": {}}), "Start of structure or map found where not expected"),
            (Operation::Scan, json!({"Limit": "1"}), "STRING_VALUE cannot be converted to Integer"),
            (Operation::Scan, json!({"Limit": false}), "FALSE_VALUE cannot be converted to Integer"),
            (Operation::Query, json!({"ConsistentRead": "maybe"}), "Unexpected token received from parser"),
            (Operation::Query, json!({"ConsistentRead": 1}), "NUMBER_VALUE cannot be converted to Boolean"),
            (Operation::PutItem, json!({"Item": "a"}), "Unexpected field type"),
            (
                Operation::PutItem,
                json!({"Item": []}),
                "Unrecognized collection type java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.AttributeValue>",
            ),
            (Operation::PutItem, json!({"Item": {"a": "b"}}), "Unexpected value type in payload"),
            (Operation::PutItem, json!({"Item": {"a": {"S": 5}}}), "NUMBER_VALUE cannot be converted to String"),
            (
                Operation::PutItem,
                json!({"Item": {"a": {"L": [{"M": {"b": {"N": 5}}}]}}}),
                "NUMBER_VALUE cannot be converted to String",
            ),
            (
                Operation::PutItem,
                json!({"Item": {"a": []}}),
                "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.AttributeValue",
            ),
            (Operation::BatchWriteItem, json!({"RequestItems": {"a": {}}}), GENERIC_CAST),
            (Operation::BatchGetItem, json!({"RequestItems": {"a": {"Keys": ["k"]}}}), GENERIC_CAST),
            (
                Operation::BatchWriteItem,
                json!({"RequestItems": []}),
                "Unrecognized collection type java.util.Map<java.lang.String, \
                 java.util.List<com.amazonaws.dynamodb.v20120810.WriteRequest>>",
            ),
            (Operation::CreateTable, json!({"KeySchema": {}}), "Start of structure or map found where not expected"),
            (Operation::CreateTable, json!({"KeySchema": "a"}), "Unexpected field type"),
            (Operation::CreateTable, json!({"KeySchema": ["a"]}), "Unexpected value type in payload"),
            (
                Operation::CreateTable,
                json!({"ProvisionedThroughput": {"ReadCapacityUnits": "1"}}),
                "STRING_VALUE cannot be converted to Long",
            ),
        ] {
            let refusal = check(operation, &request).unwrap_err();
            assert_eq!(refusal.code, "SerializationException");
            assert_eq!(refusal.message, expected, "{request}");
        }
    }

    #[test]
    fn what_aws_reads_passes() {
        for (operation, request) in [
            (Operation::PutItem, json!({"TableName": "t", "Item": {"a": {"S": "b"}, "c": {"L": [{"BOOL": true}]}}})),
            (Operation::PutItem, json!({"TableName": null, "NoSuchMember": [1]})),
            (Operation::Query, json!({"ConsistentRead": "TRUE", "Limit": 5})),
            (Operation::BatchWriteItem, json!({"RequestItems": {"t": [{"PutRequest": {"Item": {}}}]}})),
        ] {
            assert!(check(operation, &request).is_ok(), "{request}");
        }
    }
}
