//! Conditions, and what hangs on them.

use super::{Decision, Scope};
use crate::document::{At, Kind, Node};
use crate::problem::use_one_of;

const FORMS: &str = "use Fn::Equals, Fn::And, Fn::Or, Fn::Not or Condition";

impl Scope<'_> {
    /// Whether a named condition holds. One that does not exist, or cannot be worked out, holds: what hangs on it is then
    /// looked at as well.
    pub(crate) fn holds(&self, name: &str, at: At) -> bool {
        if let Some(decision) = self.progress.conditions.borrow().get(name) {
            return match decision {
                Decision::Made(holds) => *holds,
                Decision::Pending => {
                    self.problem(at, format!("the condition `{name}` depends on itself"), "break the circle");
                    true
                }
            };
        }
        let Some(node) = self.conditions.get(name) else {
            let remedy = use_one_of(name, self.conditions.keys().copied(), "add it to Conditions");
            self.problem(at, format!("there is no condition `{name}`"), remedy);
            return true;
        };
        self.progress.conditions.borrow_mut().insert(name.to_owned(), Decision::Pending);
        let holds = self.truth(node, 0);
        self.progress.conditions.borrow_mut().insert(name.to_owned(), Decision::Made(holds));
        holds
    }

    fn truth(&self, node: &Node, depth: usize) -> bool {
        let [entry] = node.entries() else {
            return self.no_condition(node);
        };
        // Documents are not deep, but conditions can name each other in long rows.
        if depth + self.progress.depth.get() > crate::limits::EVALUATION_DEPTH {
            return self.no_condition(node);
        }
        let argument = &entry.value;
        match entry.key.as_str() {
            "Condition" => match argument.as_text() {
                Some(name) => {
                    let outer = self.progress.depth.get();
                    self.progress.depth.set(outer + depth + 1);
                    let holds = self.holds(name, argument.at);
                    self.progress.depth.set(outer);
                    holds
                }
                None => self.no_condition(argument),
            },
            "Fn::Equals" => self.equals(argument),
            "Fn::Not" => match self.arguments("Fn::Not", argument, |count| count == 1, "[condition]") {
                Some([inner]) => !self.truth(inner, depth + 1),
                _ => true,
            },
            "Fn::And" => self.each("Fn::And", argument, depth).into_iter().fold(true, |all, one| all & one),
            "Fn::Or" => self.each("Fn::Or", argument, depth).into_iter().fold(false, |any, one| any | one),
            _ => self.no_condition(node),
        }
    }

    /// Every one, so that the problems of all are reported.
    fn each(&self, function: &str, argument: &Node, depth: usize) -> Vec<bool> {
        let items =
            self.arguments(function, argument, |count| (2..=10).contains(&count), "[condition, …], 2 to 10 of them");
        items.unwrap_or_default().iter().map(|inner| self.truth(inner, depth + 1)).collect()
    }

    fn equals(&self, argument: &Node) -> bool {
        let Some([one, other]) = self.arguments("Fn::Equals", argument, |count| count == 2, "[value, value]") else {
            return true;
        };
        match (self.evaluate(one), self.evaluate(other)) {
            (Some(one), Some(other)) => same(&one, &other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }

    fn no_condition(&self, node: &Node) -> bool {
        self.problem(node.at, "this is no condition", FORMS);
        true
    }

    pub(super) fn choose(&self, argument: &Node, at: At) -> Option<Node> {
        let usage = "[condition name, value if true, value if false]";
        let Some([name, yes, no]) = self.arguments("Fn::If", argument, |count| count == 3, usage) else {
            return Some(Node::broken(at));
        };
        let Some(name_text) = name.as_text() else {
            return Some(self.broken(name.at, "Fn::If names no condition", format!("write {usage}")));
        };
        self.evaluate(if self.holds(name_text, name.at) { yes } else { no })
    }
}

/// As CloudFormation compares: by text, case-sensitively; lists member by member.
fn same(one: &Node, other: &Node) -> bool {
    match (&one.kind, &other.kind) {
        (Kind::List(these), Kind::List(those)) => {
            these.len() == those.len() && these.iter().zip(those).all(|(one, other)| same(one, other))
        }
        _ => match (one.to_text(), other.to_text()) {
            (Some(one), Some(other)) => one == other,
            (None, None) => one.to_json() == other.to_json(),
            _ => false,
        },
    }
}
