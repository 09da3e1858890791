//! The JSON of requests and answers, as far as the client reads it.

use super::{Item, Write};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub(super) struct Ignored {}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetAnswer {
    pub(super) item: Option<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PageAnswer {
    #[serde(default)]
    pub(super) items: Vec<Item>,
    pub(super) last_evaluated_key: Option<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchAnswer {
    #[serde(default)]
    pub(super) unprocessed_items: BTreeMap<String, Vec<WriteRequest>>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) enum WriteRequest {
    #[serde(rename = "PutRequest")]
    Put {
        #[serde(rename = "Item")]
        item: Item,
    },
    #[serde(rename = "DeleteRequest")]
    Delete {
        #[serde(rename = "Key")]
        key: Item,
    },
}

impl From<Write> for WriteRequest {
    fn from(write: Write) -> Self {
        match write {
            Write::Put(item) => Self::Put { item },
            Write::Delete(key) => Self::Delete { key },
        }
    }
}
