//! Tables of a template, made as `CreateTable` would be told.

use serde_json::{Value, json};
use sluicegate_protocol::ApiError;
use sluicegate_tables::Tables;
use sluicegate_template::{Index, KeySchema, Place, Projection, ScalarType, Table};

/// A table is there, but not as the template wants it; or it cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {}: table {table}: {error}", place.path)]
pub struct TableError {
    place: Place,
    table: String,
    error: ApiError,
}

/// Creates a table unless it is there, and its expiry.
pub(super) async fn ensure(table: &Table, tables: &Tables) -> Result<(), TableError> {
    let failed = |error| TableError { place: table.place.clone(), table: table.name.clone(), error };
    tables.create_if_absent(request(table)).await.map_err(failed)?;
    if let Some(attribute) = &table.time_to_live {
        tables.expire_by(&table.name, attribute).await.map_err(failed)?;
    }
    Ok(())
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
