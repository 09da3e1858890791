//! `.serverless`, as `serverless package` leaves it: a CloudFormation template, the zips that it would upload beside it, and its
//! state, which knows what the stack would be called and where it would be.

use crate::build::Assets;
use crate::document::{Node, parse};
use crate::environment::stack_name;
use crate::files::Files;
use crate::limits;
use std::path::Path;

const STATE: &str = "serverless-state.json";

/// Zips lie beside the template under the last part of their keys.
pub(super) fn assets(folder: &Path) -> Assets {
    Assets::InFolder(folder.to_owned())
}

/// What the framework was told about the deployment.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Deployment {
    /// `{service}-{stage}`, unless it says otherwise.
    pub(super) stack_name: Option<String>,
    pub(super) region: Option<String>,
}

/// Of a state that cannot be read nothing is known; the template is all that is needed.
pub(super) fn deployment(folder: &Path, files: &dyn Files) -> Deployment {
    let text = files.read(&folder.join(STATE), limits::DOCUMENT_BYTES).ok();
    let document = text.and_then(|text| parse(0, &text).ok());
    let Some(service) = document.as_ref().and_then(|document| document.root.get("service")) else {
        return Deployment::default();
    };
    let provider = |key: &str| service.get("provider")?.get(key)?.as_text();
    let made = || Some(format!("{}-{}", service.get("service").and_then(Node::as_text)?, provider("stage")?));
    let name = provider("stackName").map(str::to_owned).or_else(made);
    Deployment { stack_name: name.map(|name| stack_name(&name)), region: provider("region").map(str::to_owned) }
}
