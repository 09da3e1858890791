//! Lists, maps, and what any value can be asked: properties, indexes, methods.

use super::{Halt, Render};
use crate::number::Number;
use crate::value::{ListId, Map, MapId, Origin, Value};
use std::sync::Arc;

impl Render<'_> {
    /// A method's answer; null if there is no such method with such arguments.
    pub(super) fn call(&mut self, on: &Value, name: &str, arguments: &[Value]) -> Result<Value, Halt> {
        match (name, arguments) {
            ("toString", []) => {
                let text = self.printed(on)?;
                return self.text(text);
            }
            ("equals", [other]) => return self.equals(on, other).map(Value::Bool),
            _ => {}
        }
        match on {
            Value::Text(text) => self.call_text(&Arc::clone(text), name, arguments),
            Value::Number(number) => self.call_number(*number, name, arguments),
            Value::List(id) => self.call_list(*id, name, arguments),
            Value::Map(id) => self.call_map(*id, name, arguments),
            Value::Input => self.call_input(name, arguments),
            Value::Utility => self.call_utility(name, arguments),
            Value::Entry(id) => Ok(match (name, arguments) {
                ("getKey", []) => self.heap.entry(*id).0,
                ("getValue", []) => self.heap.entry(*id).1,
                _ => Value::Null,
            }),
            Value::Bool(value) => Ok(match (name, arguments) {
                ("booleanValue", []) => Value::Bool(*value),
                _ => Value::Null,
            }),
            Value::Loop(place) if arguments.is_empty() => {
                let property = name.strip_prefix("get").or_else(|| name.strip_prefix("is")).unwrap_or(name);
                let mut letters = property.chars();
                let lowered = letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters);
                Ok(self.loop_property(*place, &lowered.collect::<String>()))
            }
            Value::Loop(_) | Value::Block(_) | Value::Null => Ok(Value::Null),
        }
    }

    pub(super) fn property(&mut self, of: &Value, name: &str) -> Result<Value, Halt> {
        Ok(match of {
            Value::Map(id) | Value::Entry(id) => self.heap.map(*id).get(name).cloned().into(),
            Value::Loop(place) => self.loop_property(*place, name),
            Value::Input if name == "body" => self.raw_body()?,
            Value::List(id) if name == "empty" => Value::Bool(self.heap.list(*id).elements.is_empty()),
            Value::Text(text) if name == "empty" => Value::Bool(text.is_empty()),
            _ => Value::Null,
        })
    }

    fn loop_property(&self, place: usize, name: &str) -> Value {
        let Some(running) = self.loops.get(place) else {
            return Value::Null;
        };
        match name {
            "index" => Value::from(running.index),
            "count" => Value::from(running.index + 1),
            "hasNext" => Value::Bool(running.has_next),
            "first" => Value::Bool(running.index == 0),
            "last" => Value::Bool(!running.has_next),
            "parent" if place > 0 => Value::Loop(place - 1),
            "topmost" => Value::Loop(0),
            _ => Value::Null,
        }
    }

    pub(super) fn index(&mut self, of: &Value, index: &Value) -> Result<Value, Halt> {
        match (of, index) {
            (Value::List(id), Value::Number(number)) => {
                let at = self.list_place(*id, *number)?;
                Ok(self.heap.list(*id).elements[at].clone())
            }
            (Value::Map(id), key) => {
                let key = self.key(key)?;
                Ok(self.heap.map(*id).get(&key).cloned().into())
            }
            _ => Ok(Value::Null),
        }
    }

    pub(super) fn set_index(&mut self, of: &Value, index: &Value, value: Value) -> Result<(), Halt> {
        match (of, index) {
            (Value::List(id), Value::Number(number)) => {
                let at = self.list_place(*id, *number)?;
                self.heap.list_mut(*id)[at] = value;
                Ok(())
            }
            (Value::Map(_), key) => {
                let key = self.key(key)?;
                self.put(of, key, value)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn put(&mut self, into: &Value, key: Arc<str>, value: Value) -> Result<(), Halt> {
        if let Value::Map(id) = into {
            self.make_values(2)?;
            self.heap.map_mut(*id).insert(key, value);
        }
        Ok(())
    }

    /// Where in the list an index points; below zero counts from the end.
    fn list_place(&self, id: ListId, index: Number) -> Result<usize, Halt> {
        let length = self.heap.list(id).elements.len();
        let index = index.as_integer();
        let place = if index < 0 { index + length as i128 } else { index };
        match usize::try_from(place) {
            Ok(place) if place < length => Ok(place),
            _ => Err(self.bad_call(format!("index {index} is outside the list of {length}; ask its size() first"))),
        }
    }

    /// Keys are text here: a map's key `1` is its key `"1"`.
    pub(super) fn key(&mut self, key: &Value) -> Result<Arc<str>, Halt> {
        self.printed(key)
    }

    pub(super) fn entries(&mut self, entries: &[(&str, &str)]) -> Result<Value, Halt> {
        let mut map = Map::new();
        self.make_values(2 * entries.len())?;
        for (name, value) in entries {
            let value = self.text(value)?;
            map.insert(Arc::from(*name), value);
        }
        Ok(self.heap.add_map(map))
    }

    /// What `#foreach` goes through: elements of a list, values of a map.
    pub(super) fn elements(&mut self, of: &Value) -> Result<Option<Vec<Value>>, Halt> {
        let elements = match of {
            Value::List(id) => self.heap.list(*id).elements.clone(),
            Value::Map(id) => self.heap.map(*id).values().cloned().collect(),
            _ => return Ok(None),
        };
        self.make_values(elements.len())?;
        Ok(Some(elements))
    }

    pub(super) fn new_list(&mut self, elements: Vec<Value>) -> Result<Value, Halt> {
        self.make_values(elements.len() + 1)?;
        Ok(self.heap.add_list(Origin::Template, elements))
    }

    fn call_list(&mut self, id: ListId, name: &str, arguments: &[Value]) -> Result<Value, Halt> {
        let length = self.heap.list(id).elements.len();
        Ok(match (name, arguments) {
            ("size" | "length", []) => Value::from(length),
            ("isEmpty", []) => Value::Bool(length == 0),
            ("get", [Value::Number(index)]) => {
                let at = self.list_place(id, *index)?;
                self.heap.list(id).elements[at].clone()
            }
            ("set", [Value::Number(index), value]) => {
                let at = self.list_place(id, *index)?;
                std::mem::replace(&mut self.heap.list_mut(id)[at], value.clone())
            }
            ("add", [value]) => {
                self.make_values(1)?;
                self.heap.list_mut(id).push(value.clone());
                Value::Bool(true)
            }
            ("add", [Value::Number(index), value]) => {
                let at = usize::try_from(index.as_integer()).ok().filter(|at| *at <= length);
                let Some(at) = at else {
                    return Err(self.bad_call(format!("cannot add at {index}: the list has {length} elements")));
                };
                self.make_values(1 + length - at)?;
                self.heap.list_mut(id).insert(at, value.clone());
                Value::from("")
            }
            ("addAll", [other]) => {
                let mut added = self.elements(other)?.unwrap_or_default();
                let changes = !added.is_empty();
                self.heap.list_mut(id).append(&mut added);
                Value::Bool(changes)
            }
            ("remove", [Value::Number(index)]) => {
                let at = self.list_place(id, *index)?;
                self.steps((length - at) as u64)?;
                self.heap.list_mut(id).remove(at)
            }
            ("remove", [value]) => match self.find(id, value)? {
                Some(at) => {
                    self.steps((length - at) as u64)?;
                    self.heap.list_mut(id).remove(at);
                    Value::Bool(true)
                }
                None => Value::Bool(false),
            },
            ("contains", [value]) => Value::Bool(self.find(id, value)?.is_some()),
            ("indexOf", [value]) => self.find(id, value)?.map_or(Value::from(-1), Value::from),
            ("clear", []) => {
                self.heap.list_mut(id).clear();
                Value::from("")
            }
            ("subList", [Value::Number(from), Value::Number(to)]) => {
                let place = |number: &Number| usize::try_from(number.as_integer()).ok().filter(|at| *at <= length);
                match (place(from), place(to)) {
                    (Some(from), Some(to)) if from <= to => {
                        let part = self.heap.list(id).elements[from..to].to_vec();
                        self.new_list(part)?
                    }
                    _ => return Err(self.bad_call(format!("subList({from}, {to}) is outside the list of {length}"))),
                }
            }
            _ => Value::Null,
        })
    }

    fn find(&mut self, id: ListId, value: &Value) -> Result<Option<usize>, Halt> {
        let mut at = 0;
        while let Some(element) = self.heap.list(id).elements.get(at).cloned() {
            if self.equals(&element, value)? {
                return Ok(Some(at));
            }
            at += 1;
        }
        Ok(None)
    }

    fn call_map(&mut self, id: MapId, name: &str, arguments: &[Value]) -> Result<Value, Halt> {
        let length = self.heap.map(id).len();
        Ok(match (name, arguments) {
            ("size", []) => Value::from(length),
            ("isEmpty", []) => Value::Bool(length == 0),
            ("get", [key]) => {
                let key = self.key(key)?;
                self.heap.map(id).get(&key).cloned().into()
            }
            ("getOrDefault", [key, default]) => {
                let key = self.key(key)?;
                self.heap.map(id).get(&key).cloned().unwrap_or_else(|| default.clone())
            }
            ("put", [key, value]) => {
                let key = self.key(key)?;
                self.make_values(2)?;
                self.heap.map_mut(id).insert(key, value.clone()).into()
            }
            ("putAll", [Value::Map(other)]) => {
                let added: Vec<_> = self.heap.map(*other).iter().map(|(k, v)| (Arc::clone(k), v.clone())).collect();
                self.make_values(2 * added.len())?;
                self.heap.map_mut(id).extend(added);
                Value::from("")
            }
            ("remove", [key]) => {
                let key = self.key(key)?;
                self.steps(length as u64)?;
                self.heap.map_mut(id).shift_remove(&key).into()
            }
            ("containsKey", [key]) => {
                let key = self.key(key)?;
                Value::Bool(self.heap.map(id).contains_key(&key))
            }
            ("containsValue", [value]) => {
                let values = self.elements(&Value::Map(id))?.unwrap_or_default();
                let mut found = false;
                for candidate in &values {
                    found = found || self.equals(candidate, value)?;
                }
                Value::Bool(found)
            }
            ("keySet", []) => {
                let keys = self.heap.map(id).keys().map(|key| Value::Text(Arc::clone(key))).collect();
                self.new_list(keys)?
            }
            ("values", []) => {
                let values = self.heap.map(id).values().cloned().collect();
                self.new_list(values)?
            }
            ("entrySet", []) => {
                self.make_values(5 * length)?;
                let pairs: Vec<_> =
                    self.heap.map(id).iter().map(|(key, value)| (Arc::clone(key), value.clone())).collect();
                let entries = pairs.into_iter().map(|(key, value)| self.heap.add_entry(key, value)).collect();
                self.new_list(entries)?
            }
            ("clear", []) => {
                self.heap.map_mut(id).clear();
                Value::from("")
            }
            _ => Value::Null,
        })
    }
}
