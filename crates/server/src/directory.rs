//! Where clients find what is served at this moment.

use crate::OutputValue;
use arc_swap::ArcSwap;
use serde::Serialize;
use sluicegate_gateway::api::ApiDefinition;
use std::net::SocketAddr;
use std::sync::Arc;

/// A stage and where clients find it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApiAddress {
    pub id: String,
    pub stage: String,
    pub path: String,
    pub url: String,
}

/// What is told to clients and people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    pub apis: Vec<ApiAddress>,
    /// Of the template, with addresses that lead here.
    pub outputs: Vec<OutputValue>,
}

/// The latest of it. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory(Arc<ArcSwap<Published>>);

impl Directory {
    pub(crate) fn published(&self) -> Arc<Published> {
        self.0.load_full()
    }

    /// Whether it is different from what was published before.
    pub(crate) fn publish(&self, published: Published) -> bool {
        let differs = *self.0.load_full() != published;
        self.0.store(Arc::new(published));
        differs
    }
}

impl Published {
    pub(crate) fn new(listen: SocketAddr, apis: &[ApiDefinition], outputs: Vec<OutputValue>) -> Self {
        Self { apis: apis.iter().flat_map(|api| ApiAddress::of_stages(listen, api)).collect(), outputs }
    }
}

impl ApiAddress {
    fn of_stages(listen: SocketAddr, api: &ApiDefinition) -> impl Iterator<Item = Self> {
        api.stages.iter().map(move |stage| Self::new(listen, &api.api_id, &stage.stage_name))
    }

    fn new(listen: SocketAddr, id: &str, stage: &str) -> Self {
        let path = format!("/{id}/{stage}");
        Self { id: id.into(), stage: stage.into(), url: format!("ws://{listen}{path}"), path }
    }
}
