//! Templates served: what a deployment template describes, brought to the parts of this server that do it.
//!
//! ```text
//! template ─→ Stack ─┬→ tables, queues, topics (created before functions can write to them)
//!                    ├→ functions ─→ processes, with addresses that lead here
//!                    ├→ APIs ─→ gateway
//!                    └→ event source mappings
//! ```
//!
//! Everything is translated when the template is read, so that whatever is not served is told with its place before anything
//! is started or created.

mod addresses;
mod esbuild;
mod functions;
mod mappings;
mod messaging;
mod missing;
mod notes;
mod rust_build;
mod tables;

pub use addresses::OutputValue;

use crate::check;
use crate::config::Config;
use crate::origins::Origins;
use addresses::Addresses;
use esbuild::Bundle;
use sluicegate_functions::process::{Code, LoadError, LoadProblem, ProcessFunction};
use sluicegate_gateway::api::ApiDefinition;
use sluicegate_mappings::Mapping;
use sluicegate_mappings::queue::QueueMapping;
use sluicegate_queues::{QueueChange, Queues};
use sluicegate_tables::{TableChange, Tables};
use sluicegate_template::{ApiKey, Environment, Options, Problem, Problems, Stack, UsagePlan};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::path::Path;

/// The stacks of a template, ready to be served.
pub(crate) struct Stacks {
    stacks: Vec<Stack>,
    apis: Vec<ApiDefinition>,
    functions: Vec<ProcessFunction>,
    /// Functions whose code is to be built before they can run.
    bundles: Vec<Bundle>,
    mappings: Vec<Mapping>,
    queue_mappings: Vec<QueueMapping>,
}

/// Why a template that is right cannot be served today.
pub(crate) fn unserved(stacks: &[Stack]) -> Vec<Problem> {
    Stacks::translate(stacks.to_vec()).err().map(|problems| problems.problems).unwrap_or_default()
}

impl Stacks {
    /// Reads the template that the configuration names; without one there are no stacks.
    pub(crate) fn read(config: &Config, origins: &Origins) -> Result<Self, Problems> {
        let stacks = match &config.template.0 {
            Some(file) => check::read(file, origins, &options(config, origins)?)?,
            None => Vec::new(),
        };
        origins.add_code(&stacks);
        Self::translate(stacks)
    }

    /// Brings stacks into the words of those who serve them; what none of them does is a problem.
    fn translate(stacks: Vec<Stack>) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let functions = functions::described(&stacks, &mut problems);
        let bundles = bundles(&stacks, &mut problems);
        let mappings = mappings::asked(&stacks, &mut problems);
        let queue_mappings = messaging::mappings(&stacks, &mut problems);
        let apis = apis(&stacks, &mut problems);
        if problems.is_empty() {
            return Ok(Self { stacks, apis, functions, bundles, mappings, queue_mappings });
        }
        problems.sort_by(|one, other| one.place.cmp(&other.place));
        Err(Problems { problems, more: 0 })
    }

    /// Builds sources that do not run as they are, into the data folder; their functions run what was built.
    pub(crate) async fn build(&mut self, data: &Path, node_modules: Option<&Path>) -> Result<(), Problems> {
        let built = esbuild::build(&self.bundles, data, node_modules).await;
        for (name, folder) in built.map_err(|problems| Problems { problems, more: 0 })? {
            self.functions
                .iter_mut()
                .filter(|one| one.name == name)
                .for_each(|one| one.code = Code::Folder(folder.clone()));
        }
        Ok(())
    }

    /// Logs what is left out.
    pub(crate) fn tell_notes(&self) {
        notes::tell(&self.stacks);
    }

    pub(crate) fn api_keys(&self) -> impl Iterator<Item = &ApiKey> {
        self.stacks.iter().flat_map(|stack| &stack.api_keys)
    }

    pub(crate) fn usage_plans(&self) -> impl Iterator<Item = &UsagePlan> {
        self.stacks.iter().flat_map(|stack| &stack.usage_plans)
    }

    pub(crate) fn apis(&self) -> &[ApiDefinition] {
        &self.apis
    }

    pub(crate) fn queue_mappings(&self) -> &[QueueMapping] {
        &self.queue_mappings
    }

    pub(crate) fn mappings(&self) -> &[Mapping] {
        &self.mappings
    }

    /// As the template has them; their variables still name addresses on AWS.
    pub(crate) fn described_functions(&self) -> &[ProcessFunction] {
        &self.functions
    }

    /// A problem for each table that is there and cannot become what the template wants. Changes nothing.
    pub(crate) async fn check_tables(&self, tables: &Tables) -> Result<(), Problems> {
        let mut problems = Vec::new();
        for table in self.stacks.iter().flat_map(|stack| &stack.tables) {
            problems.extend(tables::check(table, tables).await.err());
        }
        if problems.is_empty() { Ok(()) } else { Err(Problems { problems, more: 0 }) }
    }

    /// A problem for each queue that is needed and will not be there, and for whatever else about queues and topics can be told
    /// beforehand. Changes nothing.
    pub(crate) async fn check_queues(&self, queues: &Queues) -> Result<(), Problems> {
        let problems = messaging::check(&self.stacks, queues).await;
        if problems.is_empty() { Ok(()) } else { Err(Problems { problems, more: 0 }) }
    }

    /// Creates the tables that are missing and brings those that exist in line; by name, what was done.
    pub(crate) async fn converge_tables(&self, tables: &Tables) -> Result<Vec<(String, TableChange)>, Problems> {
        let mut changes = Vec::new();
        for table in self.stacks.iter().flat_map(|stack| &stack.tables) {
            let change = tables::converge(table, tables).await;
            let change = change.map_err(|problem| Problems { problems: vec![problem], more: 0 })?;
            changes.push((table.name.clone(), change));
        }
        Ok(changes)
    }

    /// Whether what is missing may be in a layer that is not here.
    pub(crate) fn is_forgiven(&self, error: &LoadError) -> bool {
        matches!(*error.problem, LoadProblem::NoHandlerFile { .. })
            && functions::lacks_layers(&self.stacks, &error.function)
    }

    /// Where the template says what cannot be loaded; `None` if the function is not of a template.
    pub(crate) fn place_load_error(&self, error: &LoadError) -> Option<Problem> {
        functions::place(&self.stacks, error)
    }

    /// Creates queues, topics and subscriptions that are missing, and gives those that exist the settings of the template; by
    /// name, what was done to queues.
    pub(crate) async fn converge_queues(&self, queues: &Queues) -> Result<Vec<(String, QueueChange)>, Problems> {
        let converged = messaging::converge(&self.stacks, queues).await;
        converged.map_err(|problem| Problems { problems: vec![problem], more: 0 })
    }

    /// What addresses of the stacks are here. The tables must be there: their streams have got names.
    pub(crate) fn addresses(&self, listen: SocketAddr, tables: &Tables) -> Addresses<'_> {
        Addresses::new(&self.stacks, listen, tables)
    }

    /// With variables as handlers are to see them.
    pub(crate) fn functions(&self, addresses: &Addresses<'_>) -> Vec<ProcessFunction> {
        let local = |function: &ProcessFunction| {
            let mut function = function.clone();
            function.environment.values_mut().for_each(|value| *value = addresses.for_functions(value));
            function
        };
        self.functions.iter().map(local).collect()
    }

    /// Those of nested stacks are for the stacks around them.
    pub(crate) fn outputs(&self, addresses: &Addresses<'_>) -> Vec<OutputValue> {
        let shown = self.stacks.iter().filter(|stack| stack.nested_in.is_none());
        let each = shown.flat_map(|stack| stack.outputs.iter().map(move |output| (stack, output)));
        each.map(|(stack, output)| OutputValue {
            stack: stack.name.clone(),
            name: output.name.clone(),
            value: addresses.for_clients(&output.value),
            description: output.description.clone(),
        })
        .collect()
    }
}

fn options(config: &Config, origins: &Origins) -> Result<Options, Problems> {
    let mut parameters = match &config.parameters.0 {
        Some(file) => check::parameter_file(file, origins)?,
        None => Default::default(),
    };
    parameters.extend(config.parameter.0.clone());
    Ok(Options {
        stack_name: config.stack_name.0.clone(),
        working_folder: check::working_folder(),
        environment: Environment::new(config.region.to_string(), config.account.to_string()),
        parameters,
        ..Options::default()
    })
}

fn bundles(stacks: &[Stack], problems: &mut Vec<Problem>) -> Vec<Bundle> {
    let mut bundles = Vec::new();
    for function in stacks.iter().flat_map(|stack| &stack.functions) {
        match Bundle::of(function) {
            Ok(bundle) => bundles.extend(bundle),
            Err((message, remedy)) => problems.push(Problem { place: function.place.clone(), message, remedy }),
        }
    }
    bundles
}

fn apis(stacks: &[Stack], problems: &mut Vec<Problem>) -> Vec<ApiDefinition> {
    let mut definitions = Vec::new();
    for api in stacks.iter().flat_map(|stack| &stack.apis) {
        match check::definition(api) {
            Ok(definition) => definitions.push(deployed(definition)),
            Err(error) => problems.push(Problem {
                place: api.place.clone(),
                message: error.to_string(),
                remedy: "report this: the template was accepted".to_owned(),
            }),
        }
    }
    definitions
}

/// Whoever changes a template wants the change served, whether or not it makes another deployment of it: so the deployment of
/// each stage is named after what the API says.
fn deployed(mut api: ApiDefinition) -> ApiDefinition {
    let mut hash = DefaultHasher::new();
    // What was read from JSON can be written as such.
    serde_json::to_string(&api).unwrap_or_default().hash(&mut hash);
    let id = format!("{:016x}", hash.finish());
    for stage in api.stages.iter_mut().filter(|stage| !stage.auto_deploy) {
        stage.deployment_id = Some(id.clone());
    }
    api
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OptionalFile;
    use std::path::Path;

    fn read(template: &Path) -> Result<Stacks, Problems> {
        let config = Config { template: OptionalFile(Some(template.to_owned())), ..Config::default() };
        Stacks::read(&config, &Origins::default())
    }

    #[test]
    fn what_is_not_served_is_refused_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let template = folder.path().join("refused.yaml");
        let text = "\
Transform: AWS::Serverless-2016-10-31
Resources:
  Orders:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: KEYS_ONLY}
  Jobs: {Type: AWS::SQS::Queue}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: nodejs22.x
      Handler: index.handler
      InlineCode: exports.handler = async () => {}
      Events:
        Changes:
          Type: DynamoDB
          Properties: {Stream: !GetAtt Orders.StreamArn, StartingPosition: LATEST, TumblingWindowInSeconds: 9}
        Jobs:
          Type: SQS
          Properties: {Queue: !GetAtt Jobs.Arn, BatchSize: 100, MaximumRetryAttempts: 3}
";
        std::fs::write(&template, text).unwrap();
        let told = read(&template).err().expect("it asks for what is not there").to_string();
        for expected in [
            "Resources.Work.Properties.Events.Changes: TumblingWindowInSeconds of event source mappings is not served yet",
            "Resources.Work.Properties.Events.Jobs: MaximumRetryAttempts is for streams; queues do not have it",
            "Resources.Work.Properties.Events.Jobs: InvalidParameterValueException: Maximum batch window in seconds must be",
        ] {
            assert!(told.contains(expected), "{expected}\n{told}");
        }
        for line in told.lines() {
            assert!(line.contains("refused.yaml:"), "{line}");
        }
    }

    #[test]
    fn sources_of_esbuild_are_looked_at_before_anything_is_built() {
        let folder = tempfile::tempdir().unwrap();
        let template = folder.path().join("typed.yaml");
        let text = "\
Transform: AWS::Serverless-2016-10-31
Resources:
  Chat:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: esbuild, BuildProperties: {EntryPoints: [app]}}
    Properties: {Runtime: nodejs22.x, Handler: app.handler, CodeUri: src}
";
        std::fs::write(&template, text).unwrap();
        std::fs::create_dir(folder.path().join("src")).unwrap();
        let told = read(&template).err().expect("it has no source").to_string();
        assert!(told.contains("typed.yaml:3:3: Resources.Chat: there is no source `app` in"), "{told}");
        std::fs::write(folder.path().join("src/app.ts"), "").unwrap();
        let told = read(&template).err().expect("there is no esbuild").to_string();
        assert!(told.contains("esbuild, which is not there; run `npm install --save-dev esbuild`"), "{told}");
        let bin = folder.path().join("node_modules/.bin");
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::write(bin.join("esbuild"), "").unwrap();
        let bundles = |template: &Path| read(template).unwrap_or_else(|told| panic!("{told}")).bundles.len();
        assert_eq!(bundles(&template), 1);
        // What `sam build` leaves has been built.
        let built = folder.path().join(".aws-sam/build");
        std::fs::create_dir_all(built.join("src")).unwrap();
        std::fs::write(built.join("src/app.js"), "").unwrap();
        std::fs::copy(&template, built.join("template.yaml")).unwrap();
        assert_eq!(bundles(&built.join("template.yaml")), 0);
    }

    #[test]
    fn examples_are_served() {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
        for (example, apis, functions, mappings) in [
            ("chat-node", 1, 3, 0),
            ("authorizer", 1, 2, 0),
            ("chat-python", 1, 1, 0),
            ("guestbook", 1, 0, 0),
            ("stream-notify", 1, 2, 1),
            ("queue-node", 1, 3, 1),
        ] {
            let stacks = read(&examples.join(example).join("template.yaml")).unwrap_or_else(|told| panic!("{told}"));
            let mappings_here = stacks.mappings.len() + stacks.queue_mappings.len();
            let counts = (stacks.apis.len(), stacks.functions.len(), mappings_here);
            assert_eq!(counts, (apis, functions, mappings), "{example}");
            assert_eq!(stacks.stacks[0].name, example);
        }
        let none = Stacks::read(&Config::default(), &Origins::default()).unwrap_or_else(|told| panic!("{told}"));
        assert!(none.stacks.is_empty());
    }
}
