//! When two values are the same.

use super::{Halt, Render};
use crate::value::{ListId, MapId, Value};

impl Render<'_> {
    /// Velocity's `==`: numbers by value, like with like, anything else by its text.
    pub(super) fn equal(&mut self, left: &Value, right: &Value) -> Result<bool, Halt> {
        match (left, right) {
            (Value::Null, Value::Null) => Ok(true),
            (Value::Null, _) | (_, Value::Null) => Ok(false),
            _ => match self.same(left, right)? {
                Some(answer) => Ok(answer),
                None => Ok(self.printed(left)? == self.printed(right)?),
            },
        }
    }

    /// Java's `equals`: values of different kinds are never the same.
    pub(super) fn equals(&mut self, left: &Value, right: &Value) -> Result<bool, Halt> {
        Ok(self.same(left, right)?.unwrap_or(false))
    }

    /// `None` if the two are of different kinds.
    fn same(&mut self, left: &Value, right: &Value) -> Result<Option<bool>, Halt> {
        self.enter()?;
        let same = self.same_here(left, right);
        self.leave();
        same
    }

    fn same_here(&mut self, left: &Value, right: &Value) -> Result<Option<bool>, Halt> {
        Ok(Some(match (left, right) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(left), Value::Bool(right)) => left == right,
            (Value::Number(left), Value::Number(right)) => left.compare(*right).is_eq(),
            (Value::Text(left), Value::Text(right)) => {
                self.read(left.len().min(right.len()))?;
                left == right
            }
            (Value::List(left), Value::List(right)) => left == right || self.same_lists(*left, *right)?,
            (Value::Map(left), Value::Map(right)) | (Value::Entry(left), Value::Entry(right)) => {
                left == right || self.same_maps(*left, *right)?
            }
            _ => return Ok(None),
        }))
    }

    fn same_lists(&mut self, left: ListId, right: ListId) -> Result<bool, Halt> {
        let (left, right) = (&self.heap.list(left).elements, &self.heap.list(right).elements);
        if left.len() != right.len() {
            return Ok(false);
        }
        let pairs = left.iter().cloned().zip(right.iter().cloned()).collect();
        self.all_same(pairs)
    }

    /// Their order does not matter.
    fn same_maps(&mut self, left: MapId, right: MapId) -> Result<bool, Halt> {
        let (left, right) = (self.heap.map(left), self.heap.map(right));
        if left.len() != right.len() || !left.keys().all(|key| right.contains_key(key)) {
            return Ok(false);
        }
        let pairs = left.iter().filter_map(|(key, value)| Some((value.clone(), right.get(key)?.clone()))).collect();
        self.all_same(pairs)
    }

    fn all_same(&mut self, pairs: Vec<(Value, Value)>) -> Result<bool, Halt> {
        self.make_values(2 * pairs.len())?;
        for (left, right) in &pairs {
            if !self.equals(left, right)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
