//! Functions of a template, as local processes.

use super::rust_build;
use crate::local_services;
use sluicegate_functions::EventOptions;
use sluicegate_functions::process::{Code, DescriptionError, LoadError, LoadProblem, ProcessFunction, Runtime};
use sluicegate_template::{self as template, AsyncInvocation, Function, Layer, Problem, Stack};
use std::path::Path;
use std::time::Duration;

/// What Node looks for when a handler names a file.
const NODE_EXTENSIONS: [&str; 3] = ["js", "mjs", "cjs"];

/// All functions of all stacks; those that cannot run become problems.
pub(super) fn described(stacks: &[Stack], problems: &mut Vec<Problem>) -> Vec<ProcessFunction> {
    let layers: Vec<&Layer> = stacks.iter().flat_map(|stack| &stack.layers).collect();
    let mut described = Vec::new();
    for function in stacks.iter().flat_map(|stack| &stack.functions) {
        match describe(function, &layers) {
            Ok(one) => described.push(one),
            Err((message, remedy)) => {
                problems.push(Problem { place: function.place.clone(), message, remedy: remedy.to_owned() });
            }
        }
    }
    described
}

/// What is wrong with a function's code, and where its template says so.
pub(super) fn place(stacks: &[Stack], error: &LoadError) -> Option<Problem> {
    let function = stacks.iter().flat_map(|stack| &stack.functions).find(|one| one.name == error.function)?;
    let places = &function.places;
    let place = match &*error.problem {
        LoadProblem::Description(DescriptionError::Handler) | LoadProblem::NoHandlerFile { .. } => &places.handler,
        LoadProblem::Description(_) | LoadProblem::Interception(_) | LoadProblem::Shim(_) => &function.place,
        LoadProblem::Interpreter(_) => &places.runtime,
        LoadProblem::Layer { .. } => &places.layers,
        LoadProblem::Code(_)
        | LoadProblem::NoBootstrap(_)
        | LoadProblem::NotExecutable(_)
        | LoadProblem::WrongMachine { .. }
        | LoadProblem::NoProgram(_)
        | LoadProblem::Unreadable { .. } => &places.code,
    };
    let text = error.problem.to_string();
    // Most say at their end what to do.
    let (message, remedy) = text.rsplit_once("; ").unwrap_or((&text, "correct the path, or build the code again"));
    Some(Problem { place: place.clone(), message: message.to_owned(), remedy: remedy.to_owned() })
}

/// Whether a function has layers that are not of its template, and so are not here.
pub(super) fn lacks_layers(stacks: &[Stack], name: &str) -> bool {
    let is_here = |arn: &String| stacks.iter().flat_map(|stack| &stack.layers).any(|layer| layer.arn == *arn);
    let functions = stacks.iter().flat_map(|stack| &stack.functions).filter(|one| one.name == name);
    functions.flat_map(|function| &function.layers).any(|arn| !is_here(arn))
}

/// What is wrong, and what to do.
pub(super) type Refused = (String, &'static str);

fn describe(function: &Function, layers: &[&Layer]) -> Result<ProcessFunction, Refused> {
    let runtime: Runtime = function
        .runtime
        .parse()
        .map_err(|error| (format!("{error}"), "choose one of those, or remove the function"))?;
    let own_code = match rust_build::folder(function)? {
        Some(folder) => Code::Folder(folder),
        None => code(&function.code)?,
    };
    // Layers of others are not here; the template's notes have said so.
    let own = function.layers.iter().filter_map(|arn| layers.iter().find(|layer| layer.arn == *arn));
    Ok(ProcessFunction {
        layers: own.map(|layer| code(&layer.content)).collect::<Result<_, _>>()?,
        environment: function.environment.clone(),
        timeout: Duration::from_secs(function.timeout_seconds.into()),
        memory_mb: function.memory_mb,
        reserved_concurrency: function.reserved_concurrency.map(|places| places as usize),
        events: events(&function.asynchronous),
        qualifiers: function.aliases.iter().map(|alias| (alias.name.clone(), alias.version.clone())).collect(),
        ..ProcessFunction::new(function.name.as_str(), runtime, function.handler.as_str(), own_code)
    })
}

fn events(written: &AsyncInvocation) -> EventOptions {
    // What cannot be delivered to is told when the template is served.
    let destination = |arn: &Option<String>| arn.as_deref().and_then(local_services::destination);
    let defaults = EventOptions::default();
    EventOptions {
        maximum_retry_attempts: written.maximum_retry_attempts.unwrap_or(defaults.maximum_retry_attempts),
        maximum_age: written
            .maximum_event_age_seconds
            .map_or(defaults.maximum_age, |seconds| Duration::from_secs(seconds.into())),
        on_success: destination(&written.on_success),
        on_failure: destination(&written.on_failure),
        dead_letters: destination(&written.dead_letter),
    }
}

fn code(code: &template::Code) -> Result<Code, Refused> {
    match code {
        template::Code::Folder(path) => Ok(Code::Folder(path.clone())),
        template::Code::Zip(path) => Ok(Code::Zip(path.clone())),
        template::Code::Inline(text) => Ok(Code::Inline(text.clone())),
        template::Code::File(path) => {
            Err((format!("its code is the single file {}", path.display()), "name the folder it is in, or a zip"))
        }
    }
}

/// `src/app` of `src/app.handler`, and of `src/app.chat.handler`.
pub(super) fn module(handler: &str) -> &str {
    let file = handler.rfind('/').map_or(0, |slash| slash + 1);
    handler[file..].find('.').map_or(handler, |dot| &handler[..file + dot])
}

/// Whether Node finds a file of the handler.
pub(super) fn has_handler(folder: &Path, handler: &str) -> bool {
    let module = module(handler);
    NODE_EXTENSIONS.iter().any(|extension| folder.join(format!("{module}.{extension}")).is_file())
}
