//! Walks a template and puts out text. Every step is counted; see [`crate::limits`].

mod collections;
mod compare;
mod evaluate;
mod input;
mod meter;
mod numbers;
mod pattern;
mod print;
mod select;
mod strings;
mod utility;

use crate::error::RenderErrorKind;
use crate::limits::{MAX_DEFINE_DEPTH, MAX_FOREACH_ROUNDS, MAX_RENDER_DEPTH};
use crate::scope::Scope;
use crate::syntax::{Branch, Expression, Node};
use crate::value::{Heap, Value};
use meter::Meter;
use std::collections::HashMap;
use std::sync::Arc;

/// Why a rendering ended, and where.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) at: usize,
    pub(crate) kind: RenderErrorKind,
    pub(crate) message: String,
}

/// What unwinds the walk.
#[derive(Debug)]
enum Halt {
    Break,
    Stop,
    Failed(Box<Failure>),
}

#[derive(Debug)]
struct Loop {
    index: usize,
    has_next: bool,
}

struct Render<'s> {
    scope: &'s Scope<'s>,
    heap: Heap,
    variables: HashMap<Arc<str>, Value>,
    loops: Vec<Loop>,
    open_blocks: Vec<*const Vec<Node>>,
    patterns: HashMap<Arc<str>, regex::Regex>,
    body: Option<Value>,
    context: Option<Value>,
    meter: Meter,
    depth: usize,
    /// The reference or directive being rendered, in bytes of the template.
    at: usize,
}

pub(crate) fn template(nodes: &[Node], scope: &Scope<'_>) -> Result<String, Failure> {
    let mut out = String::new();
    match Render::new(scope).nodes(nodes, &mut out) {
        // A #break outside a loop ends the template, as #stop does.
        Ok(()) | Err(Halt::Break | Halt::Stop) => Ok(out),
        Err(Halt::Failed(failure)) => Err(*failure),
    }
}

impl<'s> Render<'s> {
    fn new(scope: &'s Scope<'s>) -> Self {
        Self {
            scope,
            heap: Heap::default(),
            variables: HashMap::new(),
            loops: Vec::new(),
            open_blocks: Vec::new(),
            patterns: HashMap::new(),
            body: None,
            context: None,
            meter: Meter::default(),
            depth: 0,
            at: 0,
        }
    }

    fn nodes(&mut self, nodes: &[Node], out: &mut String) -> Result<(), Halt> {
        self.enter()?;
        let result = nodes.iter().try_for_each(|node| self.node(node, out));
        self.leave();
        result
    }

    /// Whatever may call itself again begins here and ends with [`Self::leave`]: the stack is as deep as they count.
    fn enter(&mut self) -> Result<(), Halt> {
        self.step()?;
        if self.depth >= MAX_RENDER_DEPTH {
            return Err(self.over_limit(format!("deeper than {MAX_RENDER_DEPTH}, or a value that holds itself")));
        }
        self.depth += 1;
        Ok(())
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }

    fn node(&mut self, node: &Node, out: &mut String) -> Result<(), Halt> {
        self.step()?;
        match node {
            Node::Text(text) => self.push(out, text),
            Node::Print(reference) => {
                let value = self.reference(reference)?;
                self.print(&value, out)
            }
            Node::Set { target, value } => {
                let value = self.value(value)?;
                self.set(target, value)
            }
            Node::If { branches, otherwise } => self.if_(branches, otherwise, out),
            Node::Foreach { element, list, body, at } => {
                self.at = *at;
                self.foreach(element, list, body, out)
            }
            Node::Define { name, block } => {
                self.variables.insert(Arc::clone(name), Value::Block(Arc::clone(block)));
                Ok(())
            }
            Node::Break => Err(Halt::Break),
            Node::Stop => Err(Halt::Stop),
        }
    }

    fn if_(&mut self, branches: &[Branch], otherwise: &[Node], out: &mut String) -> Result<(), Halt> {
        for branch in branches {
            if self.holds(&branch.condition)? {
                return self.nodes(&branch.body, out);
            }
        }
        self.nodes(otherwise, out)
    }

    fn foreach(&mut self, element: &Arc<str>, list: &Expression, body: &[Node], out: &mut String) -> Result<(), Halt> {
        let list = self.value(list)?;
        let Some(elements) = self.elements(&list)? else {
            return Ok(());
        };
        let names = [Arc::clone(element), "foreach".into(), "velocityCount".into(), "velocityHasNext".into()];
        let hidden = names.clone().map(|name| self.variables.remove(&name));
        let place = self.loops.len();
        self.loops.push(Loop { index: 0, has_next: false });
        let mut result = Ok(());
        let count = elements.len();
        for (index, value) in elements.into_iter().enumerate().take(MAX_FOREACH_ROUNDS) {
            self.loops.truncate(place);
            self.loops.push(Loop { index, has_next: index + 1 < count });
            let round = [value, Value::Loop(place), Value::from(index + 1), Value::Bool(index + 1 < count)];
            self.variables.extend(names.iter().cloned().zip(round));
            result = self.nodes(body, out);
            if result.is_err() {
                break;
            }
        }
        self.loops.truncate(place);
        for (name, value) in names.into_iter().zip(hidden) {
            match value {
                Some(value) => self.variables.insert(name, value),
                None => self.variables.remove(&name),
            };
        }
        match result {
            Err(Halt::Break) => Ok(()),
            other => other,
        }
    }

    /// Prints what `#define` holds. A block open too often already prints nothing.
    fn block(&mut self, block: &Arc<Vec<Node>>, out: &mut String) -> Result<(), Halt> {
        let identity = Arc::as_ptr(block);
        if self.open_blocks.iter().filter(|open| **open == identity).count() >= MAX_DEFINE_DEPTH {
            return Ok(());
        }
        self.open_blocks.push(identity);
        let result = self.nodes(block, out);
        self.open_blocks.pop();
        match result {
            Err(Halt::Break) => Ok(()),
            other => other,
        }
    }
}
