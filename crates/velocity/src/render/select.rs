//! Follows a JSONPath.

use super::{Halt, Render};
use crate::path::{Expected, Literal, Path, Reach, Selector, Test};
use crate::syntax::Comparison;
use crate::value::{Map, Origin, Value};
use std::sync::Arc;

impl Render<'_> {
    /// The value a path leads to, null if there is none; a list of them if the path can lead to several.
    pub(super) fn select(&mut self, root: &Value, path: &str) -> Result<Value, Halt> {
        self.read(path.len())?;
        let parsed = Path::parse(path).map_err(|message| {
            self.bad_call(format!("the JSONPath {:?} {message}", path.chars().take(80).collect::<String>()))
        })?;
        let mut found = vec![root.clone()];
        for segment in &parsed.segments {
            let mut next = Vec::new();
            for value in &found {
                match segment.reach {
                    Reach::Children => self.children(value, &segment.selector, &mut next)?,
                    Reach::Descendants => self.descendants(value, &segment.selector, &mut next)?,
                }
            }
            self.make_values(next.len())?;
            found = next;
        }
        if parsed.is_definite() {
            return Ok(found.pop().into());
        }
        Ok(self.heap.add_list(Origin::Json, found))
    }

    fn descendants(&mut self, value: &Value, selector: &Selector, found: &mut Vec<Value>) -> Result<(), Halt> {
        self.children(value, selector, found)?;
        for inner in self.elements(value)?.unwrap_or_default() {
            self.enter()?;
            let result = self.descendants(&inner, selector, found);
            self.leave();
            result?;
        }
        Ok(())
    }

    fn children(&mut self, value: &Value, selector: &Selector, found: &mut Vec<Value>) -> Result<(), Halt> {
        self.step()?;
        match (selector, value) {
            (Selector::Name(name), Value::Map(id)) => found.extend(self.heap.map(*id).get(name).cloned()),
            (Selector::Names(names), Value::Map(id)) => {
                let map = self.heap.map(*id);
                let part: Map =
                    names.iter().filter_map(|name| Some((Arc::clone(name), map.get(name)?.clone()))).collect();
                self.make_values(2 * part.len())?;
                let part = self.heap.add_map(part);
                found.push(part);
            }
            (Selector::Index(index), Value::List(id)) => {
                found.extend(at(&self.heap.list(*id).elements, *index).cloned())
            }
            (Selector::Indexes(indexes), Value::List(id)) => {
                let elements = &self.heap.list(*id).elements;
                found.extend(indexes.iter().filter_map(|index| at(elements, *index).cloned()));
            }
            (Selector::Slice { from, to }, Value::List(id)) => {
                let elements = &self.heap.list(*id).elements;
                let (from, to) = (bound(elements, from.unwrap_or(0)), bound(elements, to.unwrap_or(i64::MAX)));
                found.extend_from_slice(elements.get(from..to).unwrap_or_default());
            }
            (Selector::Every, _) => found.append(&mut self.elements(value)?.unwrap_or_default()),
            (Selector::Filter(any), _) => {
                for element in self.elements(value)?.unwrap_or_default() {
                    if self.passes(&element, any)? {
                        found.push(element);
                    }
                }
            }
            _ => {}
        }
        // Also what one selector finds at once is held against the limits.
        if found.len() as u64 > crate::limits::MAX_STEPS {
            return Err(self.over_limit("the JSONPath finds too much".to_owned()));
        }
        Ok(())
    }

    fn passes(&mut self, element: &Value, any: &[Vec<Test>]) -> Result<bool, Halt> {
        for all in any {
            let mut passed = true;
            for test in all {
                passed = passed && self.is_met(element, test)?;
            }
            if passed {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_met(&mut self, element: &Value, test: &Test) -> Result<bool, Halt> {
        let mut found = vec![element.clone()];
        for step in &test.steps {
            let mut next = Vec::new();
            for value in &found {
                self.children(value, step, &mut next)?;
            }
            found = next;
        }
        Ok(match (&test.expected, found.first()) {
            (Expected::Present, value) => value.is_some(),
            (Expected::Absent, value) => value.is_none(),
            (Expected::Compared(comparison, literal), value) => compared(value, *comparison, literal),
        })
    }
}

/// Values of different kinds are unequal and in no order.
fn compared(value: Option<&Value>, comparison: Comparison, literal: &Literal) -> bool {
    use std::cmp::Ordering;
    let order = match (value, literal) {
        (Some(Value::Null), Literal::Null) => Some(Ordering::Equal),
        (Some(Value::Bool(left)), Literal::Bool(right)) => (left == right).then_some(Ordering::Equal),
        (Some(Value::Number(left)), Literal::Number(right)) => left.as_double().partial_cmp(right),
        (Some(Value::Text(left)), Literal::Text(right)) => Some(left.cmp(right)),
        _ => None,
    };
    match comparison {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::NotEqual => order != Some(Ordering::Equal),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }
}

fn at(elements: &[Value], index: i64) -> Option<&Value> {
    let place = if index < 0 { index + i64::try_from(elements.len()).ok()? } else { index };
    elements.get(usize::try_from(place).ok()?)
}

/// A slice's end as a place in the list; below zero counts from the list's end.
fn bound(elements: &[Value], end: i64) -> usize {
    let length = i64::try_from(elements.len()).unwrap_or(i64::MAX);
    let place = if end < 0 { end.saturating_add(length) } else { end };
    usize::try_from(place.clamp(0, length)).unwrap_or(0)
}
