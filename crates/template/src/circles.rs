//! References between resources: that what they name exists, and that they do not go in circles.

use crate::document::{At, Kind, Node};
use crate::evaluate::{Piece, Scope, pieces};
use crate::problem::use_one_of;
use crate::resource::Resource;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// Checks what resources refer to: in their properties as far as conditions leave them, and in DependsOn.
///
/// Resources that are skipped are looked at as well: a name that does not exist is a mistake everywhere.
/// Gives all of them, each after those it refers to.
pub(crate) fn check<'r>(resources: &'r [Resource], scope: &Scope<'_>) -> Vec<&'r Resource> {
    let numbers: HashMap<&str, usize> =
        resources.iter().enumerate().map(|(number, one)| (one.logical_id.as_str(), number)).collect();
    let uses: Vec<Vec<usize>> = resources
        .iter()
        .map(|resource| uses(resource, scope).iter().filter_map(|name| numbers.get(name.as_str()).copied()).collect())
        .collect();
    let (circles, order) = circles(&uses);
    for circle in circles {
        let names: Vec<&str> = round(&circle, &uses).iter().map(|number| &*resources[*number].logical_id).collect();
        let remedy = "take one reference out, or give a name yourself and build it with Fn::Sub";
        let message = format!("resources refer to each other in a circle: {}", names.join(" → "));
        scope.problem(resources[circle[0]].at, message, remedy);
    }
    order.into_iter().map(|number| &resources[number]).collect()
}

/// What a resource refers to and exists.
fn uses(resource: &Resource, scope: &Scope<'_>) -> BTreeSet<String> {
    if resource.condition.as_ref().is_some_and(|(name, at)| !scope.holds(name, *at)) {
        return BTreeSet::new();
    }
    let mut found = BTreeMap::new();
    gather(&resource.properties, scope, &mut found);
    let mut names: BTreeSet<String> = found
        .into_iter()
        .filter(|(name, at)| !scope.parameters.contains_key(name) && scope.exists(name, *at))
        .map(|(name, _)| name)
        .collect();
    for (name, at) in &resource.depends_on {
        // One that is not created needs not be waited for.
        if scope.resources.contains_key(name.as_str()) {
            names.insert(name.clone());
        } else {
            let remedy = use_one_of(name, scope.resources.keys().copied(), "remove it");
            scope.problem(*at, format!("there is no resource `{name}`"), remedy);
        }
    }
    names
}

/// Names that a value refers to.
fn gather(node: &Node, scope: &Scope<'_>, found: &mut BTreeMap<String, At>) {
    let mut add = |name: &str, at: At| {
        if !name.starts_with("AWS::") {
            let name = scope.meant(name);
            found.entry(name.to_owned()).or_insert(at);
        }
    };
    if let Some((function, argument)) = node.call() {
        match (function, &argument.kind) {
            ("Ref", Kind::Text(name)) => return add(name, argument.at),
            ("Fn::GetAtt", Kind::Text(text)) => return add(text.split('.').next().unwrap_or(text), argument.at),
            ("Fn::GetAtt", Kind::List(parts)) => {
                if let Some(Kind::Text(name)) = parts.first().map(|part| &part.kind) {
                    add(name, parts[0].at);
                }
                return;
            }
            ("Fn::If", Kind::List(items)) => {
                if let [name, yes, no] = items.as_slice()
                    && let Some(name_text) = name.as_text()
                {
                    let chosen = if scope.holds(name_text, name.at) { yes } else { no };
                    return gather(chosen, scope, found);
                }
            }
            ("Fn::Sub", kind) => {
                let (text, variables) = match kind {
                    Kind::List(items) => (items.first(), items.get(1)),
                    _ => (Some(argument), None),
                };
                if let Some(text) = text
                    && let Some(written) = text.as_text()
                {
                    let own = |name: &str| variables.is_some_and(|variables| variables.get(name).is_some());
                    for piece in pieces(written) {
                        if let Piece::Name(name) = piece
                            && !own(name)
                        {
                            let generated = scope.generated.contains_key(name);
                            add(if generated { name } else { name.split('.').next().unwrap_or(name) }, text.at);
                        }
                    }
                }
                if let Some(variables) = variables {
                    gather(variables, scope, found);
                }
                return;
            }
            _ => {}
        }
    }
    node.items().iter().for_each(|item| gather(item, scope, found));
    node.entries().iter().for_each(|entry| gather(&entry.value, scope, found));
}

/// Groups that reach each other, each in ascending order; and all, each after what it uses. Tarjan's algorithm, without recursion.
fn circles(uses: &[Vec<usize>]) -> (Vec<Vec<usize>>, Vec<usize>) {
    const UNSEEN: usize = usize::MAX;
    let (mut index, mut low) = (vec![UNSEEN; uses.len()], vec![0; uses.len()]);
    let (mut stack, mut on_stack, mut seen, mut found) = (Vec::new(), vec![false; uses.len()], 0, Vec::new());
    let mut order = Vec::with_capacity(uses.len());
    for root in 0..uses.len() {
        let mut work = if index[root] == UNSEEN { vec![(root, 0)] } else { Vec::new() };
        while let Some((one, next)) = work.pop() {
            if next == 0 {
                (index[one], low[one]) = (seen, seen);
                seen += 1;
                stack.push(one);
                on_stack[one] = true;
            }
            if let Some(&used) = uses[one].get(next) {
                work.push((one, next + 1));
                if index[used] == UNSEEN {
                    work.push((used, 0));
                } else if on_stack[used] {
                    low[one] = low[one].min(index[used]);
                }
                continue;
            }
            if let Some((above, _)) = work.last() {
                low[*above] = low[*above].min(low[one]);
            }
            if low[one] == index[one] {
                let from = stack.iter().rposition(|member| *member == one).unwrap_or_default();
                let mut group = stack.split_off(from);
                group.iter().for_each(|member| on_stack[*member] = false);
                order.extend_from_slice(&group);
                if group.len() > 1 || uses[one].contains(&one) {
                    group.sort_unstable();
                    found.push(group);
                }
            }
        }
    }
    found.sort_unstable();
    (found, order)
}

/// The shortest way from a group's first member back to it.
fn round(group: &[usize], uses: &[Vec<usize>]) -> Vec<usize> {
    let first = group[0];
    let mut came_from: HashMap<usize, usize> = HashMap::new();
    let mut waiting = VecDeque::from([first]);
    while let Some(one) = waiting.pop_front() {
        for &used in uses[one].iter().filter(|used| group.contains(used)) {
            if used == first {
                let mut row = vec![first, one];
                while let Some(&before) = row.last().and_then(|last| came_from.get(last)) {
                    row.push(before);
                }
                // Backwards it began with the end; a resource that refers to itself is both.
                if one == first {
                    return row;
                }
                row.reverse();
                return row;
            }
            came_from.entry(used).or_insert_with(|| {
                waiting.push_back(used);
                one
            });
        }
    }
    group.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_circle_is_found_once() {
        for (uses, expected) in [
            (vec![vec![], vec![0]], vec![]),
            (vec![vec![0]], vec![vec![0, 0]]),
            (vec![vec![1], vec![2], vec![0]], vec![vec![0, 1, 2, 0]]),
            (vec![vec![1], vec![0], vec![3], vec![2], vec![0, 2]], vec![vec![0, 1, 0], vec![2, 3, 2]]),
            (vec![vec![1, 2], vec![2], vec![1]], vec![vec![1, 2, 1]]),
        ] {
            let (found, order) = circles(&uses);
            assert_eq!(order.len(), uses.len());
            let rounds: Vec<_> = found.iter().map(|circle| round(circle, &uses)).collect();
            assert_eq!(rounds, expected, "{uses:?}");
        }
        // A row as long as it gets.
        let row: Vec<Vec<usize>> = (0..100_000).map(|number| vec![(number + 1) % 100_000]).collect();
        assert_eq!(circles(&row).0.len(), 1);
        assert_eq!(circles(&[vec![2], vec![0], vec![], vec![1, 2]]).1, [2, 0, 1, 3], "what is used comes first");
    }
}
