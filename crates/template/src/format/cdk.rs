//! `cdk.out`, a cloud assembly: a manifest, a template for each stack, and folders of code.

use super::read;
use crate::assemble::{self, Given, Options, Source};
use crate::build::Assets;
use crate::document::{At, Document, Entry, Node};
use crate::files::Files;
use crate::limits;
use crate::parameters;
use crate::problem::{Findings, Problems};
use crate::stack::{Format, Stack};
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

const STACK: &str = "aws:cloudformation:stack";
const NESTED: &str = "cdk:cloud-assembly";
const ASSETS: &str = "cdk:asset-manifest";
/// Given by CDK to every stack, for its own bootstrap.
const BOOTSTRAP: &str = "BootstrapVersion";

/// A stack of an assembly, before it is read.
struct Found {
    id: String,
    name: String,
    folder: PathBuf,
    template: PathBuf,
    dependencies: Vec<String>,
    assets: BTreeMap<String, PathBuf>,
    /// `aws://account/region`
    environment: Option<String>,
}

pub(super) fn load(manifest: &Path, root: &Node, files: &dyn Files, options: &Options) -> Result<Vec<Stack>, Problems> {
    let findings = Findings::default();
    let mut found = Vec::new();
    let number = findings.file(manifest);
    gather(manifest, (root, number), files, &findings, 0, &mut found);
    if found.is_empty() && !findings.found_problems() {
        findings.problem(At { file: number, ..At::default() }, "the assembly has no stack", "run `cdk synth` again");
    }
    let (mut problems, _) = findings.finish(&[(number, root)].into());
    let (mut stacks, mut options) = (Vec::new(), options.clone());
    let mut declared = vec![BOOTSTRAP.to_owned()];
    for one in ordered(found) {
        match stack(&one, &options, files, &stacks, &mut declared) {
            Ok(loaded) => {
                // What one stack exports, those that depend on it import.
                let outputs = loaded.iter().flat_map(|stack| &stack.outputs);
                options.imports.extend(outputs.filter_map(|one| Some((one.export.clone()?, one.value.clone()))));
                stacks.extend(loaded);
            }
            Err(more) => problems.extend(more),
        }
    }
    problems.problems.extend(undeclared(&declared, &options));
    if problems.problems.is_empty() { Ok(stacks) } else { Err(problems) }
}

/// Values for parameters that no stack has.
fn undeclared(declared: &[String], options: &Options) -> Vec<crate::problem::Problem> {
    let findings = Findings::default();
    let file = findings.file(Path::new("--parameter"));
    let entry = |name: &String| Entry { key: name.clone(), at: At::default(), value: Node::text(At::default(), "") };
    let entries: Vec<Entry> = declared.iter().map(entry).collect();
    parameters::unknown(&entries, &options.parameters, At { file, ..At::default() }, &findings);
    findings.finish(&HashMap::new()).0.problems
}

fn stack(
    found: &Found,
    options: &Options,
    files: &dyn Files,
    others: &[Stack],
    declared: &mut Vec<String>,
) -> Result<Vec<Stack>, Problems> {
    let findings = Findings::default();
    let number = findings.file(&found.template);
    let Some(Document { root, .. }) = read(&found.template, number, files, &findings) else {
        return Err(findings.finish(&HashMap::new()).0);
    };
    let names = root.get("Parameters").map(Node::entries).unwrap_or_default();
    declared.extend(names.iter().map(|entry| entry.key.clone()));
    if let Some(("aws:", place)) = found.environment.as_deref().and_then(|text| text.split_once("//")) {
        let (ours, at) = (&options.environment, At { file: number, ..At::default() });
        let differs = |text: &str, own: &str| !text.starts_with("unknown-") && text != own;
        if let Some((account, region)) = place.split_once('/')
            && (differs(account, &ours.account) || differs(region, &ours.region))
        {
            let message = format!(
                "synthesised for {place}, and served as {}/{}; set account and region alike",
                ours.account, ours.region
            );
            findings.note(at, message);
        }
    }
    let count = Cell::new(others.len());
    let source = Source {
        root: &root,
        number,
        file: &found.template,
        folder: &found.folder,
        name: &found.name,
        format: Format::Cdk,
        assets: Assets::ByKey(found.assets.clone()),
        others,
        ancestors: &[],
        count: &count,
    };
    assemble::template(&source, options, Given::ForSeveral, files, findings)
}

/// The stacks of a manifest and of the assemblies within.
fn gather(
    manifest: &Path,
    (root, number): (&Node, u16),
    files: &dyn Files,
    findings: &Findings,
    depth: usize,
    found: &mut Vec<Found>,
) {
    let folder = manifest.parent().unwrap_or(Path::new(""));
    let artifacts = root.get("artifacts").map(Node::entries).unwrap_or_default();
    let assets = assets(folder, artifacts, files, findings);
    for artifact in artifacts {
        let kind = artifact.value.get("type").and_then(Node::as_text).unwrap_or_default();
        let property = |name: &str| artifact.value.get("properties")?.get(name)?.as_text();
        if kind == STACK {
            let Some(template) = property("templateFile") else {
                findings.problem(artifact.at, "the stack has no templateFile", "run `cdk synth` again");
                continue;
            };
            if found.len() == limits::STACKS {
                let at = At { file: number, ..At::default() };
                return findings.problem(at, format!("more than {} stacks", limits::STACKS), "synthesise fewer");
            }
            let dependencies = artifact.value.get("dependencies").map(Node::items).unwrap_or_default();
            found.push(Found {
                id: artifact.key.clone(),
                name: property("stackName").unwrap_or(&artifact.key).to_owned(),
                folder: folder.to_owned(),
                template: folder.join(template),
                dependencies: dependencies.iter().filter_map(Node::as_text).map(str::to_owned).collect(),
                assets: assets.clone(),
                environment: artifact.value.get("environment").and_then(Node::as_text).map(str::to_owned),
            });
        } else if kind == NESTED
            && let Some(name) = property("directoryName")
        {
            let inner = folder.join(name).join(super::MANIFEST);
            if depth == limits::ASSEMBLY_DEPTH {
                findings.problem(
                    artifact.at,
                    "assemblies lie too deep in each other",
                    "synthesise fewer levels of stages",
                );
                continue;
            }
            let inner_number = findings.file(&inner);
            if let Some(document) = read(&inner, inner_number, files, findings) {
                gather(&inner, (&document.root, inner_number), files, findings, depth + 1, found);
            }
        }
    }
}

/// Objects in buckets, by key, and what on this disk they are.
fn assets(folder: &Path, artifacts: &[Entry], files: &dyn Files, findings: &Findings) -> BTreeMap<String, PathBuf> {
    let mut assets = BTreeMap::new();
    for artifact in artifacts.iter().filter(|one| one.value.get("type").and_then(Node::as_text) == Some(ASSETS)) {
        let Some(file) = artifact.value.get("properties").and_then(|all| all.get("file")).and_then(Node::as_text)
        else {
            continue;
        };
        let path = folder.join(file);
        let number = findings.file(&path);
        let Some(document) = read(&path, number, files, findings) else { continue };
        for asset in document.root.get("files").map(Node::entries).unwrap_or_default() {
            let Some(source) = asset.value.get("source").and_then(|source| source.get("path")).and_then(Node::as_text)
            else {
                continue;
            };
            for destination in asset.value.get("destinations").map(Node::entries).unwrap_or_default() {
                if let Some(key) = destination.value.get("objectKey").and_then(Node::as_text) {
                    assets.insert(key.to_owned(), folder.join(source));
                }
            }
        }
    }
    assets
}

/// Stacks after those they depend on; otherwise in the order of the manifest.
fn ordered(found: Vec<Found>) -> Vec<Found> {
    let (mut waiting, mut ordered): (Vec<Found>, Vec<Found>) = (found, Vec::new());
    while !waiting.is_empty() {
        let blocked = |one: &Found| {
            let waits_for = |other: &Found| other.id != one.id && one.dependencies.contains(&other.id);
            waiting.iter().any(waits_for)
        };
        // In a circle anyone goes first; what it imports will be missed and reported.
        let next = waiting.iter().position(|one| !blocked(one)).unwrap_or(0);
        ordered.push(waiting.remove(next));
    }
    ordered
}
