//! Tables an application needs are made when it starts, unless they are there.

use crate::Tables;
use bytes::Bytes;
use serde_json::{Value, json};
use sluicegate_protocol::{ApiError, CallTable};
use std::collections::BTreeSet;

impl Tables {
    /// Creates a table, given as a CreateTable request, unless it exists. An existing one must have the same key; a stream
    /// it lacks is enabled. Anything else that differs is left as it is.
    pub async fn create_if_absent(&self, request: Value) -> Result<(), ApiError> {
        let created = self.call("CreateTable", Bytes::from(request.to_string())).await;
        match created {
            Err(error) if error.code == "ResourceInUseException" => self.fit_existing(&request).await,
            other => other.map(drop),
        }
    }

    async fn fit_existing(&self, request: &Value) -> Result<(), ApiError> {
        let name = &request["TableName"];
        let described = self.call("DescribeTable", Bytes::from(json!({ "TableName": name }).to_string())).await?;
        let described: Value = serde_json::from_slice(&described).map_err(|_| ApiError::internal())?;
        let table = &described["Table"];
        if key(request) != key(table) {
            return Err(ApiError::validation(format!(
                "Table {name} exists with another key: it has {}, {} is wanted; rename one of them, or delete the table",
                table["KeySchema"], request["KeySchema"]
            )));
        }
        let wanted = &request["StreamSpecification"];
        let current = &table["StreamSpecification"];
        if wanted["StreamEnabled"] != true {
            return Ok(());
        }
        if current["StreamEnabled"] != true {
            let update = json!({ "TableName": name, "StreamSpecification": wanted });
            return self.call("UpdateTable", Bytes::from(update.to_string())).await.map(drop);
        }
        if current["StreamViewType"] != wanted["StreamViewType"] {
            return Err(ApiError::validation(format!(
                "Table {name} exists and its stream shows {}, {} is wanted; disable the stream first",
                current["StreamViewType"], wanted["StreamViewType"]
            )));
        }
        Ok(())
    }
}

/// The key attributes with their roles and types.
fn key(table: &Value) -> BTreeSet<(&str, &str, &str)> {
    let definitions: Vec<&Value> = table["AttributeDefinitions"].as_array().into_iter().flatten().collect();
    let elements = table["KeySchema"].as_array().into_iter().flatten();
    elements
        .map(|element| {
            let name = element["AttributeName"].as_str().unwrap_or_default();
            let kind = definitions.iter().find(|definition| definition["AttributeName"] == name);
            let kind = kind.and_then(|definition| definition["AttributeType"].as_str()).unwrap_or_default();
            (name, element["KeyType"].as_str().unwrap_or_default(), kind)
        })
        .collect()
}
