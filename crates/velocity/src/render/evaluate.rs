//! Values of expressions, and what a reference leads to.

use super::{Halt, Render};
use crate::limits::MAX_RANGE;
use crate::number::{Arithmetic, Number};
use crate::syntax::{Comparison, Expression, Operator, Reference, Step};
use crate::value::{Map, Origin, Value};
use std::cmp::Ordering;
use std::sync::Arc;

impl Render<'_> {
    pub(super) fn value(&mut self, expression: &Expression) -> Result<Value, Halt> {
        self.enter()?;
        let value = self.value_here(expression);
        self.leave();
        value
    }

    fn value_here(&mut self, expression: &Expression) -> Result<Value, Halt> {
        Ok(match expression {
            Expression::Null => Value::Null,
            Expression::Bool(value) => Value::Bool(*value),
            Expression::Number(number) => Value::Number(*number),
            Expression::Text(text) => Value::Text(Arc::clone(text)),
            Expression::Interpolated(nodes) => {
                let mut text = String::new();
                self.nodes(nodes, &mut text)?;
                self.text(text)?
            }
            Expression::List(elements) => {
                let elements = self.values(elements)?;
                self.heap.add_list(Origin::Template, elements)
            }
            Expression::Map(entries) => self.map_of(entries)?,
            Expression::Range(ends) => {
                let (first, last) = (self.value(&ends.0)?, self.value(&ends.1)?);
                self.range(&first, &last)?
            }
            Expression::Reference(reference) => self.reference(reference)?,
            Expression::Group(inner) => self.value(inner)?,
            Expression::Not(_) => Value::Bool(self.holds(expression)?),
            Expression::Chain { first, rest } => self.chain(first, rest)?,
        })
    }

    pub(super) fn values(&mut self, expressions: &[Expression]) -> Result<Vec<Value>, Halt> {
        self.make_values(expressions.len())?;
        expressions.iter().map(|expression| self.value(expression)).collect()
    }

    /// Whether a condition holds. As in Velocity, only references, comparisons and booleans can hold: `#if("text")` and
    /// `#if(1)` do not.
    pub(super) fn holds(&mut self, condition: &Expression) -> Result<bool, Halt> {
        self.enter()?;
        let holds = self.holds_here(condition);
        self.leave();
        holds
    }

    fn holds_here(&mut self, condition: &Expression) -> Result<bool, Halt> {
        match condition {
            Expression::Bool(value) => Ok(*value),
            Expression::Group(inner) => self.holds(inner),
            Expression::Not(inner) => Ok(!self.holds(inner)?),
            Expression::Reference(reference) => Ok(is_taken(&self.reference(reference)?)),
            Expression::Chain { first, rest } => Ok(!ends_in_arithmetic(rest) && is_taken(&self.chain(first, rest)?)),
            _ => Ok(false),
        }
    }

    fn chain(&mut self, first: &Expression, rest: &[(Operator, Expression)]) -> Result<Value, Halt> {
        if rest.iter().any(|(operator, _)| matches!(operator, Operator::And | Operator::Or)) {
            return self.logic(first, rest).map(Value::Bool);
        }
        let mut left = self.value(first)?;
        for (operator, right) in rest {
            let right = self.value(right)?;
            left = match operator {
                Operator::Arithmetic(operator) => self.arithmetic(&left, *operator, &right)?,
                Operator::Compare(comparison) => Value::Bool(self.compare(&left, *comparison, &right)?),
                Operator::And | Operator::Or => unreachable!("a chain with logic was sent to logic()"),
            };
        }
        Ok(left)
    }

    /// One level holds only `and`s or only `or`s. What the left side decides is not evaluated on the right.
    fn logic(&mut self, first: &Expression, rest: &[(Operator, Expression)]) -> Result<bool, Halt> {
        let mut left = self.holds(first)?;
        for (operator, right) in rest {
            let decides = *operator == Operator::Or;
            if left == decides {
                return Ok(decides);
            }
            left = self.holds(right)?;
        }
        Ok(left)
    }

    fn arithmetic(&mut self, left: &Value, operator: Arithmetic, right: &Value) -> Result<Value, Halt> {
        if operator == Arithmetic::Add && (matches!(left, Value::Text(_)) || matches!(right, Value::Text(_))) {
            let mut text = String::new();
            self.print(left, &mut text)?;
            self.print(right, &mut text)?;
            return self.text(text);
        }
        Ok(match (left, right) {
            (Value::Number(left), Value::Number(right)) => left.apply(operator, *right).map(Value::Number).into(),
            _ => Value::Null,
        })
    }

    fn compare(&mut self, left: &Value, comparison: Comparison, right: &Value) -> Result<bool, Halt> {
        match comparison {
            Comparison::Equal => return self.equal(left, right),
            Comparison::NotEqual => return Ok(!self.equal(left, right)?),
            _ => {}
        }
        // Velocity compares nothing but numbers: anything else is not less and not greater.
        let (Value::Number(left), Value::Number(right)) = (left, right) else {
            return Ok(false);
        };
        let order = left.compare(*right);
        Ok(match comparison {
            Comparison::Less => order == Ordering::Less,
            Comparison::LessOrEqual => order != Ordering::Greater,
            Comparison::Greater => order == Ordering::Greater,
            _ => order != Ordering::Less,
        })
    }

    fn map_of(&mut self, entries: &[(Expression, Expression)]) -> Result<Value, Halt> {
        self.make_values(2 * entries.len())?;
        let mut map = Map::new();
        for (key, value) in entries {
            let key = self.value(key)?;
            let key = self.key(&key)?;
            map.insert(key, self.value(value)?);
        }
        Ok(self.heap.add_map(map))
    }

    fn range(&mut self, first: &Value, last: &Value) -> Result<Value, Halt> {
        let (Value::Number(first), Value::Number(last)) = (first, last) else {
            return Ok(Value::Null);
        };
        let (first, last) = (first.as_integer(), last.as_integer());
        let length = first.saturating_sub(last).saturating_abs().saturating_add(1);
        if length > MAX_RANGE {
            return Err(self.over_limit(format!("the range [{first}..{last}] has more than {MAX_RANGE} elements")));
        }
        self.make_values(length as usize)?;
        let step = if first <= last { 1 } else { -1 };
        let elements = (0..length).map(|index| Value::Number(Number::Integer(first + step * index))).collect();
        Ok(self.heap.add_list(Origin::Template, elements))
    }

    /// What a reference leads to. Nothing is an empty string: observed on API Gateway, where plain Velocity has null.
    pub(super) fn reference(&mut self, reference: &Reference) -> Result<Value, Halt> {
        self.at = reference.at;
        let value = self.follow(&reference.name, &reference.steps)?;
        self.at = reference.at;
        Ok(if matches!(value, Value::Null) { Value::from("") } else { value })
    }

    fn follow(&mut self, name: &str, steps: &[Step]) -> Result<Value, Halt> {
        let mut value = self.variable(name)?;
        for step in steps {
            if matches!(value, Value::Null) {
                break;
            }
            self.step()?;
            value = match step {
                Step::Property(name) => self.property(&value, name)?,
                Step::Index(index) => {
                    let index = self.value(index)?;
                    self.index(&value, &index)?
                }
                Step::Method { name, arguments } => {
                    let arguments = self.values(arguments)?;
                    self.call(&value, name, &arguments)?
                }
            };
        }
        Ok(value)
    }

    fn variable(&mut self, name: &str) -> Result<Value, Halt> {
        if let Some(value) = self.variables.get(name) {
            return Ok(value.clone());
        }
        match name {
            "input" => Ok(Value::Input),
            "util" => Ok(Value::Utility),
            "context" => self.context(),
            "stageVariables" => {
                let variables = self.entries(&self.scope.stage_variables)?;
                self.variables.insert(name.into(), variables.clone());
                Ok(variables)
            }
            _ => Ok(Value::Null),
        }
    }

    /// Setting null, and setting into what is not there, does nothing.
    pub(super) fn set(&mut self, target: &Reference, value: Value) -> Result<(), Halt> {
        self.at = target.at;
        if matches!(value, Value::Null) {
            return Ok(());
        }
        let Some((last, before)) = target.steps.split_last() else {
            self.variables.insert(Arc::clone(&target.name), value);
            return Ok(());
        };
        let holder = self.follow(&target.name, before)?;
        match last {
            Step::Property(name) => self.put(&holder, Arc::clone(name), value),
            Step::Index(index) => {
                let index = self.value(index)?;
                self.set_index(&holder, &index, value)
            }
            Step::Method { .. } => Ok(()),
        }
    }
}

fn is_taken(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
}

fn ends_in_arithmetic(rest: &[(Operator, Expression)]) -> bool {
    matches!(rest.last(), Some((Operator::Arithmetic(_), _)))
}
