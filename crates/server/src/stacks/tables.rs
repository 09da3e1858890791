//! Tables of a template, made as `CreateTable` would be told.

use serde_json::{Value, json};
use sluicegate_protocol::ApiError;
use sluicegate_tables::{TableChange, Tables};
use sluicegate_template::{Index, KeySchema, Problem, Projection, ScalarType, Table};

/// What to do about a table whose refusal does not say.
const REMEDY: &str = "correct the template, or delete the table";

/// A problem if the table is there, and cannot be made what the template wants.
pub(super) async fn check(table: &Table, tables: &Tables) -> Result<(), Problem> {
    tables.check(&request(table)).await.map_err(|error| refused(table, &error))
}

/// Creates a table unless it is there, and otherwise brings it in line.
pub(super) async fn converge(table: &Table, tables: &Tables) -> Result<TableChange, Problem> {
    let converged = tables.converge(&request(table), table.time_to_live.as_deref()).await;
    converged.map_err(|error| refused(table, &error))
}

fn refused(table: &Table, error: &ApiError) -> Problem {
    // Refusals of this server's own say at their end what to do.
    let (message, remedy) = error.message.rsplit_once("; ").unwrap_or((&error.message, REMEDY));
    Problem {
        place: table.place.clone(),
        message: format!("table {}: {message}", table.name),
        remedy: remedy.to_owned(),
    }
}

fn request(table: &Table) -> Value {
    let attributes: Vec<_> = table
        .attributes
        .iter()
        .map(|one| json!({ "AttributeName": one.name, "AttributeType": attribute_type(one.kind) }))
        .collect();
    let mut request = json!({
        "TableName": table.name,
        "AttributeDefinitions": attributes,
        "KeySchema": key(&table.key),
        "BillingMode": "PAY_PER_REQUEST",
    });
    // An empty list is refused, as on AWS.
    for (member, indexes) in
        [("GlobalSecondaryIndexes", &table.global_indexes), ("LocalSecondaryIndexes", &table.local_indexes)]
    {
        if !indexes.is_empty() {
            request[member] = indexes.iter().map(index).collect();
        }
    }
    if let Some(stream) = table.stream {
        request["StreamSpecification"] = json!({ "StreamEnabled": true, "StreamViewType": stream.view_type.as_str() });
    }
    if table.deletion_protection {
        request["DeletionProtectionEnabled"] = true.into();
    }
    request
}

fn index(index: &Index) -> Value {
    let projection = match &index.projection {
        Projection::All => json!({ "ProjectionType": "ALL" }),
        Projection::KeysOnly => json!({ "ProjectionType": "KEYS_ONLY" }),
        Projection::Include(names) => json!({ "ProjectionType": "INCLUDE", "NonKeyAttributes": names }),
    };
    json!({ "IndexName": index.name, "KeySchema": key(&index.key), "Projection": projection })
}

fn key(key: &KeySchema) -> Value {
    let element = |name: &String, role: &str| json!({ "AttributeName": name, "KeyType": role });
    let sort = key.sort_key.iter().map(|name| element(name, "RANGE"));
    [element(&key.partition_key, "HASH")].into_iter().chain(sort).collect()
}

fn attribute_type(kind: ScalarType) -> &'static str {
    match kind {
        ScalarType::S => "S",
        ScalarType::N => "N",
        ScalarType::B => "B",
    }
}
