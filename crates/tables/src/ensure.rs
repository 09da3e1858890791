//! Tables an application needs are made when it starts, unless they are there.

use crate::Tables;
use bytes::Bytes;
use serde_json::{Value, json};
use sluicegate_protocol::{ApiError, CallTable};
use std::collections::BTreeSet;

impl Tables {
    /// Creates a table, given as a CreateTable request, unless it exists. An existing one must have the same key; a stream
    /// and global indexes it lacks are added, and those it has must be alike. Anything else that differs is left as it is.
    pub async fn create_if_absent(&self, request: Value) -> Result<(), ApiError> {
        let created = self.call("CreateTable", Bytes::from(request.to_string())).await;
        match created {
            Err(error) if error.code == "ResourceInUseException" => self.fit_existing(&request).await,
            other => other.map(drop),
        }
    }

    /// Lets items expire by this attribute, whether they did by another one, or not at all.
    pub async fn expire_by(&self, table: &str, attribute: &str) -> Result<(), ApiError> {
        let question = json!({ "TableName": table });
        let described = self.asked("DescribeTimeToLive", &question).await?;
        let current = &described["TimeToLiveDescription"];
        let is_on = matches!(current["TimeToLiveStatus"].as_str(), Some("ENABLED" | "ENABLING"));
        if is_on && current["AttributeName"] == attribute {
            return Ok(());
        }
        let update = |attribute: &Value, enabled: bool| {
            let wish = json!({ "AttributeName": attribute, "Enabled": enabled });
            json!({ "TableName": table, "TimeToLiveSpecification": wish })
        };
        if is_on {
            self.asked("UpdateTimeToLive", &update(&current["AttributeName"], false)).await?;
        }
        self.asked("UpdateTimeToLive", &update(&attribute.into(), true)).await.map(drop)
    }

    async fn asked(&self, operation: &'static str, request: &Value) -> Result<Value, ApiError> {
        let answer = self.call(operation, Bytes::from(request.to_string())).await?;
        serde_json::from_slice(&answer).map_err(|_| ApiError::internal())
    }

    async fn fit_existing(&self, request: &Value) -> Result<(), ApiError> {
        let name = &request["TableName"];
        let described = self.asked("DescribeTable", &json!({ "TableName": name })).await?;
        let table = &described["Table"];
        if key(request, request) != key(table, table) {
            return Err(ApiError::validation(format!(
                "Table {name} exists with another key: it has {}, {} is wanted; rename one of them, or delete the table",
                table["KeySchema"], request["KeySchema"]
            )));
        }
        for index in indexes(request, "LocalSecondaryIndexes") {
            if !is_had(request, index, table, "LocalSecondaryIndexes")? {
                return Err(ApiError::validation(format!(
                    "Table {name} exists without the local index {}, and those cannot be added; delete the table, or leave \
                     the index out",
                    index["IndexName"]
                )));
            }
        }
        for index in indexes(request, "GlobalSecondaryIndexes") {
            if !is_had(request, index, table, "GlobalSecondaryIndexes")? {
                let update = json!({
                    "TableName": name,
                    "AttributeDefinitions": request["AttributeDefinitions"],
                    "GlobalSecondaryIndexUpdates": [{ "Create": index }],
                });
                self.asked("UpdateTable", &update).await?;
            }
        }
        let wanted = &request["StreamSpecification"];
        let current = &table["StreamSpecification"];
        if wanted["StreamEnabled"] != true {
            return Ok(());
        }
        if current["StreamEnabled"] != true {
            let update = json!({ "TableName": name, "StreamSpecification": wanted });
            return self.asked("UpdateTable", &update).await.map(drop);
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

fn indexes<'a>(table: &'a Value, kind: &str) -> impl Iterator<Item = &'a Value> {
    table[kind].as_array().into_iter().flatten()
}

/// Whether a table has an index, which must then be alike.
fn is_had(request: &Value, wanted: &Value, table: &Value, kind: &str) -> Result<bool, ApiError> {
    let Some(index) = indexes(table, kind).find(|index| index["IndexName"] == wanted["IndexName"]) else {
        return Ok(false);
    };
    let differs = if key(wanted, request) != key(index, table) {
        "key"
    } else if projection(wanted) != projection(index) {
        "projection"
    } else {
        return Ok(true);
    };
    Err(ApiError::validation(format!(
        "Table {} exists, and its index {} has another {differs}; rename one of them, or delete the index",
        request["TableName"], wanted["IndexName"]
    )))
}

fn projection(index: &Value) -> (&str, BTreeSet<&str>) {
    let names = index["Projection"]["NonKeyAttributes"].as_array().into_iter().flatten();
    (index["Projection"]["ProjectionType"].as_str().unwrap_or_default(), names.filter_map(Value::as_str).collect())
}

/// The key attributes of a table or an index with their roles and types.
fn key<'a>(of: &'a Value, table: &'a Value) -> BTreeSet<(&'a str, &'a str, &'a str)> {
    let definitions: Vec<&Value> = table["AttributeDefinitions"].as_array().into_iter().flatten().collect();
    let elements = of["KeySchema"].as_array().into_iter().flatten();
    elements
        .map(|element| {
            let name = element["AttributeName"].as_str().unwrap_or_default();
            let kind = definitions.iter().find(|definition| definition["AttributeName"] == name);
            let kind = kind.and_then(|definition| definition["AttributeType"].as_str()).unwrap_or_default();
            (name, element["KeyType"].as_str().unwrap_or_default(), kind)
        })
        .collect()
}
