//! `sluicegate check FILE`: what a template comes to, or everything that is wrong with it.
//!
//! In a terminal the summary is for people; otherwise standard output is one JSON object, `{"stacks": […], "problems": […],
//! "unserved": […]}`.
//! Problems are lines on standard error in either case, as compilers write them, and make the exit code 1.

mod disk;
mod paint;
mod reference;
mod summary;

pub use disk::Disk;
pub use reference::page as reference_page;

use crate::stacks;
use clap::{Arg, ArgAction, ArgMatches, Command};
pub(crate) use paint::Paint;
use sluicegate_gateway::api::{self, ApiDefinition};
use sluicegate_template::{
    self as template, Environment, Files, Options, Place, Problem, Problems, Stack, load, parse_parameters,
};
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// As other usage errors.
const EXIT_USAGE: u8 = 2;
/// A file of parameters has at most as many as a template, with room for its spelling.
const PARAMETER_FILE_BYTES: usize = 2 * 1024 * 1024;

const LONG_ABOUT: &str = "\
Reads a deployment template as the server would, and prints what it comes to: APIs, routes, functions, tables, mappings, \
outputs, and what is skipped. Everything that is wrong with it is told at once, with file, line, column and remedy; the exit \
code is then 1.

FILE is a CloudFormation or SAM template (YAML or JSON), a Terraform plan (terraform show -json), or a folder that holds one: \
cdk.out, .serverless, or a project's.";

/// The subcommand.
pub fn command() -> Command {
    let defaults = Environment::default();
    let value = |name: &'static str, placeholder: &'static str, help: String| {
        Arg::new(name).long(name).value_name(placeholder).help(help)
    };
    Command::new("check")
        .about("Checks a deployment template, and tells what it comes to")
        .long_about(LONG_ABOUT)
        .arg(Arg::new("file").value_name("FILE").required(true).value_parser(clap::value_parser!(PathBuf)))
        .arg(
            value("parameter", "KEY=VALUE", "A value for a parameter; repeat it for more".into())
                .action(ArgAction::Append),
        )
        .arg(
            value(
                "parameters",
                "FILE",
                "Values for parameters, as `aws cloudformation` takes them, or {\"Key\": \"Value\"}".into(),
            )
            .value_parser(clap::value_parser!(PathBuf)),
        )
        .arg(value("stack-name", "NAME", "The stack's name [default: of the file, or of its folder]".into()))
        .arg(value("region", "NAME", format!("The region in ARNs and addresses [default: {}]", defaults.region)))
        .arg(value("account", "DIGITS", format!("The account in ARNs [default: {}]", defaults.account)))
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("Prints JSON, in a terminal as well"))
}

/// Checks, prints, and tells whether all is well.
pub fn run(asked: &ArgMatches) -> ExitCode {
    let file = asked.get_one::<PathBuf>("file").expect("clap asks for it");
    let options = match options(asked) {
        Ok(options) => options,
        Err(problems) => {
            complain(&problems);
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let outcome = read(file, &Disk, &options);
    let json = asked.get_flag("json") || !std::io::stdout().is_terminal();
    let text = match (&outcome, json) {
        (_, true) => as_json(&outcome),
        (Ok(stacks), false) => {
            let paint = Paint::for_terminal(std::io::stdout().is_terminal());
            summary::text(stacks, paint) + &summary::unserved(&stacks::unserved(stacks), paint)
        }
        (Err(_), false) => String::new(),
    };
    // Whoever closed standard output does not want it.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    match outcome {
        Ok(_) => ExitCode::SUCCESS,
        Err(problems) => {
            complain(&problems);
            ExitCode::FAILURE
        }
    }
}

/// Loads a template, with everything that the gateway will have against its APIs.
pub(crate) fn read(file: &Path, files: &dyn Files, options: &Options) -> Result<Vec<Stack>, Problems> {
    let stacks = load(file, files, options)?;
    match gateway_problems(&stacks) {
        problems if problems.is_empty() => Ok(stacks),
        problems => Err(Problems { problems, more: 0 }),
    }
}

fn options(asked: &ArgMatches) -> Result<Options, Problems> {
    let mut parameters = BTreeMap::new();
    if let Some(file) = asked.get_one::<PathBuf>("parameters") {
        parameters.extend(parameter_file(file, &Disk)?);
    }
    for pair in asked.get_many::<String>("parameter").into_iter().flatten() {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(one_problem("--parameter", format!("`{pair}` has no value"), "write --parameter Key=Value"));
        };
        parameters.insert(key.to_owned(), value.to_owned());
    }
    let defaults = Environment::default();
    let text = |name: &str| asked.get_one::<String>(name).cloned();
    Ok(Options {
        stack_name: text("stack-name"),
        working_folder: working_folder(),
        environment: Environment::new(
            text("region").unwrap_or(defaults.region),
            text("account").unwrap_or(defaults.account),
        ),
        parameters,
        ..Options::default()
    })
}

/// A stack is named after it where its template is just `template.yaml`. One that is gone leaves the template's own name.
pub(crate) fn working_folder() -> PathBuf {
    std::env::current_dir().unwrap_or_default()
}

pub(crate) fn parameter_file(file: &Path, files: &dyn Files) -> Result<BTreeMap<String, String>, Problems> {
    let text = files.read(file, PARAMETER_FILE_BYTES);
    let unreadable = |why| one_problem(file.display(), format!("cannot be read: {why}"), "name a file of parameters");
    parse_parameters(file, &text.map_err(unreadable)?)
}

fn one_problem(file: impl ToString, message: String, remedy: &str) -> Problems {
    let place = Place { file: file.to_string(), ..Place::default() };
    Problems { problems: vec![Problem { place, message, remedy: remedy.to_owned() }], more: 0 }
}

/// What the gateway has against APIs: expressions, templates, schemas.
fn gateway_problems(stacks: &[Stack]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for api in stacks.iter().flat_map(|stack| &stack.apis) {
        let problem = |message, remedy| Problem { place: api.place.clone(), message, remedy };
        match definition(api) {
            Ok(definition) => {
                let found = api::check(&definition).err().map(|found| found.0).unwrap_or_default();
                problems.extend(found.into_iter().map(|found| located(found, api)));
            }
            Err(error) => problems.push(problem(error.to_string(), "report this: the template was accepted".into())),
        }
    }
    problems
}

/// What the gateway says, at the property it is about as far as that can be told: its places are such as `API chat, route
/// $connect, integration a1b2c3d, requestTemplates.$default, line 3, column 1`.
fn located(found: api::Problem, api: &template::Api) -> Problem {
    let segments: Vec<&str> = found.place.split(", ").collect();
    let part = segments.iter().rposition(|segment| api.places.of(segment, None).is_some());
    let Some(part) = part else {
        let message = format!("{}: {}", found.place, found.message);
        return Problem { place: api.place.clone(), message, remedy: found.remedy };
    };
    let within = &segments[part + 1..];
    let named = within.first().copied().unwrap_or(&found.message);
    let property = named.split(['.', ' ', ':']).next();
    let place = api.places.of(segments[part], property).unwrap_or(&api.place).clone();
    let message = if within.is_empty() { found.message } else { format!("{}: {}", within.join(", "), found.message) };
    Problem { place, message, remedy: found.remedy }
}

/// An API of a stack, in the gateway's own type.
pub(crate) fn definition(api: &sluicegate_template::Api) -> serde_json::Result<ApiDefinition> {
    serde_json::from_value(serde_json::to_value(&api.definition)?)
}

fn as_json(outcome: &Result<Vec<Stack>, Problems>) -> String {
    let value = match outcome {
        Ok(stacks) => {
            serde_json::json!({ "stacks": stacks, "problems": [], "unserved": stacks::unserved(stacks) })
        }
        Err(problems) => serde_json::json!({ "stacks": [], "problems": problems.problems, "more": problems.more }),
    };
    format!("{value:#}\n")
}

/// A line for each problem, and one that counts them.
pub fn complain(problems: &Problems) {
    let paint = Paint::for_terminal(std::io::stderr().is_terminal());
    let mut text = String::new();
    for one in &problems.problems {
        text += &format!("{}: {}", paint.strong(&one.place), paint.error("error"));
        text += &if one.place.path.is_empty() { ": ".to_owned() } else { format!(": {}: ", one.place.path) };
        text += &format!("{}; {}\n", one.message, paint.remedy(&one.remedy));
    }
    let count = problems.problems.len() + problems.more;
    text += &format!("{count} problem{}\n", if count == 1 { "" } else { "s" });
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_template_makes_of_an_api_is_what_the_gateway_reads() {
        let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template/tests/it/cases");
        for case in ["chat.yaml", "sam-websocket.yaml", "http-api.yaml", "plan.json", "packaged", "cdk"] {
            let stacks = load(&cases.join(case), &Disk, &Options::default()).unwrap();
            assert!(stacks.iter().any(|stack| !stack.apis.is_empty()), "{case}");
            for api in stacks.iter().flat_map(|stack| &stack.apis) {
                let read = definition(api).unwrap();
                assert_eq!(
                    serde_json::to_value(&read).unwrap()["routes"].as_array().unwrap().len(),
                    api.definition.routes.len()
                );
            }
            assert_eq!(gateway_problems(&stacks), [], "{case}");
        }
    }

    #[test]
    fn what_the_gateway_has_against_an_api_is_told_at_its_property() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("template.yaml");
        let text = "\
Resources:
  Chat:
    Type: AWS::ApiGatewayV2::Api
    Properties: {ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}
  Stage: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Chat, StageName: prod, AutoDeploy: true}}
  Mock:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Chat
      IntegrationType: MOCK
      RequestTemplates:
        '200': '#if('
  Stranger:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Chat
      IntegrationType: AWS
      IntegrationUri: arn:aws:apigateway:us-east-1:nobody:action/Do
  One: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref Chat, RouteKey: one, Target: !Sub 'integrations/${Mock}'}}
  Two: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref Chat, RouteKey: two, Target: !Sub 'integrations/${Stranger}'}}
";
        std::fs::write(&file, text).unwrap();
        let told = read(&file, &Disk, &Options::default()).unwrap_err().to_string();
        for expected in [
            "template.yaml:11:7: Resources.Mock.Properties.RequestTemplates: requestTemplates.200, line 1, ",
            "template.yaml:18:23: Resources.Stranger.Properties.IntegrationUri: ",
        ] {
            assert!(told.contains(expected), "{expected}\n{told}");
        }
    }
}
