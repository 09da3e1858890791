//! What a template says, parsed.

use crate::number::{Arithmetic, Number};
use std::sync::Arc;

#[derive(Debug)]
pub(crate) enum Node {
    Text(Box<str>),
    Print(Reference),
    Set { target: Reference, value: Expression },
    If { branches: Vec<Branch>, otherwise: Vec<Node> },
    Foreach { element: Arc<str>, list: Expression, body: Vec<Node>, at: usize },
    Define { name: Arc<str>, block: Arc<Vec<Node>> },
    Break,
    Stop,
}

#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) condition: Expression,
    pub(crate) body: Vec<Node>,
}

/// `$name.property[index].method(arguments)`.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) name: Arc<str>,
    pub(crate) steps: Vec<Step>,
    /// Where it stands in the template, in bytes.
    pub(crate) at: usize,
}

#[derive(Debug)]
pub(crate) enum Step {
    Property(Arc<str>),
    Index(Expression),
    Method { name: Arc<str>, arguments: Vec<Expression> },
}

#[derive(Debug)]
pub(crate) enum Expression {
    Null,
    Bool(bool),
    Number(Number),
    Text(Arc<str>),
    /// A double-quoted string with something to fill in.
    Interpolated(Vec<Node>),
    List(Vec<Expression>),
    Map(Vec<(Expression, Expression)>),
    Range(Box<(Expression, Expression)>),
    Reference(Reference),
    Not(Box<Expression>),
    Group(Box<Expression>),
    /// Operands of one precedence, left to right. Flat, so that a long sum is not a deep tree.
    Chain {
        first: Box<Expression>,
        rest: Vec<(Operator, Expression)>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Arithmetic(Arithmetic),
    Compare(Comparison),
    And,
    Or,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}
