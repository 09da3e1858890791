//! Runs one case, step by step, and says how it went.

mod steps;

use crate::case::{Case, Given, Step};
use crate::names::Names;
use crate::target::{Endpoint, Local, NotStarted, Remote, Target};
use std::collections::BTreeMap;
use steps::Run;

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    /// What went wrong, and at which step.
    Failed(String),
    /// Why it says nothing about this endpoint.
    NotApplicable(String),
}

/// What cases are run against.
#[derive(Clone, Debug)]
pub enum Against {
    /// A gateway of our own for each case.
    Ourselves,
    Endpoint(Endpoint),
}

pub async fn run(case: &Case, against: &Against) -> Outcome {
    if let Against::Endpoint(endpoint) = against
        && let Some(reason) = needs_more_than(endpoint, case)
    {
        return Outcome::NotApplicable(reason.to_owned());
    }
    let once = [BTreeMap::new()];
    let variants = if case.each.is_empty() { &once[..] } else { &case.each };
    for (index, variant) in variants.iter().enumerate() {
        let mut names = Names::default();
        variant.iter().for_each(|(name, value)| names.set(name, value));
        // Metrics are shared by all gateways of a process, so that each has an API of its own name.
        let api = format!("{}{index:06}", case.id.to_lowercase());
        if let Err(error) = run_once(case, &api, names, against).await {
            let variant = if case.each.is_empty() { String::new() } else { format!("{variant:?}: ") };
            return Outcome::Failed(format!("{variant}{error}"));
        }
    }
    Outcome::Passed
}

async fn run_once(case: &Case, api: &str, names: Names, against: &Against) -> Result<(), String> {
    let target = match against {
        Against::Endpoint(endpoint) => Target::Remote(Remote::new(endpoint.clone())),
        Against::Ourselves => {
            let started = Local::start(api, &case.given, names.clone()).await;
            match (started, &case.refused) {
                (Err(NotStarted::Refused(problem)), Some(pattern)) => return names.matches_pattern(pattern, &problem),
                (Err(NotStarted::Refused(problem)), None) => return Err(format!("the API was refused: {problem}")),
                (Err(NotStarted::Broken(problem)), _) => return Err(problem),
                (Ok(local), Some(_)) => {
                    local.stop().await?;
                    return Err("the API is served; it should have been refused".to_owned());
                }
                (Ok(local), None) => Target::Local(Box::new(local)),
            }
        }
    };
    let mut run = Run::new(target, names);
    let result = run.steps(&case.steps).await;
    let ended = run.end().await;
    result.and(ended)
}

/// Why a case cannot be run at an endpoint whose functions, clock and definition are not ours.
fn needs_more_than(endpoint: &Endpoint, case: &Case) -> Option<&'static str> {
    if case.refused.is_some() || case.given.api != Default::default() {
        return Some("changes the API");
    }
    if case.given != Given::default() {
        return Some("changes functions, backends or limits");
    }
    case.steps.iter().find_map(|step| step_needs_more(endpoint, step))
}

fn step_needs_more(endpoint: &Endpoint, step: &Step) -> Option<&'static str> {
    match step {
        Step::Event(event) if event.of == "echo" => None,
        Step::Called(_) | Step::Event(_) => Some("looks at what functions were sent"),
        Step::Backend(_) => Some("looks at what a backend was sent"),
        Step::Advance(_) => Some("moves the clock"),
        Step::Release(_) => Some("decides when a function returns"),
        Step::Change(_) => Some("changes the API"),
        Step::Metrics(_) => Some("reads metrics"),
        Step::AccessLog(_) => Some("reads the access log"),
        Step::Connect(connect) if connect.request.host.is_some() => Some("names a host of its own"),
        Step::Post(request) | Step::Get(request) | Step::Delete(request) => {
            if request.signing.caller.is_some() {
                Some("needs callers with fewer rights")
            } else if request.host.is_some() {
                Some("names a host of its own")
            } else {
                endpoint.owner.is_none().then_some("needs an access key")
            }
        }
        Step::PostUntil(_) => endpoint.owner.is_none().then_some("needs an access key"),
        Step::Repeat(repeat) => repeat.steps.iter().find_map(|step| step_needs_more(endpoint, step)),
        _ => None,
    }
}
