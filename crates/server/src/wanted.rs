//! What is to be served, as files say it at this moment: API files and the template. Nothing is started or created here.

use crate::api_files::{self, ApiFile};
use crate::config::Config;
use crate::converge::Refusal;
use crate::origins::{Origins, Seen};
use crate::stacks::Stacks;
use sluicegate_functions::process::ProcessFunction;
use std::path::Path;

pub(crate) struct Wanted {
    pub(crate) files: Vec<ApiFile>,
    pub(crate) stacks: Stacks,
}

impl Wanted {
    /// Reads everything that the configuration names; and where it looked, whether or not it could be used. Blocks.
    pub(crate) fn read(config: &Config) -> (Result<Self, Refusal>, Seen) {
        let origins = Origins::default();
        let wanted = Self::read_noting(config, &origins);
        (wanted, origins.into_seen())
    }

    fn read_noting(config: &Config, origins: &Origins) -> Result<Self, Refusal> {
        let files = api_files::read(&config.api.0, origins)?;
        let stacks = Stacks::read(config, origins).map_err(Refusal::Template)?;
        Ok(Self { files, stacks })
    }

    /// Builds sources that do not run as they are, into the data folder.
    pub(crate) async fn build(mut self, config: &Config, data: &Path) -> Result<Self, Refusal> {
        self.stacks.build(data, config.node_modules.0.as_deref()).await.map_err(Refusal::Template)?;
        Ok(self)
    }

    /// Every function that runs in processes; variables of those of templates still name addresses on AWS.
    pub(crate) fn process_functions(&self) -> Vec<ProcessFunction> {
        api_files::process_functions(&self.files).chain(self.stacks.described_functions().iter().cloned()).collect()
    }
}
