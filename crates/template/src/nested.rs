//! Nested stacks: templates that a template names, loaded with it. Parameters go in; Outputs come out, as attributes.
//!
//! A nested stack is worked out as a whole, after the resources that its parameters refer to and before those that refer to its
//! outputs.

use crate::assemble::{self, Given, Options, Source};
use crate::build::{Assets, plain};
use crate::document::{At, Document, Entry, Kind, Node};
use crate::evaluate::Scope;
use crate::files::{FileKind, Files};
use crate::format::read;
use crate::limits;
use crate::problem::{Findings, Problems, use_one_of};
use crate::resource::Resource;
use crate::stack::Stack;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

pub(crate) const KIND: &str = "AWS::CloudFormation::Stack";
const STACK_NAME: usize = 128;

/// Loads the nested stacks among `resources`, which come before those that refer to them. Their outputs are in the scope then.
pub(crate) fn load(
    resources: &[&Resource],
    source: &Source<'_>,
    options: &Options,
    files: &dyn Files,
    scope: &Scope<'_>,
) -> (Vec<Stack>, Problems) {
    let (mut stacks, mut problems) = (Vec::new(), Problems::default());
    for resource in resources.iter().filter(|one| one.kind == KIND) {
        let others = [source.others, &stacks].concat();
        let outcome = find(resource, source, files, scope)
            .map(|file| one(resource, file, &Source { others: &others, ..source.clone() }, options, files, scope));
        let outputs = match outcome {
            Some(Ok(loaded)) => {
                let outputs = loaded.first().map(|stack| stack.outputs.as_slice()).unwrap_or_default();
                let outputs = outputs.iter().map(|output| (output.name.clone(), output.value.clone())).collect();
                stacks.extend(loaded);
                Some(outputs)
            }
            Some(Err(more)) => {
                problems.extend(more);
                None
            }
            None => None,
        };
        scope.nested.borrow_mut().insert(resource.logical_id.clone(), outputs);
    }
    (stacks, problems)
}

/// The template's file. What is wrong with its name is a problem of the resource.
fn find(resource: &Resource, source: &Source<'_>, files: &dyn Files, scope: &Scope<'_>) -> Option<PathBuf> {
    let Some(written) = resource.property("TemplateURL") else {
        // SAM's Application calls it Location.
        scope.problem(resource.at, "its template is not named", "add TemplateURL: ./nested/template.yaml");
        return None;
    };
    let value = scope.evaluate(written)?;
    let Some(url) = value.to_text() else {
        // One of a repository was refused when SAM was expanded.
        if !matches!(value.kind, Kind::Broken | Kind::Map(_)) {
            scope.problem(written.at, format!("the template is {}", value.describe()), "name a file");
        }
        return None;
    };
    let object = url.rsplit('/').next().unwrap_or(&url);
    let file = match &source.assets {
        _ if !url.contains("://") => Some(plain(&source.folder.join(&url))),
        Assets::ByKey(known) => known.get(object).cloned(),
        Assets::InFolder(folder) => Some(folder.join(object)),
        Assets::None => None,
    };
    let Some(file) = file else {
        let remedy = "name a local file: ./nested/template.yaml";
        scope.problem(written.at, format!("the template is in a bucket (`{url}`), out of reach"), remedy);
        return None;
    };
    if files.entry(&file) != Some(FileKind::File) {
        let remedy = "correct the path: it begins at the template's folder";
        scope.problem(written.at, format!("there is no template `{url}` ({})", file.display()), remedy);
        return None;
    }
    if source.ancestors.contains(&file) || source.file == file {
        scope.problem(written.at, "the template is nested in itself", "name another");
        return None;
    }
    if source.ancestors.len() + 1 >= limits::NESTED_DEPTH {
        let message = format!("stacks lie more than {} deep in each other", limits::NESTED_DEPTH);
        scope.problem(written.at, message, "nest fewer");
        return None;
    }
    if source.count.get() >= limits::STACKS {
        let message = format!("more than {} stacks", limits::STACKS);
        scope.problem(At { id: 0, ..written.at }, message, "nest fewer");
        return None;
    }
    source.count.set(source.count.get() + 1);
    Some(file)
}

fn one(
    resource: &Resource,
    file: PathBuf,
    parent: &Source<'_>,
    options: &Options,
    files: &dyn Files,
    scope: &Scope<'_>,
) -> Result<Vec<Stack>, Problems> {
    let findings = Findings::default();
    let number = findings.file(&file);
    let Some(Document { root, .. }) = read(&file, number, files, &findings) else {
        return Err(findings.finish(&HashMap::new()).0);
    };
    let Some(parameters) = parameters(resource, &root, scope) else { return Err(Problems::default()) };
    let mut name = format!("{}-{}", scope.stack, resource.logical_id);
    name.truncate(STACK_NAME);
    let mut ancestors = parent.ancestors.to_vec();
    ancestors.push(parent.file.to_owned());
    let folder = file.parent().unwrap_or(parent.folder);
    let source =
        Source { root: &root, number, file: &file, folder, name: &name, ancestors: &ancestors, ..parent.clone() };
    let options = Options { parameters, ..options.clone() };
    let mut stacks = assemble::template(&source, &options, Given::ForSeveral, files, findings)?;
    if let Some(stack) = stacks.first_mut() {
        stack.nested_in = Some(scope.stack.to_owned());
    }
    Ok(stacks)
}

/// What the resource passes, if that is what the template asks for.
fn parameters(resource: &Resource, root: &Node, scope: &Scope<'_>) -> Option<BTreeMap<String, String>> {
    let declared = root.get("Parameters").map(Node::entries).unwrap_or_default();
    let written = resource.property("Parameters").map(Node::entries).unwrap_or_default();
    let (mut values, mut right) = (BTreeMap::new(), true);
    for Entry { key, at, value } in written {
        if !declared.iter().any(|entry| entry.key == *key) {
            let remedy = use_one_of(key, declared.iter().map(|entry| entry.key.as_str()), "leave it out");
            scope.problem(*at, format!("the nested template has no parameter `{key}`"), remedy);
            right = false;
            continue;
        }
        let Some(value) = scope.evaluate(value) else { continue };
        let text = match &value.kind {
            Kind::List(items) => items.iter().map(Node::to_text).collect::<Option<Vec<_>>>().map(|all| all.join(",")),
            _ => value.to_text(),
        };
        match text {
            Some(text) => drop(values.insert(key.clone(), text)),
            None => {
                right = false;
                if !value.is_broken() {
                    scope.problem(*at, format!("`{key}` is {}", value.describe()), "pass text, or a list of texts");
                }
            }
        }
    }
    for entry in declared {
        if entry.value.get("Default").is_none() && !written.iter().any(|passed| passed.key == entry.key) {
            let message = format!("the nested template's parameter `{}` has no value", entry.key);
            scope.problem(resource.at, message, "add it to Parameters, or a Default to the template");
            right = false;
        }
    }
    right.then_some(values)
}
