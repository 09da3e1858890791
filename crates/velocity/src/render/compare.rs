//! When two values are the same.

use super::{Halt, Render};
use crate::limits::MAX_VALUE_DEPTH;
use crate::value::Value;

impl Render<'_> {
    /// Velocity's `==`: numbers by value, like with like, anything else by its text.
    pub(super) fn equal(&mut self, left: &Value, right: &Value) -> Result<bool, Halt> {
        match (left, right) {
            (Value::Null, Value::Null) => Ok(true),
            (Value::Null, _) | (_, Value::Null) => Ok(false),
            _ => match self.same(left, right, 0)? {
                Some(answer) => Ok(answer),
                None => Ok(self.printed(left)? == self.printed(right)?),
            },
        }
    }

    /// Java's `equals`: values of different kinds are never the same.
    pub(super) fn equals(&mut self, left: &Value, right: &Value) -> Result<bool, Halt> {
        Ok(self.same(left, right, 0)?.unwrap_or(false))
    }

    /// `None` if the two are of different kinds.
    fn same(&mut self, left: &Value, right: &Value, depth: usize) -> Result<Option<bool>, Halt> {
        self.step()?;
        if depth > MAX_VALUE_DEPTH {
            return Err(self.over_limit(format!("a value nests deeper than {MAX_VALUE_DEPTH}, or holds itself")));
        }
        Ok(Some(match (left, right) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(left), Value::Bool(right)) => left == right,
            (Value::Number(left), Value::Number(right)) => left.compare(*right).is_eq(),
            (Value::Text(left), Value::Text(right)) => {
                let (left, right) = (left.clone(), right.clone());
                self.read(left.len().min(right.len()))?;
                left == right
            }
            (Value::List(left), Value::List(right)) if left == right => true,
            (Value::List(left), Value::List(right)) => {
                let (left, right) = (self.heap.list(*left).elements.clone(), self.heap.list(*right).elements.clone());
                self.make_values(left.len() + right.len())?;
                left.len() == right.len() && self.all_same(left.iter().zip(&right), depth)?
            }
            (Value::Map(left), Value::Map(right)) if left == right => true,
            (Value::Map(left), Value::Map(right)) => {
                let (left, right) = (self.heap.map(*left), self.heap.map(*right));
                if left.len() != right.len() || !left.keys().all(|key| right.contains_key(key)) {
                    return Ok(Some(false));
                }
                let pairs: Vec<_> =
                    left.iter().filter_map(|(key, value)| Some((value.clone(), right.get(key)?.clone()))).collect();
                self.make_values(2 * pairs.len())?;
                self.all_same(pairs.iter().map(|(left, right)| (left, right)), depth)?
            }
            (Value::Entry(left), Value::Entry(right)) => {
                left.0 == right.0 && self.same(&left.1, &right.1, depth + 1)?.unwrap_or(false)
            }
            _ => return Ok(None),
        }))
    }

    fn all_same<'v>(
        &mut self,
        pairs: impl Iterator<Item = (&'v Value, &'v Value)>,
        depth: usize,
    ) -> Result<bool, Halt> {
        for (left, right) in pairs {
            if !self.same(left, right, depth + 1)?.unwrap_or(false) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
