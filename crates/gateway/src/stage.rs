//! The stages this gateway serves, and how a request finds its own.

use crate::address::{StageAddress, without_port};
use crate::api::compile::compile;
use crate::api::definition::{ApiDefinition, StageDefinition};
use crate::api::deployment::Deployment;
use crate::api::problem::{Checker, Problems};
use crate::api::stage_settings::StageSettings;
use crate::api::wire;
use crate::authorizer::Admission;
use crate::domain::{self, Mapped, Mapping};
use crate::gateway::StartError;
use crate::hub::{Hub, StageIndex};
use crate::traffic::{Logs, Traffic};
use crate::websocket::Wire;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use sluicegate_protocol::StageId;
use std::sync::Arc;

/// One stage of one API, with all a connection to it needs. A change makes a new one in its place.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) id: Arc<StageId>,
    pub(crate) index: StageIndex,
    /// What its sockets take and negotiate.
    pub(crate) wire: Wire,
    /// What every client must pass before its route is looked at.
    pub(crate) admission: Arc<Admission>,
    /// What the stage serves: the API as it is, or as it was when it was deployed.
    deployment: Arc<Deployment>,
    /// Its throttles, metrics and logs.
    traffic: Arc<Traffic>,
    variables: Vec<(String, String)>,
    domain_name: Arc<str>,
    /// Domains of one's own that lead here.
    pub(crate) mappings: Vec<Mapping>,
    written: StageDefinition,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Served,
    /// Removed; known only so that the last of its connections get their `$disconnect`.
    Retired,
}

/// All stages. Requests read them without a lock; changes replace them one at a time.
pub(crate) struct Stages {
    table: ArcSwap<Vec<Arc<Stage>>>,
    changing: Mutex<()>,
    hub: Hub,
    logs: Arc<Logs>,
    domain_name: DomainName,
}

/// The host that events name, by API id.
pub(crate) type DomainName = Box<dyn Fn(&str) -> String + Send + Sync>;

impl Stage {
    pub(crate) fn deployment(&self) -> Arc<Deployment> {
        self.deployment.clone()
    }

    pub(crate) fn traffic(&self) -> Arc<Traffic> {
        self.traffic.clone()
    }

    /// `None` without variables: events then leave the field out.
    pub(crate) fn variables(&self) -> Option<&[(String, String)]> {
        (!self.variables.is_empty()).then_some(self.variables.as_slice())
    }

    /// What events call `domainName`: the host the client dialled if it leads to this API alone, else the API's own.
    pub(crate) fn domain_name(&self, dialled: Option<&str>) -> Arc<str> {
        if let Some(mapping) = dialled.and_then(|host| self.mappings.iter().find(|mapping| mapping.is_for(host))) {
            return mapping.host.clone();
        }
        match dialled.map(without_port) {
            Some(host) if host.contains(".execute-api.") && host != &*self.domain_name => host.into(),
            _ => self.domain_name.clone(),
        }
    }

    /// Whether the stage goes on with what it serves although its API has changed: it neither follows by itself nor was it
    /// given another deployment.
    fn keeps_its_deployment(&self, written: &StageDefinition) -> bool {
        self.standing == Standing::Served && !written.auto_deploy && written.deployment_id == self.written.deployment_id
    }
}

impl Stages {
    /// Checks the definitions and makes their stages known to the hub.
    pub(crate) fn new(
        definitions: Vec<ApiDefinition>,
        domain_name: DomainName,
        hub: &Hub,
        logs: Arc<Logs>,
    ) -> Result<Self, StartError> {
        check_ids(&definitions)?;
        let (table, changing) = (ArcSwap::default(), Mutex::new(()));
        let stages = Self { table, changing, hub: hub.clone(), logs, domain_name };
        for definition in &definitions {
            stages.put(definition)?;
        }
        Ok(stages)
    }

    /// Serves an API, new or changed. Stages that follow by themselves, are new, or name another deployment serve it from
    /// now on; the others go on with what they had. Stages it has no longer are closed.
    pub(crate) fn put(&self, definition: &ApiDefinition) -> Result<(), StartError> {
        let _changing = self.changing.lock();
        let deployment = Arc::new(compile(definition)?);
        // Everything is checked before anything changes.
        for written in &definition.stages {
            admission(definition, written)?;
        }
        let mut table = self.table.load().to_vec();
        for written in &definition.stages {
            let name = written.stage_name.as_str();
            let known = table.iter().position(|stage| *stage.id.api == *definition.api_id && *stage.id.stage == *name);
            let before = known.map(|place| table[place].clone());
            let stage = Arc::new(self.stage(definition, written, &deployment, before.as_deref())?);
            match known {
                Some(place) => table[place] = stage,
                None => table.push(stage),
            }
        }
        let goes = |stage: &Stage| {
            *stage.id.api == *definition.api_id
                && !definition.stages.iter().any(|kept| *kept.stage_name == *stage.id.stage)
        };
        self.replace(table, goes);
        Ok(())
    }

    /// Stops serving an API and closes its connections with 1001.
    pub(crate) fn remove(&self, api: &str) {
        let _changing = self.changing.lock();
        let table = self.table.load().to_vec();
        self.replace(table, |stage| *stage.id.api == *api);
    }

    fn stage(
        &self,
        definition: &ApiDefinition,
        written: &StageDefinition,
        deployment: &Arc<Deployment>,
        before: Option<&Stage>,
    ) -> Result<Stage, StartError> {
        let mut checker = Checker::default();
        let settings = StageSettings::compile(definition, written, &mut checker);
        let settings = checker.finish(settings)?;
        let admission = admission(definition, written)?;
        let wire = wire::wire(&written.sluicegate);
        let id = StageId::new(definition.api_id.as_str(), written.stage_name.as_str());
        // What is counted and throttled goes on where nothing about it changed.
        let traffic = match before {
            Some(before) if before.written == *written => before.traffic.clone(),
            _ => Arc::new(Traffic::new(&id, settings, &self.logs)?),
        };
        let (id, index) = match before {
            Some(before) => {
                self.hub.change_stage(before.index, wire);
                (before.id.clone(), before.index)
            }
            None => self.hub.register_stage(id, wire),
        };
        let deployment = match before {
            Some(before) if before.keeps_its_deployment(written) => before.deployment.clone(),
            _ => deployment.clone(),
        };
        Ok(Stage {
            id,
            index,
            wire,
            admission: Arc::new(admission),
            deployment,
            traffic,
            variables: written.stage_variables.clone().into_iter().collect(),
            domain_name: (self.domain_name)(&definition.api_id).into(),
            mappings: Mapping::of_stage(definition, &written.stage_name),
            written: written.clone(),
            standing: Standing::Served,
        })
    }

    /// Serves this table from now on, without the stages that go. Their connections are closed only when all can see that they
    /// are retired: whoever is admitted meanwhile is closed with the others, or [finds out](Self::is_retired).
    fn replace(&self, mut table: Vec<Arc<Stage>>, goes: impl Fn(&Stage) -> bool) {
        let mut retired = Vec::new();
        for stage in table.iter_mut().filter(|stage| stage.standing == Standing::Served && goes(stage)) {
            retired.push(stage.index);
            *stage = Arc::new(Stage { standing: Standing::Retired, ..Stage::clone(stage) });
        }
        self.table.store(Arc::new(table));
        retired.into_iter().for_each(|index| self.hub.close_stage(index));
    }

    pub(crate) fn find(&self, address: &StageAddress) -> Option<Arc<Stage>> {
        let table = self.table.load();
        let mut served = table.iter().filter(|stage| stage.standing == Standing::Served);
        let found = match &address.api {
            Some(api) => served.find(|stage| *stage.id.api == **api && *stage.id.stage == *address.stage)?,
            // Without a name there must be no doubt which API is meant.
            None => {
                let mut found = None;
                let first = &table.iter().find(|stage| stage.standing == Standing::Served)?.id.api;
                for stage in served {
                    if stage.id.api != *first {
                        return None;
                    }
                    if *stage.id.stage == *address.stage {
                        found = Some(stage);
                    }
                }
                found?
            }
        };
        Some(found.clone())
    }

    /// Reads an address at a domain of one's own. `None` when the host is none, as most are.
    pub(crate) fn at_domain(&self, host: Option<&str>, path: &str) -> Option<Mapped> {
        let table = self.table.load();
        let mapped = |stage: &&Arc<Stage>| stage.standing == Standing::Served && !stage.mappings.is_empty();
        let stages: Vec<_> = table.iter().filter(mapped).collect();
        if stages.is_empty() { None } else { domain::resolve(&stages, host?, path) }
    }

    /// The stages as they are at this moment.
    pub(crate) fn served(&self) -> Vec<Arc<Stage>> {
        self.table.load().iter().filter(|stage| stage.standing == Standing::Served).cloned().collect()
    }

    /// Whether a stage was removed. To be asked after a client was admitted to it: before, it could still be removed unnoticed.
    pub(crate) fn is_retired(&self, index: StageIndex) -> bool {
        self.by_index(index).is_none_or(|stage| stage.standing == Standing::Retired)
    }

    pub(crate) fn by_index(&self, index: StageIndex) -> Option<Arc<Stage>> {
        self.table.load().iter().find(|stage| stage.index == index).cloned()
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
