//! Tables an application or a template needs: made unless they are there, and brought in line.
//!
//! What it takes is worked out before anything is done, so that a table that cannot be had is refused untouched. Items are
//! never lost by it: a table is not deleted, and neither is a key changed.

use crate::Tables;
use bytes::Bytes;
use serde_json::{Value, json};
use sluicegate_protocol::{ApiError, CallTable};
use std::collections::BTreeSet;

/// How far a table that is there is brought in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// What it lacks is added; what it has beyond that stays.
    Additions,
    /// What is not wanted is taken away as well: global indexes, the stream, expiry.
    Everything,
}

/// One call that brings a table nearer to what is wanted.
#[derive(Debug)]
struct Step {
    operation: &'static str,
    request: Value,
    /// For people.
    done: String,
}

/// What became of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableChange {
    Created,
    /// What was done to it, for people. Empty if it was in line already.
    Changed(Vec<String>),
}

impl Tables {
    /// Creates a table, given as a CreateTable request, unless it exists. An existing one must have the same key; a stream
    /// and global indexes it lacks are added, and those it has must be alike. Anything else that differs is left as it is.
    pub async fn create_if_absent(&self, request: Value) -> Result<(), ApiError> {
        let steps = match self.described(&request).await? {
            Some(table) => differences(&request, &table, Extent::Additions)?,
            None => vec![creation(&request)],
        };
        self.take(steps).await.map(drop)
    }

    /// Lets items expire by this attribute, whether they did by another one, or not at all.
    pub async fn expire_by(&self, table: &str, attribute: &str) -> Result<(), ApiError> {
        let steps = self.expiry(&table.into(), Some(attribute)).await?;
        self.take(steps).await.map(drop)
    }

    /// Whether [`converge`](Self::converge) would refuse. Changes nothing.
    pub async fn check(&self, wanted: &Value) -> Result<(), ApiError> {
        match self.described(wanted).await? {
            Some(table) => differences(wanted, &table, Extent::Everything).map(drop),
            None => Ok(()),
        }
    }

    /// Makes a table exactly what a CreateTable request says, with items that expire by an attribute, or not at all. Of one
    /// that exists global indexes, stream and expiry that are not wanted are removed; with another key, or an index that has
    /// another one, it is refused.
    pub async fn converge(&self, wanted: &Value, time_to_live: Option<&str>) -> Result<TableChange, ApiError> {
        let table = self.described(wanted).await?;
        let steps = match &table {
            Some(table) => differences(wanted, table, Extent::Everything)?,
            None => vec![creation(wanted)],
        };
        let mut done = self.take(steps).await?;
        let expiry = self.expiry(&wanted["TableName"], time_to_live).await?;
        done.extend(self.take(expiry).await?);
        Ok(if table.is_some() { TableChange::Changed(done) } else { TableChange::Created })
    }

    async fn take(&self, steps: Vec<Step>) -> Result<Vec<String>, ApiError> {
        let mut done = Vec::with_capacity(steps.len());
        for step in steps {
            self.asked(step.operation, &step.request).await?;
            done.push(step.done);
        }
        Ok(done)
    }

    async fn expiry(&self, table: &Value, wanted: Option<&str>) -> Result<Vec<Step>, ApiError> {
        let described = self.asked("DescribeTimeToLive", &json!({ "TableName": table })).await?;
        let current = &described["TimeToLiveDescription"];
        let is_on = matches!(current["TimeToLiveStatus"].as_str(), Some("ENABLED" | "ENABLING"));
        let current = current["AttributeName"].as_str().filter(|_| is_on);
        if current == wanted {
            return Ok(Vec::new());
        }
        let step = |attribute: &str, enabled: bool| Step {
            operation: "UpdateTimeToLive",
            request: json!({
                "TableName": table,
                "TimeToLiveSpecification": { "AttributeName": attribute, "Enabled": enabled },
            }),
            done: if enabled { format!("expiry by {attribute}") } else { format!("no expiry by {attribute}") },
        };
        let (off, on) =
            (current.map(|attribute| step(attribute, false)), wanted.map(|attribute| step(attribute, true)));
        Ok(off.into_iter().chain(on).collect())
    }

    /// The table as it is, if it is there.
    async fn described(&self, wanted: &Value) -> Result<Option<Value>, ApiError> {
        match self.asked("DescribeTable", &json!({ "TableName": wanted["TableName"] })).await {
            Ok(mut described) => Ok(Some(described["Table"].take())),
            Err(error) if error.code == "ResourceNotFoundException" => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn asked(&self, operation: &'static str, request: &Value) -> Result<Value, ApiError> {
        let answer = self.call(operation, Bytes::from(request.to_string())).await?;
        serde_json::from_slice(&answer).map_err(|_| ApiError::internal())
    }
}

fn creation(request: &Value) -> Step {
    Step { operation: "CreateTable", request: request.clone(), done: "created".to_owned() }
}

/// What it takes to bring a table in line; an error if it cannot be.
fn differences(wanted: &Value, table: &Value, extent: Extent) -> Result<Vec<Step>, ApiError> {
    let name = &wanted["TableName"];
    if key(wanted, wanted) != key(table, table) {
        return Err(ApiError::validation(format!(
            "Table {name} exists with another key: it has {}, {} is wanted; rename one of them, or delete the table",
            table["KeySchema"], wanted["KeySchema"]
        )));
    }
    for index in indexes(wanted, "LocalSecondaryIndexes") {
        if !is_had(wanted, index, table, "LocalSecondaryIndexes")? {
            return Err(ApiError::validation(format!(
                "Table {name} exists without the local index {}, and those cannot be added; delete the table, or leave \
                 the index out",
                index["IndexName"]
            )));
        }
    }
    let update = |done: String, change: Value| {
        let mut request = json!({ "TableName": name });
        request
            .as_object_mut()
            .into_iter()
            .for_each(|request| request.extend(change.as_object().cloned().unwrap_or_default()));
        Step { operation: "UpdateTable", request, done }
    };
    let mut steps = Vec::new();
    // There is a limit to how many indexes a table has, so some go before others come.
    let unwanted =
        |index: &&Value| !indexes(wanted, "GlobalSecondaryIndexes").any(|kept| kept["IndexName"] == index["IndexName"]);
    if extent == Extent::Everything {
        for index in indexes(table, "GlobalSecondaryIndexes").filter(unwanted) {
            let index = &index["IndexName"];
            let change = json!({ "GlobalSecondaryIndexUpdates": [{ "Delete": { "IndexName": index } }] });
            steps.push(update(format!("index {} removed", text(index)), change));
        }
    }
    for index in indexes(wanted, "GlobalSecondaryIndexes") {
        if !is_had(wanted, index, table, "GlobalSecondaryIndexes")? {
            let change = json!({
                "AttributeDefinitions": wanted["AttributeDefinitions"],
                "GlobalSecondaryIndexUpdates": [{ "Create": index }],
            });
            steps.push(update(format!("index {} added", text(&index["IndexName"])), change));
        }
    }
    let view = |of: &Value| {
        let stream = &of["StreamSpecification"];
        stream["StreamViewType"].as_str().filter(|_| stream["StreamEnabled"] == true).map(str::to_owned)
    };
    let off = || update("stream off".to_owned(), json!({ "StreamSpecification": { "StreamEnabled": false } }));
    match (view(table), view(wanted), extent) {
        (None, None, _) | (Some(_), None, Extent::Additions) => {}
        (Some(had), Some(view), _) if had == view => {}
        (Some(had), Some(view), Extent::Additions) => {
            return Err(ApiError::validation(format!(
                "Table {name} exists and its stream shows {had}, {view} is wanted; disable the stream first"
            )));
        }
        (Some(_), None, Extent::Everything) => steps.push(off()),
        (had, Some(view), _) => {
            steps.extend(had.map(|_| off()));
            steps.push(update(
                format!("stream of {view}"),
                json!({ "StreamSpecification": wanted["StreamSpecification"] }),
            ));
        }
    }
    let protected = |of: &Value| of["DeletionProtectionEnabled"] == true;
    if extent == Extent::Everything && protected(table) != protected(wanted) {
        let on = protected(wanted);
        let done = if on { "protected from deletion" } else { "not protected from deletion" };
        steps.push(update(done.to_owned(), json!({ "DeletionProtectionEnabled": on })));
    }
    Ok(steps)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
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
