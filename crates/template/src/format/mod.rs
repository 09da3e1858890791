//! The front door: what a path holds, and who reads it.

mod cdk;
mod serverless;
mod terraform;
mod terraform_blocks;
mod terraform_names;

use crate::assemble::{self, Given, Options, Source};
use crate::build::Assets;
use crate::document::{At, Document, Node, parse};
use crate::environment::stack_name;
use crate::files::{FileKind, Files};
use crate::limits;
use crate::problem::{Findings, Problems};
use crate::stack::{Format, Stack};
use std::cell::Cell;
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

const MANIFEST: &str = "manifest.json";
const PACKAGED: &str = "cloudformation-template-update-stack.json";

/// Where a folder keeps its template, the surest first.
const IN_FOLDERS: &[&str] = &[
    MANIFEST,
    PACKAGED,
    "template.yaml",
    "template.yml",
    "template.json",
    "cdk.out/manifest.json",
    ".serverless/cloudformation-template-update-stack.json",
    "plan.json",
];

/// Names that say nothing about the stack: its folder does.
const NAMELESS: &[&str] = &["template", "plan", "packaged", "cloudformation", "main", "index", "stack", "tfplan"];
/// Folders that say nothing either: the one around them does.
const NAMELESS_FOLDERS: &[&str] = &["cdk.out", ".serverless", "build", ".aws-sam", "infrastructure", "dist", "out"];

/// Reads a template, whatever its format, and works it out.
///
/// `path` is a file (CloudFormation or SAM as JSON or YAML, a Terraform plan as JSON) or a folder that holds one, such as
/// `cdk.out` or `.serverless`. A cloud assembly has several stacks, and so has a template
/// with nested ones: its own comes first.
///
/// # Errors
/// Every problem of every stack, each with its place and a way to mend it.
pub fn load(path: &Path, files: &dyn Files, options: &Options) -> Result<Vec<Stack>, Problems> {
    let path = find(path, files)?;
    let findings = Findings::default();
    let number = findings.file(&path);
    let Some(document) = read(&path, number, files, &findings) else {
        return Err(findings.finish(&HashMap::new()).0);
    };
    let root = &document.root;
    let folder = path.parent().unwrap_or(Path::new(""));
    let named = |file: &str| path.file_name().is_some_and(|name| name == file);
    let deployment = if named(PACKAGED) { serverless::deployment(folder, files) } else { Default::default() };
    let given = options.stack_name.clone().or(deployment.stack_name);
    let name = given.unwrap_or_else(|| name(&placed(&options.working_folder, &path)));
    let ours = &options.environment.region;
    if let Some(region) = deployment.region.filter(|region| region != ours) {
        let message = format!("packaged for {region}, and served as {ours}; set the region alike");
        findings.note(At { file: number, ..At::default() }, message);
    }
    let count = Cell::new(1);
    let source = |format, assets| Source {
        root,
        number,
        file: &path,
        folder,
        name: &name,
        format,
        assets,
        others: &[],
        ancestors: &[],
        count: &count,
    };
    if root.get("artifacts").is_some() && root.get("version").is_some() {
        return cdk::load(&path, root, files, options);
    }
    if root.get("planned_values").is_some() || (root.get("values").is_some() && root.get("format_version").is_some()) {
        let source = source(Format::Terraform, Assets::None);
        return terraform::load(&source, options, files, findings);
    }
    if let Some(problem) = foreign(root) {
        findings.problem(At { line: 0, ..root.at }, problem.0, problem.1);
        return Err(findings.finish(&HashMap::new()).0);
    }
    let source = if named(PACKAGED) {
        source(Format::Serverless, serverless::assets(folder))
    } else {
        source(Format::CloudFormation, Assets::None)
    };
    assemble::template(&source, options, Given::ForThisStack, files, findings)
}

/// Reads one document. What is wrong with it is in the findings, whether it can be used or not.
pub(crate) fn read(path: &Path, number: u16, files: &dyn Files, findings: &Findings) -> Option<Document> {
    let nowhere = At { file: number, ..At::default() };
    let text = match files.read(path, limits::DOCUMENT_BYTES) {
        Ok(text) => text,
        Err(why) => {
            findings.problem(nowhere, format!("cannot be read: {why}"), "name a template, or a folder that holds one");
            return None;
        }
    };
    match parse(number, &text) {
        Ok(document) => {
            document.complaints.iter().for_each(|complaint| findings.unreadable(complaint.clone()));
            Some(document)
        }
        Err(unreadable) => {
            findings.unreadable(unreadable);
            None
        }
    }
}

fn find(path: &Path, files: &dyn Files) -> Result<PathBuf, Problems> {
    if files.entry(path) != Some(FileKind::Folder) {
        return Ok(path.to_owned());
    }
    let found = IN_FOLDERS.iter().map(|name| path.join(name)).find(|file| files.entry(file) == Some(FileKind::File));
    found.ok_or_else(|| {
        let findings = Findings::default();
        let file = findings.file(path);
        let (message, remedy) = hint(path, files);
        findings.problem(At { file, ..At::default() }, message, remedy);
        findings.finish(&HashMap::new()).0
    })
}

/// What to do with a folder of a project that has not been built.
fn hint(path: &Path, files: &dyn Files) -> (&'static str, &'static str) {
    let has = |name: &str| files.entry(&path.join(name)).is_some();
    if has("cdk.json") {
        ("a CDK project that was not synthesised", "run `cdk synth` in it, and give its cdk.out")
    } else if has("serverless.yml") || has("serverless.ts") {
        (
            "a Serverless Framework project that was not packaged",
            "run `serverless package` in it, and give its .serverless",
        )
    } else if has("main.tf") {
        (
            "a Terraform project without a plan",
            "run `terraform plan -out tfplan && terraform show -json tfplan > plan.json`, and give plan.json",
        )
    } else {
        ("the folder holds no template", "name a template, or a folder with template.yaml, cdk.out or .serverless")
    }
}

/// Files that describe a deployment in words of their own.
fn foreign(root: &Node) -> Option<(&'static str, &'static str)> {
    let has = |name: &str| root.get(name).is_some();
    if has("Resources") {
        None
    } else if has("service") && has("provider") {
        Some(("this is a serverless.yml", "run `serverless package`, and give the .serverless folder"))
    } else if has("app") && has("context") {
        Some(("this is a cdk.json", "run `cdk synth`, and give the cdk.out folder"))
    } else if has("apiId") || has("routeSelectionExpression") {
        Some(("this is an API file, not a template", "serve it with --api"))
    } else {
        None
    }
}

/// A path from the root, without `.` and `..`. Links are not followed: this is for a name only.
fn placed(working_folder: &Path, path: &Path) -> PathBuf {
    let mut placed = PathBuf::new();
    for part in working_folder.join(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(placed.pop()),
            part => placed.push(part),
        }
    }
    placed
}

/// A stack's name: what its file is called, or else its folder.
fn name(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let says_nothing = NAMELESS.contains(&stem.as_str()) || stem.starts_with("cloudformation-template");
    if !says_nothing {
        return stack_name(&stem);
    }
    let folders = path.parent().into_iter().flat_map(Path::ancestors);
    let names = folders.filter_map(|folder| folder.file_name()).map(|name| name.to_string_lossy().into_owned());
    let mut telling = names.filter(|name| !NAMELESS_FOLDERS.contains(&name.as_str()));
    telling.next().map_or_else(|| stack_name(&stem), |folder| stack_name(&folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_are_named_after_files_or_folders() {
        for (path, expected) in [
            ("/src/chat/template.yaml", "chat"),
            ("/src/chat/chat-api.yaml", "chat-api"),
            ("/src/chat/.aws-sam/build/template.yaml", "chat"),
            ("/src/chat/.serverless/cloudformation-template-update-stack.json", "chat"),
            ("template.yaml", "template"),
        ] {
            assert_eq!(name(Path::new(path)), expected, "{path}");
        }
    }
}
