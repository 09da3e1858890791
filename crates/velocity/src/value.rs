//! What references hold while a template is rendered. Lists and maps live in one heap that goes with the rendering:
//! they are shared, as in Java, and may hold each other in circles without leaking.

use crate::number::Number;
use crate::syntax::Node;
use indexmap::IndexMap;
use std::sync::Arc;

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(Number),
    Text(Arc<str>),
    List(ListId),
    Map(MapId),
    /// An entry of a map, from `entrySet`: in the heap, as a map of `key` and `value`. Values hold no values themselves, so
    /// none is too deep to be dropped.
    Entry(MapId),
    /// What `#define` defined: rendered wherever it is printed.
    Block(Arc<Vec<Node>>),
    /// `$foreach`, by its place among the loops that are running.
    Loop(usize),
    Input,
    Utility,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListId(usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MapId(usize);

#[derive(Debug)]
pub(crate) struct List {
    pub(crate) origin: Origin,
    pub(crate) elements: Vec<Value>,
}

/// Where a list comes from decides how it prints: `[{"a":1}]` from JSON, `[{a=1}]` otherwise. Observed on API Gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Json,
    Template,
}

/// Keys in order of arrival.
pub(crate) type Map = IndexMap<Arc<str>, Value>;

#[derive(Debug, Default)]
pub(crate) struct Heap {
    lists: Vec<List>,
    maps: Vec<Map>,
}

impl Heap {
    pub(crate) fn add_list(&mut self, origin: Origin, elements: Vec<Value>) -> Value {
        self.lists.push(List { origin, elements });
        Value::List(ListId(self.lists.len() - 1))
    }

    pub(crate) fn add_map(&mut self, map: Map) -> Value {
        self.maps.push(map);
        Value::Map(MapId(self.maps.len() - 1))
    }

    // An id is only made by the heap that holds its list or map, and nothing is ever taken out of a heap.

    pub(crate) fn list(&self, id: ListId) -> &List {
        &self.lists[id.0]
    }

    pub(crate) fn list_mut(&mut self, id: ListId) -> &mut Vec<Value> {
        &mut self.lists[id.0].elements
    }

    pub(crate) fn map(&self, id: MapId) -> &Map {
        &self.maps[id.0]
    }

    pub(crate) fn add_entry(&mut self, key: Arc<str>, value: Value) -> Value {
        self.maps.push([("key".into(), Value::Text(key)), ("value".into(), value)].into_iter().collect());
        Value::Entry(MapId(self.maps.len() - 1))
    }

    /// Key and value of an entry.
    pub(crate) fn entry(&self, id: MapId) -> (Value, Value) {
        let part = |name| self.map(id).get(name).cloned().into();
        (part("key"), part("value"))
    }

    pub(crate) fn map_mut(&mut self, id: MapId) -> &mut Map {
        &mut self.maps[id.0]
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Number(Number::Integer(value as i128))
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Number(Number::Integer(value.into()))
    }
}

impl From<Option<Value>> for Value {
    fn from(value: Option<Value>) -> Self {
        value.unwrap_or(Self::Null)
    }
}
