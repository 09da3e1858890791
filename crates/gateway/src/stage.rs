//! The stages this gateway serves, and how a request finds its own.

use crate::address::{StageAddress, without_port};
use crate::api::{Api, ApiDefinition, DefinitionError};
use crate::hub::{Hub, StageIndex};
use sluicegate_protocol::StageId;
use std::sync::Arc;

/// One stage of one API, with all a connection to it needs.
pub(crate) struct Stage {
    pub(crate) api: Arc<Api>,
    pub(crate) id: Arc<StageId>,
    pub(crate) index: StageIndex,
    variables: Vec<(String, String)>,
    domain_name: Arc<str>,
}

pub(crate) struct Stages {
    stages: Vec<Arc<Stage>>,
    apis: usize,
}

impl Stage {
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
    ) -> Result<Self, DefinitionError> {
        let apis = definitions.len();
        let mut stages: Vec<Arc<Stage>> = Vec::new();
        for definition in definitions {
            let api = Arc::new(Api::new(definition)?);
            if stages.iter().any(|stage| stage.api.id == api.id) {
                return Err(DefinitionError::DuplicateApi(api.id.clone()));
            }
            let domain_name: Arc<str> = domain_name(&api.id).into();
            for definition in &api.stages {
                let (id, index) = hub.register_stage(StageId::new(api.id.clone(), definition.name.clone()));
                let variables = definition.variables.clone();
                stages.push(Arc::new(Stage {
                    api: api.clone(),
                    id,
                    index,
                    variables,
                    domain_name: domain_name.clone(),
                }));
            }
        }
        Ok(Self { stages, apis })
    }

    pub(crate) fn find(&self, address: &StageAddress) -> Option<&Arc<Stage>> {
        self.stages.iter().find(|stage| {
            let api_matches = match &address.api {
                Some(api) => *stage.api.id == **api,
                None => self.apis == 1,
            };
            api_matches && *stage.id.stage == *address.stage
        })
    }

    pub(crate) fn by_index(&self, index: StageIndex) -> Option<&Arc<Stage>> {
        self.stages.iter().find(|stage| stage.index == index)
    }
}
