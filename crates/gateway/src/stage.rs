//! The stages this gateway serves, and how a request finds its own.

use crate::access_log::AccessLogs;
use crate::address::{StageAddress, without_port};
use crate::api::compile::compile;
use crate::api::definition::{ApiDefinition, StageDefinition};
use crate::api::deployment::Deployment;
use crate::api::problem::{Checker, Problems};
use crate::api::stage_settings::StageSettings;
use crate::api::wire;
use crate::authorizer::Admission;
use crate::gateway::StartError;
use crate::hub::{Hub, StageIndex};
use crate::traffic::Traffic;
use crate::websocket::Compression;
use arc_swap::ArcSwap;
use sluicegate_protocol::StageId;
use std::sync::Arc;

/// One stage of one API, with all a connection to it needs.
pub(crate) struct Stage {
    pub(crate) id: Arc<StageId>,
    pub(crate) index: StageIndex,
    /// What a client may negotiate.
    pub(crate) compression: Compression,
    deployment: ArcSwap<Deployment>,
    traffic: ArcSwap<Traffic>,
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

    /// Its throttles, metrics and access log.
    pub(crate) fn traffic(&self) -> Arc<Traffic> {
        self.traffic.load_full()
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
        access_logs: &AccessLogs,
    ) -> Result<Self, StartError> {
        check_ids(&definitions)?;
        let apis = definitions.len();
        let mut stages = Vec::new();
        for definition in definitions {
            let deployment = Arc::new(compile(&definition)?);
            let domain_name: Arc<str> = domain_name(&definition.api_id).into();
            for written in &definition.stages {
                let mut checker = Checker::default();
                let settings = StageSettings::compile(&definition, written, &mut checker);
                let settings = checker.finish(settings)?;
                let admission = admission(&definition, written)?;
                let wire = wire::wire(&written.sluicegate);
                let id = StageId::new(&*definition.api_id, written.stage_name.as_str());
                let traffic = ArcSwap::from_pointee(Traffic::new(&id, settings, access_logs)?);
                let (id, index) = hub.register_stage(id, wire);
                let variables =
                    written.stage_variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
                stages.push(Arc::new(Stage {
                    id,
                    index,
                    compression: wire.compression,
                    deployment: ArcSwap::new(deployment.clone()),
                    traffic,
                    variables,
                    admission,
                    domain_name: domain_name.clone(),
                }));
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
