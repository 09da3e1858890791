//! Rust functions of a template, where `cargo lambda build` leaves them.
//!
//! `BuildMethod: rust-cargolambda` names sources. SAM builds them into a folder of its own; `cargo lambda` alone into
//! `target/lambda/{binary}`, beside the package or in the workspace above it.

use super::functions::Refused;
use sluicegate_template::{Code, Function};
use std::fs;
use std::path::{Path, PathBuf};

const METHOD: &str = "rust-cargolambda";
const BUILT: &str = "target/lambda";
const PROGRAM: &str = "bootstrap";
/// How far above a package its workspace is looked for.
const MAX_LEVELS: usize = 4;

/// The folder with the program of a function whose code is Rust sources; `None` if its code is something else.
pub(super) fn folder(function: &Function) -> Result<Option<PathBuf>, Refused> {
    let (Some(build), Code::Folder(sources)) = (&function.build, &function.code) else { return Ok(None) };
    if build.method != METHOD || sources.join(PROGRAM).is_file() {
        return Ok(None);
    }
    let binary = build.properties.get("Binary").and_then(|name| name.as_str());
    // The workspace may be above the folder that the server was started in.
    let absolute = std::path::absolute(sources).unwrap_or_else(|_| sources.clone());
    let levels = absolute.ancestors().take(MAX_LEVELS).map(|level| level.join(BUILT));
    for built in levels.filter(|built| built.is_dir()) {
        let programs = programs(&built, binary);
        match programs.as_slice() {
            [] => {}
            [only] => return Ok(Some(only.clone())),
            _ => {
                let message = format!("there are several programs in {}", built.display());
                return Err((message, "name one of them: Metadata.BuildProperties.Binary"));
            }
        }
    }
    let message = format!("its sources in {} are not built: there is no {BUILT}/*/{PROGRAM}", sources.display());
    Err((message, "run `cargo lambda build --release`; or `sam build`, and serve .aws-sam/build/template.yaml"))
}

fn programs(built: &Path, binary: Option<&str>) -> Vec<PathBuf> {
    let folders: Vec<PathBuf> = match binary {
        Some(binary) => vec![built.join(binary)],
        None => fs::read_dir(built).into_iter().flatten().flatten().map(|entry| entry.path()).collect(),
    };
    folders.into_iter().filter(|folder| folder.join(PROGRAM).is_file()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;
    use sluicegate_template::Options;

    const TEMPLATE: &str = "\
Transform: AWS::Serverless-2016-10-31
Resources:
  Chat:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda}
    Properties: {Runtime: provided.al2023, Handler: bootstrap, CodeUri: chat}
";

    /// What is found for a function whose package lies in `chat`, once these files are there.
    fn found(files: &[&str], template: &str) -> Result<Option<String>, String> {
        let root = tempfile::tempdir().unwrap();
        for file in ["chat/Cargo.toml"].iter().chain(files) {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        fs::write(root.path().join("template.yaml"), template).unwrap();
        let stacks = check::read(&root.path().join("template.yaml"), &check::Disk, &Options::default()).unwrap();
        let relative = |folder: PathBuf| folder.strip_prefix(root.path()).unwrap().display().to_string();
        folder(&stacks[0].functions[0]).map(|folder| folder.map(relative)).map_err(|(message, _)| message)
    }

    #[test]
    fn the_program_is_found_where_it_was_built() {
        let named = TEMPLATE.replace(
            "{BuildMethod: rust-cargolambda}",
            "{BuildMethod: rust-cargolambda, BuildProperties: {Binary: b}}",
        );
        let other = TEMPLATE.replace("rust-cargolambda", "makefile");
        let (one, two) = ("chat/target/lambda/a/bootstrap", "chat/target/lambda/b/bootstrap");
        for (files, template, expected) in [
            (&[one][..], TEMPLATE, Ok(Some("chat/target/lambda/a"))),
            (&["target/lambda/a/bootstrap"], TEMPLATE, Ok(Some("target/lambda/a"))),
            (&[one, two], &named, Ok(Some("chat/target/lambda/b"))),
            (&["chat/bootstrap", one], TEMPLATE, Ok(None)),
            (&[one], &other, Ok(None)),
            (&[one, two], TEMPLATE, Err("there are several programs in")),
            (&["chat/target/lambda/a/README"], TEMPLATE, Err("are not built: there is no target/lambda/*/bootstrap")),
            (&[one], &named, Err("are not built")),
        ] {
            match (found(files, template), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found.as_deref(), expected, "{files:?}"),
                (Err(told), Err(expected)) => assert!(told.contains(expected), "{told}"),
                (found, expected) => panic!("{files:?}: {found:?}, not {expected:?}"),
            }
        }
    }
}
