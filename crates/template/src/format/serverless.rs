//! `.serverless`, as `serverless package` leaves it: a CloudFormation template, and the zips that it would upload beside it.

use crate::build::Assets;
use std::path::Path;

/// Zips lie beside the template under the last part of their keys.
pub(super) fn assets(folder: &Path) -> Assets {
    Assets::InFolder(folder.to_owned())
}
