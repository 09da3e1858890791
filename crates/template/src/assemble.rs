//! From a document to a stack, step by step.

use crate::build::{Assets, Site};
use crate::circles;
use crate::document::{At, Node, paths};
use crate::environment::Environment;
use crate::evaluate::{Known, Scope};
use crate::files::Files;
use crate::for_each;
use crate::nested;
use crate::parameters;
use crate::problem::{Findings, Place, Problems};
use crate::resource::Resource;
use crate::sam::{self, Expanded};
use crate::sections::Sections;
use crate::stack::{Format, Function, FunctionPlaces, Output, Stack};
use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

/// What is said about a stack from outside its template.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Else named after the file, or the folder it is in.
    pub stack_name: Option<String>,
    /// Where relative paths begin, for a template that can only be named after the folder we are in.
    pub working_folder: PathBuf,
    pub environment: Environment,
    /// Values of parameters, by name.
    pub parameters: BTreeMap<String, String>,
    /// What stacks that are already there export, by export name.
    pub imports: BTreeMap<String, String>,
}

/// A template that was read, and where.
#[derive(Clone)]
pub(crate) struct Source<'s> {
    pub(crate) root: &'s Node,
    /// Of the file in `findings`.
    pub(crate) number: u16,
    pub(crate) file: &'s Path,
    /// What paths begin at.
    pub(crate) folder: &'s Path,
    pub(crate) name: &'s str,
    pub(crate) format: Format,
    pub(crate) assets: Assets,
    /// Stacks that are loaded with it, and that it may name.
    pub(crate) others: &'s [Stack],
    /// Templates that it is nested in.
    pub(crate) ancestors: &'s [PathBuf],
    /// How many stacks there are by now, nested ones included.
    pub(crate) count: &'s Cell<usize>,
}

/// How strictly values for parameters are matched with what is declared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    /// Each must be declared here.
    ForThisStack,
    /// They are for several stacks.
    ForSeveral,
}

/// A CloudFormation template, SAM or not.
pub(crate) fn template(
    source: &Source<'_>,
    options: &Options,
    given: Given,
    files: &dyn Files,
    findings: Findings,
) -> Result<Vec<Stack>, Problems> {
    let expanded = for_each::expand(source.root, &options.parameters, &findings);
    let root = expanded.as_ref().unwrap_or(source.root);
    let sections = Sections::read(root, &findings);
    if given == Given::ForThisStack {
        let file = findings.file(Path::new("--parameter"));
        let at = At { file, ..At::default() };
        parameters::unknown(sections.parameters, &options.parameters, at, &findings);
    }
    let format = if sections.is_sam && source.format == Format::CloudFormation { Format::Sam } else { source.format };
    let expanded = sam::expand(&sections, &findings);
    stack(source, format, &sections, expanded, options, files, findings)
}

/// The same, from sections and resources that are plain CloudFormation.
pub(crate) fn stack(
    source: &Source<'_>,
    format: Format,
    sections: &Sections<'_>,
    expanded: Expanded,
    options: &Options,
    files: &dyn Files,
    findings: Findings,
) -> Result<Vec<Stack>, Problems> {
    let values = parameters::values(sections.parameters, &options.parameters, &findings);
    let shown = parameters::shown(sections.parameters, &values);
    let known = Known {
        parameters: values,
        mappings: sections.mappings,
        conditions: sections.conditions,
        resources: &expanded.resources,
        generated: &expanded.generated,
        imports: &options.imports,
    };
    let scope = Scope::new(&findings, &options.environment, source.name, known);
    // Each condition, whether something hangs on it or not.
    for condition in sections.conditions {
        scope.holds(&condition.key, condition.at);
    }
    let ordered = circles::check(&expanded.resources, &scope);
    let is_created = |one: &Resource| one.condition.as_ref().is_none_or(|(name, at)| scope.holds(name, *at));
    let ordered: Vec<&Resource> = ordered.into_iter().filter(|one| is_created(one)).collect();
    let (mut stacks, nested_problems) = nested::load(&ordered, source, options, files, &scope);
    let others = [source.others, &stacks].concat();
    let source = &Source { others: &others, ..source.clone() };
    let created = expanded.resources.iter().filter(|one| is_created(one)).collect();
    let mut parts = Site::new(&scope, source, files, created).build();
    locate(&mut parts.functions, &expanded.resources, source);
    let outputs = outputs(sections, &scope);
    let (mut problems, notes) = findings.finish(&[(source.number, source.root)].into());
    problems.extend(nested_problems);
    if !problems.problems.is_empty() {
        return Err(problems);
    }
    let stack = Stack {
        name: source.name.to_owned(),
        template: source.file.to_owned(),
        format,
        description: sections.description.map(str::to_owned),
        environment: options.environment.clone(),
        parameters: shown,
        apis: parts.apis,
        functions: parts.functions,
        layers: parts.layers,
        tables: parts.tables,
        mappings: parts.mappings,
        queues: parts.queues,
        topics: parts.topics,
        subscriptions: parts.subscriptions,
        api_keys: parts.api_keys,
        usage_plans: parts.usage_plans,
        outputs,
        skipped: parts.skipped,
        notes,
        nested_in: None,
    };
    stacks.insert(0, stack);
    Ok(stacks)
}

/// Notes where properties of functions are written.
fn locate(functions: &mut [Function], resources: &[Resource], source: &Source<'_>) {
    let resource_of = |function: &Function| resources.iter().find(|one| one.logical_id == function.logical_id);
    let ats = |resource: &Resource| {
        ["Code", "Handler", "Runtime", "Layers"].map(|name| resource.property(name).map(|node| node.at))
    };
    let written: Vec<_> = functions.iter().map(|function| resource_of(function).map(ats).unwrap_or_default()).collect();
    let ids: HashSet<u32> = written.iter().flatten().flatten().map(|at| at.id).collect();
    let paths = paths(source.root, &ids);
    for (function, ats) in functions.iter_mut().zip(written) {
        let [code, handler, runtime, layers] = ats.map(|at| {
            let place = at.and_then(|at| {
                let (path, file) = (paths.get(&at.id)?.clone(), function.place.file.clone());
                Some(Place { file, line: at.line, column: at.column, path })
            });
            place.unwrap_or_else(|| function.place.clone())
        });
        function.places = FunctionPlaces { code, handler, runtime, layers };
    }
}

fn outputs(sections: &Sections<'_>, scope: &Scope<'_>) -> Vec<Output> {
    let mut outputs = Vec::new();
    for entry in sections.outputs {
        let body = &entry.value;
        if let Some(condition) = body.get("Condition")
            && let Some(name) = condition.as_text()
            && !scope.holds(name, condition.at)
        {
            continue;
        }
        let Some(written) = body.get("Value") else {
            scope.problem(entry.at, "the output has no Value", "add it");
            continue;
        };
        let value = scope.evaluate(written);
        let text = value.as_ref().and_then(Node::to_text);
        if text.is_none() && !value.as_ref().is_some_and(Node::is_broken) {
            scope.problem(
                written.at,
                "the Value of an output should be text",
                "write text, or a function that gives text",
            );
        }
        let export = body.get("Export").and_then(|export| export.get("Name")).and_then(|name| scope.evaluate(name));
        outputs.push(Output {
            name: entry.key.clone(),
            value: text.unwrap_or_default(),
            description: body.get("Description").and_then(Node::as_text).map(str::to_owned),
            export: export.and_then(|export| export.to_text()),
        });
    }
    outputs
}
