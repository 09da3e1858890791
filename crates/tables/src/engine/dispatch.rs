//! From a request's JSON to the engine's typed call and back.

use super::page;
use crate::refusal::Refusal;
use crate::surface::operation::Operation;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Runs `operation` on the engine.
pub(crate) fn run(database: &Database, operation: Operation, request: &str) -> Result<String, Refusal> {
    macro_rules! call {
        ($method:ident) => {
            answer(operation, database.$method(read(operation, request)?))
        };
    }
    match operation {
        Operation::CreateTable => call!(create_table),
        Operation::UpdateTable => call!(update_table),
        Operation::DeleteTable => call!(delete_table),
        Operation::DescribeTable => call!(describe_table),
        Operation::ListTables => call!(list_tables),
        Operation::PutItem => call!(put_item),
        Operation::GetItem => call!(get_item),
        Operation::UpdateItem => call!(update_item),
        Operation::DeleteItem => call!(delete_item),
        Operation::Query => written(operation, &page::query(database, || read(operation, request))?),
        Operation::Scan => written(operation, &page::scan(database, || read(operation, request))?),
        Operation::BatchGetItem => call!(batch_get_item),
        Operation::BatchWriteItem => call!(batch_write_item),
        Operation::TransactGetItems => call!(transact_get_items),
        Operation::TransactWriteItems => call!(transact_write_items),
        Operation::ExecuteStatement => call!(execute_statement),
        Operation::BatchExecuteStatement => call!(batch_execute_statement),
        Operation::ExecuteTransaction => call!(execute_transaction),
        Operation::UpdateTimeToLive => call!(update_time_to_live),
        Operation::DescribeTimeToLive => call!(describe_time_to_live),
        Operation::TagResource => call!(tag_resource),
        Operation::UntagResource => call!(untag_resource),
        Operation::ListTagsOfResource => call!(list_tags_of_resource),
        Operation::SearchVectors => call!(search_vectors),
        // Streams are ours from end to end and never come here.
        Operation::ListStreams | Operation::DescribeStream | Operation::GetShardIterator | Operation::GetRecords => {
            Err(Refusal::unknown_operation())
        }
    }
}

fn answer<T: Serialize>(operation: Operation, result: Result<T, DynoxideError>) -> Result<String, Refusal> {
    written(operation, &result.map_err(|error| refusal(operation, error))?)
}

fn written<T: Serialize>(operation: Operation, response: &T) -> Result<String, Refusal> {
    serde_json::to_string(response).map_err(|error| {
        tracing::error!(%error, operation = operation.name(), "an answer could not be written as JSON");
        Refusal::internal()
    })
}

fn read<T: DeserializeOwned>(operation: Operation, request: &str) -> Result<T, Refusal> {
    serde_json::from_str(request).map_err(|error| unreadable(operation, &error.to_string()))
}

/// The engine's error as the wire has it.
pub(crate) fn refusal(operation: Operation, error: DynoxideError) -> Refusal {
    let error = match error {
        DynoxideError::EnvelopedValidation(message) => return request_validation(operation, &message),
        // ExecuteStatement frames this exception in its own way.
        DynoxideError::ConditionalCheckFailedException(message, Some(item))
            if operation == Operation::ExecuteStatement =>
        {
            DynoxideError::StatementConditionalCheckFailed(message, item)
        }
        other => other,
    };
    let status = error.status_code();
    if status >= 500 {
        // A full disk and I/O errors arrive here. The cause is the operator's to know.
        tracing::error!(%error, operation = operation.name(), "the table engine failed");
        return Refusal::internal();
    }
    Refusal::framed(status, error.to_json())
}

fn request_validation(operation: Operation, message: &str) -> Refusal {
    if operation.counts_validation_errors() {
        Refusal::validation(format!("1 validation error detected: {message}"))
    } else {
        Refusal::validation(message)
    }
}

/// What a request is told that the engine's types could not be read from.
///
/// The engine's own readers mark the class of what they refuse with a prefix; anything else is serde's wording, which
/// reaches here only for members [`shapes`](crate::surface::shapes) does not describe.
fn unreadable(operation: Operation, error: &str) -> Refusal {
    if let Some(message) = error.strip_prefix("SERIALIZATION_AS_READ:") {
        return Refusal::serialization(Some(message));
    }
    if let Some(message) = error.strip_prefix("VALIDATION_AS_READ:") {
        return Refusal::validation(message);
    }
    let error = without_position(error);
    if let Some(message) = error.strip_prefix("SERIALIZATION:") {
        return Refusal::serialization(Some(message));
    }
    if let Some(message) = error.strip_prefix("VALIDATION_REQUEST:") {
        return request_validation(operation, message);
    }
    if let Some(message) = error.strip_prefix("VALIDATION:") {
        return Refusal::validation(message);
    }
    if error.contains("empty AttributeValue") {
        return Refusal::validation(
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        );
    }
    if error.contains("Supplied AttributeValue") {
        return Refusal::validation(error);
    }
    if let Some(member) = error.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return Refusal::constraint(None, &lower_camel(member), "Member must not be null");
    }
    if error.contains("unknown variant") || error.contains("invalid type: null") {
        return Refusal::validation(error);
    }
    Refusal::serialization(Some(&type_mismatch(error)))
}

fn without_position(error: &str) -> &str {
    match error.rfind(" at line ") {
        Some(at) if error[at..].contains(" column ") => &error[..at],
        _ => error,
    }
}

pub(crate) fn lower_camel(member: &str) -> String {
    let mut characters = member.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

/// `invalid type: integer `5`, expected a string` in AWS's words.
fn type_mismatch(error: &str) -> String {
    let Some((found, expected)) = error.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected "))
    else {
        return error.to_owned();
    };
    let target = match expected {
        "a string" => "String",
        "a boolean" => "Boolean",
        "i64" | "u64" | "usize" => "Long",
        "i32" | "u32" => "Integer",
        _ => return "Unexpected field type".to_owned(),
    };
    let token = match found.split(' ').next().unwrap_or_default() {
        "integer" => "NUMBER_VALUE",
        "floating" => "DECIMAL_VALUE",
        "string" => "STRING_VALUE",
        "boolean" if found.contains("true") => "TRUE_VALUE",
        "boolean" => "FALSE_VALUE",
        "sequence" => return format!("Unrecognized collection type class java.lang.{target}"),
        _ => return "Start of structure or map found where not expected".to_owned(),
    };
    format!("{token} cannot be converted to {target}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_requests_are_worded_as_aws_words_them() {
        for (operation, error, code, message) in [
            (Operation::PutItem, "VALIDATION:bad at line 1 column 2", "ValidationException", "bad"),
            (
                Operation::PutItem,
                "VALIDATION_REQUEST:bad at line 1 column 2",
                "ValidationException",
                "1 validation error detected: bad",
            ),
            (Operation::Query, "VALIDATION_REQUEST:bad at line 1 column 2", "ValidationException", "bad"),
            (Operation::Query, "SERIALIZATION:odd at line 1 column 2", "SerializationException", "odd"),
            (
                Operation::UpdateTimeToLive,
                "missing field `TableName` at line 1 column 2",
                "ValidationException",
                "1 validation error detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null",
            ),
            (
                Operation::TagResource,
                "invalid type: integer `5`, expected a string at line 1 column 17",
                "SerializationException",
                "NUMBER_VALUE cannot be converted to String",
            ),
        ] {
            let refusal = unreadable(operation, error);
            assert_eq!((refusal.code.as_ref(), refusal.message.as_str()), (code, message), "{error}");
        }
    }

    #[test]
    fn a_failing_disk_is_not_explained_to_the_caller() {
        let full = rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL),
            Some("database or disk is full".to_owned()),
        );
        let refusal = refusal(Operation::PutItem, DynoxideError::SqliteError(full));
        assert_eq!((refusal.status, refusal.code.as_ref()), (500, "InternalServerError"));
        assert!(!refusal.message.contains("disk"), "{}", refusal.message);
    }
}
