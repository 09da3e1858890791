//! Tables.

use super::Site;
use crate::problem::use_one_of;
use crate::resource::Resource;
use crate::stack::{Attribute, Index, KeySchema, Projection, ScalarType, Stream, StreamViewType, Table};
use crate::values::Values;

const VIEW_TYPES: &[(&str, StreamViewType)] = &[
    ("KEYS_ONLY", StreamViewType::KeysOnly),
    ("NEW_IMAGE", StreamViewType::NewImage),
    ("OLD_IMAGE", StreamViewType::OldImage),
    ("NEW_AND_OLD_IMAGES", StreamViewType::NewAndOldImages),
];
const MOST_GLOBAL_INDEXES: usize = 20;
const MOST_LOCAL_INDEXES: usize = 5;

#[derive(Clone, Copy)]
enum KeyType {
    Partition,
    Sort,
}

impl<'f> Site<'_, 'f> {
    pub(super) fn table(&self, resource: &Resource, values: &Values<'f>) -> Option<Table> {
        let name = self.scope.name_of(resource);
        let fits = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if !(3..=255).contains(&name.len()) || !name.chars().all(fits) {
            let remedy = "use 3 to 255 letters, digits, `_`, `-` and `.`";
            values.problem(values.at_of("TableName"), format!("`{name}` is no name of a table"), remedy);
        }
        let attributes = attributes(values);
        let key = key(values);
        let table = Table {
            logical_id: resource.logical_id.clone(),
            place: self.place(resource),
            name,
            arn: self.scope.attribute_of(resource, "Arn")?,
            global_indexes: indexes("GlobalSecondaryIndexes", MOST_GLOBAL_INDEXES, values),
            local_indexes: indexes("LocalSecondaryIndexes", MOST_LOCAL_INDEXES, values),
            stream: stream(resource, values),
            time_to_live: time_to_live(values),
            deletion_protection: values.flag("DeletionProtectionEnabled").unwrap_or(false),
            key: key?,
            attributes,
        };
        check_attributes(&table, values);
        Some(table)
    }
}

fn attributes(values: &Values<'_>) -> Vec<Attribute> {
    values.missing("AttributeDefinitions");
    let kinds = &[("S", ScalarType::S), ("N", ScalarType::N), ("B", ScalarType::B)];
    let mut attributes: Vec<Attribute> = Vec::new();
    for written in values.children("AttributeDefinitions") {
        written.missing("AttributeType");
        let (name, kind) = (written.required_text("AttributeName"), written.word("AttributeType", kinds));
        if attributes.iter().any(|one| one.name == name) {
            written.problem(written.at_of("AttributeName"), format!("`{name}` is defined twice"), "remove one");
        } else if let Some(kind) = kind {
            attributes.push(Attribute { name, kind });
        }
    }
    attributes
}

fn key(values: &Values<'_>) -> Option<KeySchema> {
    values.missing("KeySchema");
    values.get("KeySchema")?;
    let (mut partition, mut sort) = (Vec::new(), Vec::new());
    for element in values.children("KeySchema") {
        let name = element.required_text("AttributeName");
        element.missing("KeyType");
        match element.word("KeyType", &[("HASH", KeyType::Partition), ("RANGE", KeyType::Sort)]) {
            Some(KeyType::Partition) => partition.push(name),
            Some(KeyType::Sort) => sort.push(name),
            None => return None,
        }
    }
    match (partition.as_slice(), sort.as_slice()) {
        ([partition], []) => Some(KeySchema { partition_key: partition.clone(), sort_key: None }),
        ([partition], [sort]) => Some(KeySchema { partition_key: partition.clone(), sort_key: Some(sort.clone()) }),
        _ => {
            let remedy = "write one attribute of KeyType HASH, and at most one of RANGE";
            values.problem(values.at_of("KeySchema"), "this is no key", remedy);
            None
        }
    }
}

fn indexes(name: &str, most: usize, values: &Values<'_>) -> Vec<Index> {
    let written = values.children(name);
    if written.len() > most {
        let message = format!("there are {} indexes; at most {most}, as on AWS", written.len());
        values.problem(values.at_of(name), message, "remove some");
    }
    let mut indexes: Vec<Index> = Vec::new();
    for one in &written {
        let name = one.required_text("IndexName");
        if indexes.iter().any(|index| index.name == name) {
            one.problem(one.at_of("IndexName"), format!("there is another index `{name}`"), "rename one");
        }
        if let (Some(key), Some(projection)) = (key(one), projection(one)) {
            indexes.push(Index { name, key, projection });
        }
    }
    indexes
}

fn projection(index: &Values<'_>) -> Option<Projection> {
    index.missing("Projection");
    let written = index.child("Projection")?;
    let attributes = written.texts("NonKeyAttributes");
    let kinds = &[("ALL", 0), ("KEYS_ONLY", 1), ("INCLUDE", 2)];
    written.missing("ProjectionType");
    Some(match written.word("ProjectionType", kinds)? {
        0 => Projection::All,
        1 => Projection::KeysOnly,
        _ => {
            written.missing("NonKeyAttributes");
            Projection::Include(attributes)
        }
    })
}

fn stream(resource: &Resource, values: &Values<'_>) -> Option<Stream> {
    let written = values.child("StreamSpecification")?;
    let view_type = written.word("StreamViewType", VIEW_TYPES);
    if written.text("StreamViewType").is_none() {
        // In other words of the API; Terraform's among them.
        if written.flag("StreamEnabled") == Some(false) {
            return None;
        }
        // Global tables replicate by a stream with both images.
        if resource.kind == "AWS::DynamoDB::GlobalTable" {
            return Some(Stream { view_type: StreamViewType::NewAndOldImages });
        }
        written.missing("StreamViewType");
    }
    Some(Stream { view_type: view_type? })
}

fn time_to_live(values: &Values<'_>) -> Option<String> {
    let written = values.child("TimeToLiveSpecification")?;
    written.missing("Enabled");
    match written.flag("Enabled")? {
        true => Some(written.required_text("AttributeName")).filter(|name| !name.is_empty()),
        false => None,
    }
}

/// Attributes are defined exactly if something is keyed by them.
fn check_attributes(table: &Table, values: &Values<'_>) {
    let indexes = table.global_indexes.iter().chain(&table.local_indexes).map(|index| &index.key);
    let keys: Vec<&str> = std::iter::once(&table.key)
        .chain(indexes)
        .flat_map(|key| std::iter::once(&key.partition_key).chain(&key.sort_key))
        .map(String::as_str)
        .collect();
    let defined: Vec<&str> = table.attributes.iter().map(|attribute| attribute.name.as_str()).collect();
    let mut told = Vec::new();
    for key in keys.iter().filter(|key| !key.is_empty() && !defined.contains(*key)) {
        if !told.contains(key) {
            told.push(*key);
            let remedy = use_one_of(key, defined.iter().copied(), "add it to AttributeDefinitions");
            values.problem(values.at_of("AttributeDefinitions"), format!("the key `{key}` is not defined"), remedy);
        }
    }
    for name in defined.iter().filter(|name| !keys.contains(*name)) {
        let message = format!("`{name}` is defined, and no key");
        values.problem(
            values.at_of("AttributeDefinitions"),
            message,
            "define attributes of keys only; others need no definition",
        );
    }
    for index in table.local_indexes.iter().filter(|index| index.key.partition_key != table.key.partition_key) {
        let message = format!("the local index `{}` has another partition key than its table", index.name);
        values.problem(values.at_of("LocalSecondaryIndexes"), message, "use the table's, or make it a global index");
    }
}
