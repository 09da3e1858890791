//! From what a template says to what it means: every function worked out, every reference a name or an ARN.
//!
//! Values are worked out when they are asked for. Names of resources may depend on other resources, so they are worked out
//! at their first reference and kept.

mod attributes;
mod conditions;
mod lists;
mod network;
mod references;
mod substitution;
mod texts;

pub use attributes::STREAM_LABEL;
pub(crate) use substitution::{Piece, pieces};

use crate::document::{At, Entry, Kind, Node};
use crate::environment::Environment;
use crate::limits;
use crate::problem::{Findings, use_one_of};
use crate::resource::Resource;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};

/// Functions that a template may call for a value.
const FUNCTIONS: &[&str] = &[
    "Ref",
    "Fn::GetAtt",
    "Fn::Sub",
    "Fn::Join",
    "Fn::Select",
    "Fn::Split",
    "Fn::If",
    "Fn::FindInMap",
    "Fn::ImportValue",
    "Fn::Base64",
    "Fn::Cidr",
    "Fn::GetAZs",
    "Fn::Length",
    "Fn::ToJsonString",
    "Fn::Transform",
];

/// All that values can refer to.
pub(crate) struct Scope<'t> {
    pub(crate) findings: &'t Findings,
    pub(crate) environment: &'t Environment,
    pub(crate) stack: &'t str,
    pub(crate) parameters: BTreeMap<String, Node>,
    pub(crate) mappings: Option<&'t Node>,
    pub(crate) conditions: BTreeMap<&'t str, &'t Node>,
    pub(crate) resources: BTreeMap<&'t str, &'t Resource>,
    /// `Function.Alias` and the like, which SAM gives to what it generates: the resource meant.
    pub(crate) generated: &'t BTreeMap<String, String>,
    /// What other stacks export.
    pub(crate) imports: &'t BTreeMap<String, String>,
    /// Outputs of nested stacks; none of those that could not be loaded, which has been told.
    pub(crate) nested: RefCell<HashMap<String, Option<BTreeMap<String, String>>>>,
    progress: Progress,
}

/// What was worked out, and what it has cost.
#[derive(Default)]
struct Progress {
    conditions: RefCell<HashMap<String, Decision>>,
    names: RefCell<HashMap<String, Option<String>>>,
    depth: Cell<usize>,
    spent: Cell<usize>,
}

#[derive(Clone, Copy)]
enum Decision {
    Pending,
    Made(bool),
}

/// The parts of a scope that come from a template.
pub(crate) struct Known<'t> {
    pub(crate) parameters: BTreeMap<String, Node>,
    pub(crate) mappings: Option<&'t Node>,
    pub(crate) conditions: &'t [Entry],
    pub(crate) resources: &'t [Resource],
    pub(crate) generated: &'t BTreeMap<String, String>,
    pub(crate) imports: &'t BTreeMap<String, String>,
}

impl<'t> Scope<'t> {
    pub(crate) fn new(findings: &'t Findings, environment: &'t Environment, stack: &'t str, known: Known<'t>) -> Self {
        Self {
            findings,
            environment,
            stack,
            parameters: known.parameters,
            mappings: known.mappings,
            conditions: known.conditions.iter().map(|entry| (entry.key.as_str(), &entry.value)).collect(),
            resources: known.resources.iter().map(|one| (one.logical_id.as_str(), one)).collect(),
            generated: known.generated,
            imports: known.imports,
            nested: RefCell::default(),
            progress: Progress::default(),
        }
    }

    /// What a value means. `None` is `AWS::NoValue`: as if it had not been written.
    pub(crate) fn evaluate(&self, node: &Node) -> Option<Node> {
        let depth = self.progress.depth.get();
        if depth >= limits::EVALUATION_DEPTH {
            let message = format!("functions and references wait for more than {} others", limits::EVALUATION_DEPTH);
            self.problem(node.at, message, "refer to fewer things from each other");
            return Some(Node::broken(node.at));
        }
        self.progress.depth.set(depth + 1);
        let value = self.evaluated(node);
        self.progress.depth.set(depth);
        value
    }

    fn evaluated(&self, node: &Node) -> Option<Node> {
        if !self.afford(node) {
            return Some(Node::broken(node.at));
        }
        if let Some((function, argument)) = node.call() {
            let value = self.call(function, argument, node.at)?;
            return Some(if self.afford(&value) { value } else { Node::broken(node.at) });
        }
        let kind = match &node.kind {
            Kind::List(items) => Kind::List(items.iter().filter_map(|item| self.evaluate(item)).collect()),
            Kind::Map(entries) => {
                if let Some(entry) = entries.iter().find(|entry| entry.key.starts_with("Fn::")) {
                    let message = format!("`{}` stands beside other keys", entry.key);
                    self.problem(entry.at, message, "a function is the only key of its map");
                    return Some(Node::broken(node.at));
                }
                Kind::Map(entries.iter().filter_map(|entry| self.entry(entry)).collect())
            }
            other => other.clone(),
        };
        Some(Node { at: node.at, kind })
    }

    fn entry(&self, entry: &Entry) -> Option<Entry> {
        let value = self.evaluate(&entry.value)?;
        Some(Entry { key: entry.key.clone(), at: entry.at, value })
    }

    fn call(&self, function: &str, argument: &Node, at: At) -> Option<Node> {
        Some(match function {
            "Ref" => return self.reference(argument, at),
            "Fn::If" => return self.choose(argument, at),
            "Fn::FindInMap" => return self.find_in_map(argument, at),
            "Fn::Select" => return self.select(argument, at),
            "Fn::GetAtt" => self.get_att(argument, at),
            "Fn::Sub" => self.substitute(argument, at),
            "Fn::Join" => self.join(argument, at),
            "Fn::Split" => self.split(argument, at),
            "Fn::ImportValue" => self.import_value(argument, at),
            "Fn::Base64" => self.base64(argument, at),
            "Fn::Cidr" => self.cidr(argument, at),
            "Fn::GetAZs" => self.availability_zones(at),
            "Fn::Length" => self.length(argument, at),
            "Fn::ToJsonString" => self.to_json_string(argument, at),
            "Fn::Transform" => {
                let remedy = "run `sam build`, or process the template where the macro exists, and use what comes out";
                self.broken(at, "macros run on AWS only", remedy)
            }
            "Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not" => {
                let message = format!("{function} stands where a value should");
                self.broken(at, message, "name it in Conditions and choose with Fn::If")
            }
            _ => {
                let remedy = use_one_of(function, FUNCTIONS.iter().copied(), "use a function of CloudFormation");
                self.broken(at, format!("there is no function `{function}`"), remedy)
            }
        })
    }

    /// Whether there is such a resource; if not, that is a problem at `at`.
    pub(crate) fn exists(&self, name: &str, at: At) -> bool {
        self.resource(name, at).is_some()
    }

    pub(crate) fn problem(&self, at: At, message: impl Into<String>, remedy: impl Into<String>) {
        self.findings.problem(at, message, remedy);
    }

    fn broken(&self, at: At, message: impl Into<String>, remedy: impl Into<String>) -> Node {
        self.problem(at, message, remedy);
        Node::broken(at)
    }

    /// Accounts for a value, without what lies in it. `false` when there has been too much.
    fn afford(&self, node: &Node) -> bool {
        let own = match &node.kind {
            Kind::Text(text) | Kind::Number(text) => text.len(),
            Kind::List(items) => items.len() * size_of::<Node>(),
            Kind::Map(entries) => entries.iter().map(|entry| size_of::<Entry>() + entry.key.len()).sum(),
            Kind::Null | Kind::Bool(_) | Kind::Broken => 0,
        };
        let spent = self.progress.spent.get().saturating_add(own + size_of::<Node>());
        self.progress.spent.set(spent);
        if spent <= limits::EVALUATED_BYTES {
            return true;
        }
        let message =
            format!("the template means more than {} bytes once functions are worked out", limits::EVALUATED_BYTES);
        // Told once, not for each value.
        self.problem(At { id: 0, ..node.at }, message, "write shorter texts, or fewer references to long ones");
        false
    }

    /// The arguments of a function that takes a list of them.
    fn arguments<'a>(
        &self,
        function: &str,
        argument: &'a Node,
        fits: impl Fn(usize) -> bool,
        usage: &str,
    ) -> Option<&'a [Node]> {
        let items = argument.items();
        if matches!(argument.kind, Kind::List(_)) && fits(items.len()) {
            return Some(items);
        }
        self.problem(argument.at, format!("{function} is not written like this"), format!("write {usage}"));
        None
    }

    /// A value that must be text. `None` if it is not, which has been reported.
    fn text(&self, function: &str, node: &Node) -> Option<String> {
        match self.evaluate(node) {
            Some(value) if value.is_broken() => None,
            Some(value) => match value.to_text() {
                Some(text) => Some(text),
                None => {
                    let message = format!("{function} wants text here, and this is {}", value.describe());
                    self.problem(node.at, message, "write text, or a function that gives text");
                    None
                }
            },
            None => {
                self.problem(node.at, format!("{function} wants text here, and this is AWS::NoValue"), "write text");
                None
            }
        }
    }

    /// A value that must be a list.
    fn list(&self, function: &str, node: &Node) -> Option<Vec<Node>> {
        let value = self.evaluate(node)?;
        match value.kind {
            Kind::List(items) => Some(items),
            Kind::Broken => None,
            _ => {
                let message = format!("{function} wants a list here, and this is {}", value.describe());
                self.problem(node.at, message, "write a list, or a function that gives one");
                None
            }
        }
    }
}
