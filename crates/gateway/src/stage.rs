//! The stages this gateway serves, and how a request finds its own.

use crate::address::{StageAddress, without_port};
use crate::api::compile::compile;
use crate::api::definition::{ApiDefinition, StageDefinition};
use crate::api::deployment::Deployment;
use crate::api::problem::{Checker, Problems};
use crate::authorizer::Admission;
use crate::hub::{Hub, StageIndex};
use arc_swap::ArcSwap;
use sluicegate_protocol::StageId;
use std::sync::Arc;

/// One stage of one API, with all a connection to it needs.
pub(crate) struct Stage {
    pub(crate) id: Arc<StageId>,
    pub(crate) index: StageIndex,
    deployment: ArcSwap<Deployment>,
    variables: Vec<(String, String)>,
    /// What every client must pass before its route is looked at.
    pub(crate) admission: Admission,
    domain_name: Arc<str>,
}

pub(crate) struct Stages {
    stages: Vec<Arc<Stage>>,
    apis: usize,
}

impl Stage {
    /// What the stage serves at this moment.
    pub(crate) fn deployment(&self) -> Arc<Deployment> {
        self.deployment.load_full()
    }

    /// `None` without variables: events then leave the field out.
    pub(crate) fn variables(&self) -> Option<&[(String, String)]> {
        (!self.variables.is_empty()).then_some(self.variables.as_slice())
    }

    /// What events call `domainName`: the host the client dialled if it is an API host, else the API's own.
    pub(crate) fn domain_name(&self, dialled: Option<&str>) -> Arc<str> {
        match dialled.map(without_port) {
            Some(host) if host.contains(".execute-api.") && host != &*self.domain_name => host.into(),
            _ => self.domain_name.clone(),
        }
    }
}

impl Stages {
    /// Checks the definitions and makes their stages known to the hub.
    pub(crate) fn new(
        definitions: Vec<ApiDefinition>,
        domain_name: impl Fn(&str) -> String,
        hub: &Hub,
    ) -> Result<Self, Problems> {
        check_ids(&definitions)?;
        let apis = definitions.len();
        let mut stages = Vec::new();
        for definition in definitions {
            let deployment = Arc::new(compile(&definition)?);
            let domain_name: Arc<str> = domain_name(&definition.api_id).into();
            for stage in &definition.stages {
                let StageDefinition { stage_name, stage_variables, .. } = stage;
                let admission = admission(&definition, stage)?;
                let (id, index) = hub.register_stage(StageId::new(&*definition.api_id, stage_name.as_str()));
                let variables = stage_variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
                let deployment = ArcSwap::new(deployment.clone());
                let domain_name = domain_name.clone();
                stages.push(Arc::new(Stage { id, index, deployment, variables, admission, domain_name }));
            }
        }
        Ok(Self { stages, apis })
    }

    pub(crate) fn find(&self, address: &StageAddress) -> Option<&Arc<Stage>> {
        self.stages.iter().find(|stage| {
            let api_matches = match &address.api {
                Some(api) => *stage.id.api == **api,
                None => self.apis == 1,
            };
            api_matches && *stage.id.stage == *address.stage
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Stage>> {
        self.stages.iter()
    }

    pub(crate) fn by_index(&self, index: StageIndex) -> Option<&Arc<Stage>> {
        self.stages.iter().find(|stage| stage.index == index)
    }
}

fn admission(definition: &ApiDefinition, stage: &StageDefinition) -> Result<Admission, Problems> {
    let mut checker = Checker::default();
    let admission = checker.at(format!("API {}, stage {}", definition.api_id, stage.stage_name), |checker| {
        Admission::compile(definition, stage, checker)
    });
    checker.finish(admission)
}

fn check_ids(definitions: &[ApiDefinition]) -> Result<(), Problems> {
    let mut checker = Checker::default();
    for (index, definition) in definitions.iter().enumerate() {
        if definitions[..index].iter().any(|earlier| earlier.api_id == definition.api_id) {
            checker.at(format!("API {}", definition.api_id), |checker| {
                checker.problem("there is another API with this id", "give one of them another");
            });
        }
    }
    checker.finish(())
}
