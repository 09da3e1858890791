//! The requests of [`TableClient`](super::TableClient) that have more to say than a table and a key.

use super::{AttributeValue, Item};
use serde::Serialize;
use std::collections::BTreeMap;

/// Reads the items of one partition, in the order of the sort key.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Query {
    table_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    index_name: Option<String>,
    key_condition_expression: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scan_index_forward: Option<bool>,
    #[serde(flatten)]
    reading: Reading,
}

/// Reads the items of a table or an index, in no particular order.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Scan {
    table_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    index_name: Option<String>,
    #[serde(flatten)]
    reading: Reading,
}

/// What [`Query`] and [`Scan`] share.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Reading {
    #[serde(skip_serializing_if = "Option::is_none")]
    filter_expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    projection_expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exclusive_start_key: Option<Item>,
    #[serde(flatten)]
    placeholders: Placeholders,
}

/// Changes one item, or makes it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Update {
    table_name: String,
    key: Item,
    update_expression: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition_expression: Option<String>,
    #[serde(flatten)]
    placeholders: Placeholders,
}

/// One write of a batch.
#[derive(Clone, Debug)]
pub enum Write {
    Put(Item),
    /// The key of the item to delete.
    Delete(Item),
}

#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Placeholders {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    expression_attribute_names: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    expression_attribute_values: BTreeMap<String, AttributeValue>,
}

impl Placeholders {
    fn name(&mut self, placeholder: &str, attribute: &str) {
        self.expression_attribute_names.insert(placeholder.to_owned(), attribute.to_owned());
    }

    fn value(&mut self, placeholder: &str, value: impl Into<serde_json::Value>) {
        self.expression_attribute_values.insert(placeholder.to_owned(), value.into().into());
    }
}

impl Query {
    pub fn new(table: &str, key_condition_expression: &str) -> Self {
        Self {
            table_name: table.to_owned(),
            key_condition_expression: key_condition_expression.to_owned(),
            ..Self::default()
        }
    }

    pub fn index(mut self, index: &str) -> Self {
        self.index_name = Some(index.to_owned());
        self
    }

    /// The greatest sort key first.
    pub fn backward(mut self) -> Self {
        self.scan_index_forward = Some(false);
        self
    }
}

impl Scan {
    pub fn new(table: &str) -> Self {
        Self { table_name: table.to_owned(), ..Self::default() }
    }

    pub fn index(mut self, index: &str) -> Self {
        self.index_name = Some(index.to_owned());
        self
    }
}

impl Update {
    pub(super) fn new(table: &str, key: Item, update_expression: &str) -> Self {
        Self {
            table_name: table.to_owned(),
            key,
            update_expression: update_expression.to_owned(),
            condition_expression: None,
            placeholders: Placeholders::default(),
        }
    }

    pub(super) fn table(&self) -> &str {
        &self.table_name
    }

    pub fn condition(mut self, expression: &str) -> Self {
        self.condition_expression = Some(expression.to_owned());
        self
    }

    /// What `#placeholder` stands for.
    pub fn name(mut self, placeholder: &str, attribute: &str) -> Self {
        self.placeholders.name(placeholder, attribute);
        self
    }

    /// What `:placeholder` stands for.
    pub fn value(mut self, placeholder: &str, value: impl Into<serde_json::Value>) -> Self {
        self.placeholders.value(placeholder, value);
        self
    }
}

macro_rules! reading_methods {
    ($($request:ident),*) => {$(
        impl $request {
            pub(super) fn table(&self) -> &str {
                &self.table_name
            }

            pub fn filter(mut self, expression: &str) -> Self {
                self.reading.filter_expression = Some(expression.to_owned());
                self
            }

            /// Only these attributes are returned.
            pub fn projection(mut self, expression: &str) -> Self {
                self.reading.projection_expression = Some(expression.to_owned());
                self
            }

            /// Items looked at per page, before the filter.
            pub fn limit(mut self, items: u32) -> Self {
                self.reading.limit = Some(items);
                self
            }

            /// Starts after the last key of the page before; `None` from the beginning.
            pub fn start_after(mut self, key: Option<Item>) -> Self {
                self.reading.exclusive_start_key = key;
                self
            }

            /// What `#placeholder` stands for.
            pub fn name(mut self, placeholder: &str, attribute: &str) -> Self {
                self.reading.placeholders.name(placeholder, attribute);
                self
            }

            /// What `:placeholder` stands for.
            pub fn value(mut self, placeholder: &str, value: impl Into<serde_json::Value>) -> Self {
                self.reading.placeholders.value(placeholder, value);
                self
            }
        }
    )*};
}

reading_methods!(Query, Scan);
